#include "runtime/relay/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::relay {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CoreTest : public testing::Test {
 protected:
  static v1::Pull Pull(const std::string& stream, const std::string& url = "rtmp://o/live/a") {
    v1::Pull pull;
    pull.set_stream(stream);
    pull.set_url(url);
    return pull;
  }
  void Assign(const std::vector<v1::Pull>& pulls, const std::vector<v1::Push>& pushes = {}) {
    v1::RelayAssignments assignments;
    for (const v1::Pull& pull : pulls) *assignments.add_pulls() = pull;
    for (const v1::Push& push : pushes) *assignments.add_pushes() = push;
    core_.Assign(assignments, now_);
  }
  void Sleep(int64_t ms) {
    now_.steady_ms += ms;
    now_.unix_ms += ms;
    core_.OnTimer(now_, attached_);
  }
  // "start pull live/a rtmp://…", "stop push main goodbye"
  std::vector<std::string> Actions() {
    std::vector<std::string> texts;
    for (const Action& action : core_.TakeActions()) {
      if (const auto* start = std::get_if<StartAction>(&action)) {
        const std::string url = std::visit([](const auto& job) { return job.url(); }, start->job);
        texts.push_back("start " + start->id.name + " " + url);
      } else {
        const auto& stop = std::get<StopAction>(action);
        texts.push_back("stop " + stop.id.name +
                        (stop.kind == StopKind::kGoodbye ? " goodbye" : " hand over"));
      }
    }
    return texts;
  }
  v1::RelayStatus Status() const {
    const v1::RelayUpdate all = core_.Describe();
    return all.changed().empty() ? v1::RelayStatus() : all.changed(0).status();
  }
  // Milliseconds until it is tried again.
  int64_t Wait() const { return core_.NextDeadline().value_or(-1) - now_.steady_ms; }
  void Fail(End end = End::kLost) { core_.Ended(kId, end, "why", now_); }

  const JobId kId{false, "live/a"};
  double random_ = 0;
  bool attached_ = true;
  Time now_{1'000, 1'700'000'000'000};
  Core core_{[this] { return random_; }};
};

TEST_F(CoreTest, RunsWhatIsAssigned) {
  Assign({Pull("live/a")});
  EXPECT_THAT(Actions(), ElementsAre("start live/a rtmp://o/live/a"));
  EXPECT_EQ(Status().state(), v1::RELAY_CONNECTING);
  EXPECT_EQ(Status().attempts(), 1u);
  Sleep(40);
  core_.Running(kId, "rtmp-1", now_);
  EXPECT_EQ(Status().state(), v1::RELAY_RUNNING);
  EXPECT_EQ(Status().session(), "rtmp-1");
  EXPECT_EQ(Status().since_unix_ms(), now_.unix_ms);
  EXPECT_EQ(Status().attempts(), 0u);
  EXPECT_FALSE(core_.NextDeadline());
  // The same again changes nothing.
  Assign({Pull("live/a")});
  EXPECT_THAT(Actions(), IsEmpty());
  Assign({});
  EXPECT_THAT(Actions(), ElementsAre("stop live/a goodbye"));
  Assign({});
  EXPECT_THAT(Actions(), IsEmpty());
  core_.Ended(kId, End::kStopped, "", now_);
  EXPECT_THAT(core_.Describe().changed(), IsEmpty());
  EXPECT_TRUE(core_.Describe().complete());
}

TEST_F(CoreTest, PullsAndPushesOfOneNameAreApart) {
  v1::Push push;
  push.set_name("live/a");
  push.set_url("rtmp://far/x/y");
  Assign({Pull("live/a")}, {push});
  EXPECT_THAT(Actions(),
              ElementsAre("start live/a rtmp://o/live/a", "start live/a rtmp://far/x/y"));
  EXPECT_EQ(core_.Count(false)[v1::RELAY_CONNECTING], 1);
  EXPECT_EQ(core_.Count(true)[v1::RELAY_CONNECTING], 1);
  Assign({Pull("live/a")});
  EXPECT_THAT(Actions(), ElementsAre("stop live/a goodbye"));
}

