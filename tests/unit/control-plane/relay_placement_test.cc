#include "control-plane/relay_placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control-plane/store/sqlite_store.h"

namespace millrace::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RelayPlacementTest : public testing::Test {
 protected:
  RelayPlacementTest() {
    placement_.Start(now_);
    now_ += RelayPlacement::kSettleMs;
    Router();
  }

  void AddPull(const std::string& stream, uint64_t idle_ms = 0,
               const std::string& url = "rtmp://o/a/b") {
    v1::Pull pull;
    pull.set_stream(stream);
    pull.set_url(url);
    pull.set_on_demand(idle_ms > 0);
    pull.set_idle_timeout_ms(idle_ms);
    ASSERT_TRUE(book_.Add(pull, true).ok());
  }
  void AddPush(const std::string& stream) {
    v1::Push push;
    push.set_stream(stream);
    push.set_url("rtmp://far/a/key");
    ASSERT_TRUE(book_.Add(push, true).ok());
  }
  void Router() {
    v1::Register registration;
    registration.set_node("router");
    registration.set_kind(v1::NODE_KIND_ROUTER);
    directory_.Attach(registration, "10.0.0.1", now_);
  }
  // A gateway that is there and has said that it runs `pulls`.
  void Attach(const std::string& node, const std::vector<std::string>& pulls = {},
              const std::string& scheme = "rtmp") {
    v1::Register registration;
    registration.set_node(node);
    registration.set_kind(v1::NODE_KIND_RTMP_GATEWAY);
    registration.add_pull_schemes(scheme);
    registration.add_push_schemes(scheme);
    directory_.Attach(registration, "10.0.0.2", now_);
    Beat(node);
    v1::RelayUpdate update;
    update.set_complete(true);
    for (const std::string& pull : pulls) {
      v1::RelayReport& report = *update.add_changed();
      report.set_pull(pull);
      report.mutable_status()->set_state(v1::RELAY_RUNNING);
    }
    placement_.Report(node, update, now_);
  }
  void Beat(const std::string& node, bool ready = true, bool draining = false) {
    v1::Heartbeat heartbeat;
    heartbeat.set_ready(ready);
    heartbeat.set_draining(draining);
    directory_.Heartbeat(node, heartbeat, now_);
  }
  void Detach(const std::string& node) {
    directory_.Detach(node, now_);
    placement_.Detached(node, now_);
  }
  void Watch(const std::string& stream, bool there) {
    v1::SessionUpdate update;
    if (there) {
      v1::Session& session = *update.add_opened_or_changed();
      session.set_id("viewer-" + stream);
      session.set_role(v1::ROLE_VIEWER);
      session.set_stream(stream);
    } else {
      update.add_closed("viewer-" + stream);
    }
    directory_.UpdateSessions("viewers", update);
  }
  void Stream(const std::string& name, v1::StreamState state) {
    v1::StreamUpdate update;
    v1::Stream& stream = *update.add_changed();
    stream.set_name(name);
    stream.set_state(state);
    directory_.UpdateStreams("router", update, now_);
  }
  // Lets `ms` pass in ticks; who was told meanwhile.
  std::set<std::string> Pass(int64_t ms = 0) {
    std::set<std::string> told;
    const int64_t end = now_ + ms;
    while (true) {
      for (const std::string& node : placement_.Plan(directory_, bans_, now_)) told.insert(node);
      if (now_ >= end) return told;
      now_ += 100;
    }
  }
  // Names of what the node has.
  std::vector<std::string> Of(const std::string& node) {
    std::vector<std::string> names;
    const v1::RelayAssignments assignments = placement_.AssignmentsOf(node);
    for (const v1::Pull& pull : assignments.pulls()) names.push_back(pull.stream());
    for (const v1::Push& push : assignments.pushes()) names.push_back("push " + push.name());
    return names;
  }
  v1::RelayStatus Status(const std::string& stream) { return placement_.PullStatus(stream); }