TEST_F(CoreTest, TriesAgainLaterAndLater) {
  Assign({Pull("live/a")});
  Actions();
  // The lower half of each delay: 500 ms, 1 s, 2 s … 10 s.
  for (const int64_t delay : {250, 500, 1'000, 2'000, 4'000, 5'000, 5'000}) {
    Fail();
    EXPECT_EQ(Status().state(), v1::RELAY_BACKING_OFF);
    EXPECT_EQ(Status().reason(), "why");
    EXPECT_EQ(Status().next_try_unix_ms(), now_.unix_ms + delay);
    ASSERT_EQ(Wait(), delay);
    Sleep(delay - 1);
    EXPECT_THAT(Actions(), IsEmpty());
    Sleep(1);
    EXPECT_THAT(Actions(), ElementsAre("start live/a rtmp://o/live/a"));
    EXPECT_EQ(Status().reason(), "why");  // of the last attempt, while the next one connects
  }
  EXPECT_EQ(Status().attempts(), 8u);
  random_ = 0.999;
  Fail();
  EXPECT_NEAR(Wait(), 10'000, 10);
}

TEST_F(CoreTest, WhoRanForAWhileBeginsWithTheFirstDelay) {
  Assign({Pull("live/a")});
  for (int i = 0; i < 4; ++i) {
    Fail();
    Sleep(Wait());
  }
  core_.Running(kId, "s", now_);
  Sleep(Core::kSteadyMs - 1);
  Fail();  // not long enough: it may only be accepted to be thrown out
  EXPECT_EQ(Wait(), 4'000);
  Sleep(Wait());
  core_.Running(kId, "s", now_);
  Sleep(Core::kSteadyMs);
  Fail();
  EXPECT_EQ(Wait(), 250);
}

TEST_F(CoreTest, AnotherDefinitionTakesThePlaceOfTheFirst) {
  Assign({Pull("live/a")});
  Actions();
  core_.Running(kId, "s", now_);
  Assign({Pull("live/a", "rtmp://other/x/y")});
  EXPECT_THAT(Actions(), ElementsAre("stop live/a hand over"));
  core_.Ended(kId, End::kStopped, "", now_);
  EXPECT_THAT(Actions(), ElementsAre("start live/a rtmp://other/x/y"));
  // While it waits it need not wait any longer.
  Fail();
  Assign({Pull("live/a", "rtmp://third/x/y")});
  EXPECT_THAT(Actions(), ElementsAre("start live/a rtmp://third/x/y"));
  EXPECT_EQ(Status().attempts(), 1u);
}

TEST_F(CoreTest, TakenAwayAndGivenBackWhileItStops) {
  Assign({Pull("live/a")});
  Assign({});
  Assign({Pull("live/a")});
  EXPECT_THAT(Actions(), ElementsAre("start live/a rtmp://o/live/a", "stop live/a goodbye"));
  core_.Ended(kId, End::kStopped, "", now_);
  EXPECT_THAT(Actions(), ElementsAre("start live/a rtmp://o/live/a"));
}

TEST_F(CoreTest, WhatWaitsIsForgottenAtOnce) {
  Assign({Pull("live/a")});
  Fail();
  Actions();
  Assign({});
  EXPECT_THAT(Actions(), IsEmpty());
  EXPECT_FALSE(core_.NextDeadline());
  EXPECT_THAT(core_.Describe().changed(), IsEmpty());
}

TEST_F(CoreTest, AKickIsRespectedForAWhile) {
  Assign({Pull("live/a")});
  core_.Running(kId, "s", now_);
  Fail(End::kKicked);
  EXPECT_EQ(Wait(), Core::kKickedDelayMs);
}

TEST_F(CoreTest, WithoutAControlPlaneAStreamThatWasTakenOverIsLeftAlone) {
  Assign({Pull("live/a")});
  core_.Running(kId, "s", now_);
  Actions();
  attached_ = false;
  Fail(End::kReplaced);
  EXPECT_EQ(Wait(), Core::kReplacedDelayMs);
  for (int i = 0; i < 20; ++i) Sleep(Core::kMaxDelayMs);
  EXPECT_THAT(Actions(), IsEmpty());
  attached_ = true;
  Sleep(Core::kMaxDelayMs);
  EXPECT_THAT(Actions(), ElementsAre("start live/a rtmp://o/live/a"));
  // Whatever else it was, it needs no control plane to be tried again.
  attached_ = false;
  Fail(End::kLost);
  Sleep(Core::kMaxDelayMs);
  EXPECT_THAT(Actions(), ElementsAre("start live/a rtmp://o/live/a"));
}

TEST_F(CoreTest, ADrainingNodeHandsOverAndStartsNothing) {
  Assign({Pull("live/a"), Pull("live/b")});
  Actions();
  Fail();
  core_.Drain();
  EXPECT_FALSE(core_.NextDeadline());
  Sleep(60'000);
  Assign({Pull("live/a"), Pull("live/c")});
  EXPECT_THAT(Actions(), ElementsAre("stop live/b hand over"));
}

TEST_F(CoreTest, EventsOfWhatIsNotThereAreIgnored) {
  core_.Running(kId, "s", now_);
  core_.Ended(kId, End::kLost, "", now_);
  Assign({Pull("live/a")});
  Fail();
  Fail();  // it has ended already
  core_.Running(kId, "s", now_);
  EXPECT_EQ(Status().state(), v1::RELAY_BACKING_OFF);
}

TEST_F(CoreTest, ListedTwiceIsOnce) {
  Assign({Pull("live/a"), Pull("live/a", "rtmp://other/x/y")});
  EXPECT_THAT(Actions(), ElementsAre("start live/a rtmp://o/live/a"));
}

}  // namespace
}  // namespace millrace::relay