  int64_t now_ = 1'000'000;
  std::unique_ptr<Store> store_ = *OpenSqliteStore(":memory:");
  RelayBook book_{*store_};
  BanBook bans_{*store_};
  Directory directory_{15'000};
  RelayPlacement placement_{book_};
};

TEST_F(RelayPlacementTest, OneOwnerEachEvenly) {
  Attach("a");
  Attach("b");
  for (const char* stream : {"live/1", "live/2", "live/3", "live/4"}) AddPull(stream);
  EXPECT_THAT(Pass(), ElementsAre("a", "b"));
  EXPECT_EQ(Of("a").size(), 2u);
  EXPECT_EQ(Of("b").size(), 2u);
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_CONNECTING);
  EXPECT_EQ(Status("live/1").node(), "a");
  EXPECT_THAT(Pass(5'000), IsEmpty());
}

TEST_F(RelayPlacementTest, OnlyNodesThatCan) {
  AddPull("live/1");
  AddPull("live/2", 0, "RTSP://cam/x");
  Attach("a");
  Attach("b");
  Beat("a", /*ready=*/false);
  Pass();
  EXPECT_THAT(Of("b"), ElementsAre("live/1"));
  EXPECT_EQ(Status("live/2").state(), v1::RELAY_UNASSIGNED);
  EXPECT_THAT(Status("live/2").reason(), HasSubstr("start an rtsp-gateway"));
  Attach("c", {}, "rtsp");
  EXPECT_THAT(Pass(), ElementsAre("c"));
  EXPECT_THAT(Of("c"), ElementsAre("live/2"));
  // A router that is away for a moment moves nothing.
  Beat("b", /*ready=*/false);
  EXPECT_THAT(Pass(1'000), IsEmpty());
}

TEST_F(RelayPlacementTest, TheOwnerTellsHowItGoesAndNobodyElse) {
  Attach("a");
  Attach("b");
  AddPull("live/1");
  Pass();
  v1::RelayUpdate update;
  v1::RelayReport& report = *update.add_changed();
  report.set_pull("live/1");
  report.mutable_status()->set_state(v1::RELAY_BACKING_OFF);
  report.mutable_status()->set_reason("no");
  placement_.Report("b", update, now_);
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_CONNECTING);
  placement_.Report("a", update, now_);
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_BACKING_OFF);
  EXPECT_EQ(Status("live/1").reason(), "no");
  EXPECT_EQ(Status("live/1").node(), "a");
  EXPECT_THAT(Pass(1'000), IsEmpty());
  EXPECT_EQ(Status("live/1").reason(), "no");
}

TEST_F(RelayPlacementTest, AnOwnerThatIsGoneIsGivenAMoment) {
  Attach("a");
  AddPull("live/1");
  Pass();
  Attach("b");
  Pass();
  Detach("a");
  EXPECT_THAT(Pass(RelayPlacement::kLeaseMs - 100), IsEmpty());
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_UNASSIGNED);
  // It was only its connection.
  Attach("a", {"live/1"});
  EXPECT_THAT(Pass(10'000), ElementsAre("a"));
  EXPECT_THAT(Of("a"), ElementsAre("live/1"));
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_RUNNING);
  Detach("a");
  EXPECT_THAT(Pass(RelayPlacement::kLeaseMs), ElementsAre("b"));
  EXPECT_THAT(Of("b"), ElementsAre("live/1"));
  // Whoever comes back too late has to let go.
  Attach("a", {"live/1"});
  EXPECT_THAT(Pass(), ElementsAre("a"));
  EXPECT_THAT(Of("a"), IsEmpty());
  EXPECT_EQ(Status("live/1").node(), "b");
}

TEST_F(RelayPlacementTest, ADrainingOwnerGivesUpAtOnce) {
  Attach("a");
  AddPull("live/1");
  Pass();
  Attach("b");
  Beat("a", /*ready=*/false, /*draining=*/true);
  EXPECT_THAT(Pass(), ElementsAre("a", "b"));
  EXPECT_THAT(Of("a"), IsEmpty());
  EXPECT_THAT(Of("b"), ElementsAre("live/1"));
  // It has gone before it was asked.
  Attach("c");
  Pass();
  directory_.Heartbeat(
      "b",
      [] {
        v1::Heartbeat heartbeat;
        heartbeat.set_draining(true);
        return heartbeat;
      }(),
      now_);
  Detach("b");
  EXPECT_THAT(Pass(), ElementsAre("c"));
  // And also where nobody can take over.
  Beat("c", false, true);
  EXPECT_THAT(Pass(), ElementsAre("c"));
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_UNASSIGNED);
}

TEST_F(RelayPlacementTest, AfterARestartWhatRunsStaysWhereItRuns) {
  AddPull("live/1");
  AddPull("live/2");
  AddPull("live/3", 5'000);
  RelayPlacement later(book_);
  later.Start(now_);
  const auto plan = [&] { return later.Plan(directory_, bans_, now_); };
  Attach("a");  // for the directory
  v1::RelayUpdate nothing;
  nothing.set_complete(true);
  later.Report("a", nothing, now_);
  EXPECT_THAT(plan(), ElementsAre("a"));
  EXPECT_THAT(later.AssignmentsOf("a").pulls(), IsEmpty());
  EXPECT_THAT(later.PullStatus("live/1").reason(), HasSubstr("just started"));
  now_ += 2'000;
  Attach("b");
  v1::RelayUpdate update = nothing;
  for (const char* stream : {"live/1", "live/3", "live/unknown"}) {
    update.add_changed()->set_pull(stream);
    update.mutable_changed()->rbegin()->mutable_status()->set_state(v1::RELAY_RUNNING);
  }
  later.Report("b", update, now_);
  EXPECT_THAT(plan(), ElementsAre("b"));
  EXPECT_EQ(later.AssignmentsOf("b").pulls_size(), 2);
  EXPECT_EQ(later.PullStatus("live/1").state(), v1::RELAY_RUNNING);
  now_ += 1'000;
  EXPECT_THAT(plan(), ElementsAre("a"));  // what nobody had
  EXPECT_EQ(later.AssignmentsOf("a").pulls(0).stream(), "live/2");
  // The one on demand is idle from now on.
  now_ += 5'000;
  EXPECT_THAT(plan(), ElementsAre("b"));
  EXPECT_EQ(later.PullStatus("live/3").state(), v1::RELAY_WAITING);
}

TEST_F(RelayPlacementTest, OnDemand) {
  Attach("a");
  directory_.Attach(
      [] {
        v1::Register registration;
        registration.set_node("viewers");
        registration.set_kind(v1::NODE_KIND_HTTP_GATEWAY);
        return registration;
      }(),
      "10.0.0.3", now_);
  AddPull("live/1", 2'000);
  Pass(1'000);
  EXPECT_THAT(Of("a"), IsEmpty());
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_WAITING);
  Watch("live/1", true);
  EXPECT_THAT(Pass(), ElementsAre("a"));
  EXPECT_THAT(Of("a"), ElementsAre("live/1"));
  Pass(60'000);
  Watch("live/1", false);
  EXPECT_THAT(Pass(1'900), IsEmpty());
  Watch("live/1", true);  // somebody else, in time
  EXPECT_THAT(Pass(60'000), IsEmpty());
  Watch("live/1", false);
  EXPECT_THAT(Pass(2'100), ElementsAre("a"));
  EXPECT_THAT(Of("a"), IsEmpty());
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_WAITING);
  EXPECT_EQ(Status("live/1").node(), "");
}

TEST_F(RelayPlacementTest, APushWantsItsStream) {
  Attach("a");
  AddPull("live/1", 2'000);
  AddPush("live/1");
  Pass();
  EXPECT_THAT(Of("a"), ElementsAre("live/1"));
  EXPECT_EQ(placement_.PushStatus("live/1").state(), v1::RELAY_WAITING);
  Stream("live/1", v1::STREAM_LIVE);
  EXPECT_THAT(Pass(), ElementsAre("a"));
  EXPECT_THAT(Of("a"), ElementsAre("live/1", "push live/1"));
  Stream("live/1", v1::STREAM_GRACE);
  EXPECT_THAT(Pass(5'000), IsEmpty());
  Stream("live/1", v1::STREAM_WAITING);
  EXPECT_THAT(Pass(RelayPlacement::kPushLingerMs + 100), ElementsAre("a"));
  EXPECT_THAT(Of("a"), ElementsAre("live/1"));
}

TEST_F(RelayPlacementTest, APushGoesOnWhileARouterIsAway) {
  Attach("a");
  AddPush("live/1");
  Stream("live/1", v1::STREAM_LIVE);
  Pass();
  EXPECT_THAT(Of("a"), ElementsAre("push live/1"));
  directory_.Detach("router", now_);
  now_ += 16'000;
  directory_.Expire(now_);
  EXPECT_FALSE(directory_.live("live/1"));
  EXPECT_THAT(Pass(5'000), IsEmpty());
}

TEST_F(RelayPlacementTest, ABanKeepsItAway) {
  Attach("a");
  AddPull("live/1");
  Pass();
  const v1::Ban ban = *bans_.Add(v1::BAN_STREAM, "live/1", "not here", 10'000, now_);
  EXPECT_THAT(Pass(), ElementsAre("a"));
  EXPECT_THAT(Of("a"), IsEmpty());
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_BACKING_OFF);
  EXPECT_EQ(Status("live/1").reason(), "the stream is banned: not here");
  EXPECT_EQ(Status("live/1").next_try_unix_ms(), ban.expires_unix_ms());
  now_ += 10'000;
  bans_.Expire(now_);
  EXPECT_THAT(Pass(), ElementsAre("a"));
  EXPECT_THAT(Of("a"), ElementsAre("live/1"));
}

TEST_F(RelayPlacementTest, ChangedAndRemoved) {
  Attach("a");
  AddPull("live/1");
  Pass();
  AddPull("live/1", 0, "rtmp://other/a/b");
  EXPECT_THAT(Pass(), ElementsAre("a"));
  EXPECT_EQ(placement_.AssignmentsOf("a").pulls(0).url(), "rtmp://other/a/b");
  AddPull("live/1", 0, "rtsp://cam/x");  // not this node's any more
  EXPECT_THAT(Pass(), ElementsAre("a"));
  EXPECT_THAT(Of("a"), IsEmpty());
  AddPull("live/1");
  Pass();
  ASSERT_TRUE(book_.RemovePull("live/1").ok());
  EXPECT_THAT(Pass(), ElementsAre("a"));
  EXPECT_THAT(Of("a"), IsEmpty());
  EXPECT_EQ(Status("live/1").state(), v1::RELAY_STATE_UNSPECIFIED);
}

}  // namespace
}  // namespace millrace::control
