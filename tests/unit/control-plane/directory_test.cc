#include "control-plane/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::control {
namespace {

constexpr int64_t kGrace = 15'000;

class Dir : public testing::Test {
 protected:
  void Attach(const std::string& node, uint64_t incarnation = 1,
              v1::NodeKind kind = v1::NODE_KIND_RTMP_GATEWAY, int64_t now = 0) {
    v1::Register registration;
    registration.set_node(node);
    registration.set_incarnation(incarnation);
    registration.set_kind(kind);
    directory_.Attach(registration, "10.0.0.2", now);
  }
  void Open(const std::string& node, const std::string& id, const std::string& stream,
            v1::Role role = v1::ROLE_VIEWER) {
    v1::SessionUpdate update;
    v1::Session& session = *update.add_opened_or_changed();
    session.set_id(id);
    session.set_stream(stream);
    session.set_role(role);
    directory_.UpdateSessions(node, update);
  }
  void Close(const std::string& node, const std::string& id) {
    v1::SessionUpdate update;
    update.add_closed(id);
    directory_.UpdateSessions(node, update);
  }
  void Report(const std::string& router, const std::string& name, v1::StreamState state,
              uint64_t epoch = 1, bool complete = false, int64_t now = 0) {
    v1::StreamUpdate update;
    v1::Stream& stream = *update.add_changed();
    stream.set_name(name);
    stream.set_state(state);
    stream.set_epoch(epoch);
    update.set_complete(complete);
    directory_.UpdateStreams(router, update, now);
  }
  void ReportNothing(const std::string& router, int64_t now = 0) {
    v1::StreamUpdate update;
    update.set_complete(true);
    directory_.UpdateStreams(router, update, now);
  }
  // "UP live/a LIVE 2": type, name, state, viewers.
  std::vector<std::string> Events(bool all = true) {
    std::vector<std::string> texts;
    for (const v1::StreamEvent& event : directory_.TakeEvents(all, 0)) {
      texts.push_back(v1::StreamEvent::Type_Name(event.type()) + " " + event.stream().name() + " " +
                      v1::StreamState_Name(event.stream().state()).substr(7) + " " +
                      std::to_string(event.stream().viewers()));
    }
    return texts;
  }

  Directory directory_{kGrace};
};

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST_F(Dir, CountsViewersByStream) {
  Attach("gw-1");
  Attach("gw-2");
  Open("gw-1", "s1", "live/a");
  Open("gw-2", "s2", "live/a");
  Open("gw-2", "s3", "live/a", v1::ROLE_PUBLISHER);
  EXPECT_EQ(directory_.stream("live/a")->viewers(), 2u);
  EXPECT_EQ(directory_.stream("live/a")->state(), v1::STREAM_WAITING);
  EXPECT_THAT(directory_.SessionsByNode("live/a"), ElementsAre(Pair("gw-1", 1u), Pair("gw-2", 2u)));
  Open("gw-2", "s2", "live/b");  // moved on
  EXPECT_EQ(directory_.stream("live/a")->viewers(), 1u);
  EXPECT_EQ(directory_.stream("live/b")->viewers(), 1u);
  Close("gw-1", "s1");
  EXPECT_FALSE(directory_.stream("live/a"));
  Close("gw-1", "s2");  // not its own
  EXPECT_EQ(directory_.sessions().size(), 2u);
}

TEST_F(Dir, ACompleteReportForgetsTheRest) {
  Attach("gw-1");
  Open("gw-1", "s1", "live/a");
  Open("gw-1", "s2", "live/a");
  v1::SessionUpdate update;
  update.set_complete(true);
  update.add_opened_or_changed()->set_id("s2");
  directory_.UpdateSessions("gw-1", update);
  EXPECT_EQ(directory_.sessions().size(), 1u);
  EXPECT_TRUE(directory_.sessions().contains("s2"));
  EXPECT_FALSE(directory_.stream("live/a"));
}

TEST_F(Dir, AnotherNodesSessionCannotBeTaken) {
  Attach("gw-1");
  Attach("gw-2");
  Open("gw-1", "s1", "live/a");
  Open("gw-2", "s1", "live/b");
  EXPECT_EQ(directory_.sessions().at("s1").node(), "gw-1");
  EXPECT_EQ(directory_.sessions().at("s1").stream(), "live/a");
  Open("gw-2", "", "live/b");
  EXPECT_EQ(directory_.sessions().size(), 1u);
  Open("nobody", "s9", "live/b");
  EXPECT_EQ(directory_.sessions().size(), 1u);
}

TEST_F(Dir, ANodeThatGoesTakesItsSessionsAndIsShownForAMinute) {
  Attach("gw-1");
  Open("gw-1", "s1", "live/a");
  directory_.Detach("gw-1", 1'000);
  EXPECT_TRUE(directory_.sessions().empty());
  EXPECT_FALSE(directory_.nodes().at("gw-1").node.attached());
  directory_.Expire(1'000 + Directory::kForgetNodeMs);
  EXPECT_EQ(directory_.nodes().size(), 1u);
  directory_.Expire(1'001 + Directory::kForgetNodeMs);
  EXPECT_TRUE(directory_.nodes().empty());
}

TEST_F(Dir, AnotherProcessOfTheSameNameStartsWithoutSessions) {
  Attach("gw-1", 1);
  Open("gw-1", "s1", "live/a");
  Attach("gw-1", 1);
  EXPECT_EQ(directory_.sessions().size(), 1u);
  Attach("gw-1", 2);
  EXPECT_TRUE(directory_.sessions().empty());
}

TEST_F(Dir, SilenceIsNoticed) {
  Attach("gw-1");
  EXPECT_THAT(directory_.Silent(Directory::kHeartbeatLostMs), IsEmpty());
  EXPECT_THAT(directory_.Silent(Directory::kHeartbeatLostMs + 1), ElementsAre("gw-1"));
  directory_.Heartbeat("gw-1", v1::Heartbeat(), 5'000);
  EXPECT_THAT(directory_.Silent(Directory::kHeartbeatLostMs + 1), IsEmpty());
}

TEST_F(Dir, EventsOfAStreamsLife) {
  Attach("r", 1, v1::NODE_KIND_ROUTER);
  Attach("gw-1");
  Open("gw-1", "s1", "live/a");
  EXPECT_THAT(Events(), ElementsAre("CHANGED live/a WAITING 1"));
  Report("r", "live/a", v1::STREAM_LIVE);
  EXPECT_THAT(Events(false), ElementsAre("UP live/a LIVE 1"));
  EXPECT_EQ(directory_.stream("live/a")->router(), "r");
  Open("gw-1", "s2", "live/a");
  EXPECT_THAT(Events(false), IsEmpty());
  Open("gw-1", "s3", "live/a");
  EXPECT_THAT(Events(), ElementsAre("CHANGED live/a LIVE 3"));
  EXPECT_THAT(Events(), IsEmpty());
  Report("r", "live/a", v1::STREAM_GRACE);
  EXPECT_THAT(Events(false), ElementsAre("CHANGED live/a GRACE 3"));
  Report("r", "live/a", v1::STREAM_LIVE, 2);
  EXPECT_THAT(Events(false), ElementsAre("CHANGED live/a LIVE 3"));
  Report("r", "live/a", v1::STREAM_ENDED, 2);
  EXPECT_THAT(Events(false), ElementsAre("DOWN live/a WAITING 3"));
  directory_.Detach("gw-1", 0);
  EXPECT_THAT(Events(false), ElementsAre("CHANGED live/a ENDED 0"));
}

TEST_F(Dir, GoneIsDown) {
  Attach("r", 1, v1::NODE_KIND_ROUTER);
  Report("r", "live/a", v1::STREAM_LIVE);
  Events();
  v1::StreamUpdate update;
  update.add_gone("live/a");
  update.add_gone("live/never");
  directory_.UpdateStreams("r", update, 0);
  EXPECT_THAT(Events(false), ElementsAre("DOWN live/a ENDED 0"));
}

TEST_F(Dir, UpAndDownBetweenTwoLooksIsNothing) {
  Attach("r", 1, v1::NODE_KIND_ROUTER);
  Report("r", "live/a", v1::STREAM_LIVE);
  Report("r", "live/a", v1::STREAM_ENDED);
  EXPECT_THAT(Events(), IsEmpty());
}

TEST_F(Dir, StreamsOutliveTheirRouterForGrace) {
  Attach("r", 1, v1::NODE_KIND_ROUTER);
  Report("r", "live/a", v1::STREAM_LIVE);
  Events();
  directory_.Detach("r", 1'000);
  EXPECT_EQ(directory_.stream("live/a")->state(), v1::STREAM_LIVE);
  directory_.Expire(1'000 + kGrace - 1);
  EXPECT_THAT(Events(), IsEmpty());
  directory_.Expire(1'000 + kGrace);
  EXPECT_THAT(Events(), ElementsAre("DOWN live/a ENDED 0"));
}

TEST_F(Dir, ARouterThatRestartsTakesNothingDown) {
  Attach("r", 1, v1::NODE_KIND_ROUTER);
  Report("r", "live/a", v1::STREAM_LIVE);
  Report("r", "live/b", v1::STREAM_LIVE);
  Report("r", "live/c", v1::STREAM_LIVE);
  Events();
  directory_.Detach("r", 1'000);
  Attach("r", 2, v1::NODE_KIND_ROUTER, 2'000);
  ReportNothing("r", 2'000);
  Report("r", "live/a", v1::STREAM_WAITING, 0);  // a viewer was faster than the publisher
  Report("r", "live/b", v1::STREAM_WAITING, 0);
  EXPECT_THAT(Events(), IsEmpty());
  Report("r", "live/a", v1::STREAM_LIVE);
  EXPECT_THAT(Events(), IsEmpty());
  directory_.Expire(1'000 + kGrace);
  EXPECT_THAT(Events(), ElementsAre("DOWN live/b WAITING 0", "DOWN live/c ENDED 0"));
  EXPECT_EQ(directory_.stream("live/a")->state(), v1::STREAM_LIVE);
}

TEST_F(Dir, TheSameRouterAttachingAgainSaysWhatItHas) {
  Attach("r", 1, v1::NODE_KIND_ROUTER);
  Report("r", "live/a", v1::STREAM_LIVE);
  Report("r", "live/b", v1::STREAM_LIVE);
  Events();
  directory_.Detach("r", 1'000);
  Attach("r", 1, v1::NODE_KIND_ROUTER, 2'000);
  Report("r", "live/b", v1::STREAM_LIVE, 1, /*complete=*/true);
  EXPECT_THAT(Events(), ElementsAre("DOWN live/a ENDED 0"));
}

TEST_F(Dir, TheRouterWithThePublisherIsBelieved) {
  Attach("r1", 1, v1::NODE_KIND_ROUTER);
  Attach("r2", 1, v1::NODE_KIND_ROUTER);
  Report("r1", "live/a", v1::STREAM_WAITING, 9);
  Report("r2", "live/a", v1::STREAM_LIVE, 5);
  EXPECT_EQ(directory_.stream("live/a")->router(), "r2");
  Report("r1", "live/a", v1::STREAM_LIVE, 6);
  EXPECT_EQ(directory_.stream("live/a")->router(), "r1");
}

TEST_F(Dir, OrderAndPrefix) {
  Attach("r", 1, v1::NODE_KIND_ROUTER);
  for (const char* name : {"live/b", "live/a", "live/a/1", "vod/x"}) {
    Report("r", name, v1::STREAM_LIVE);
  }
  EXPECT_EQ(directory_.streams("live/").size(), 3u);
  EXPECT_EQ(directory_.streams().size(), 4u);
  EXPECT_EQ(directory_.FirstStream("live/a")->name(), "live/a");
  EXPECT_EQ(directory_.NextStream("live/a")->name(), "live/a/1");
  EXPECT_EQ(directory_.NextStream("live/b")->name(), "vod/x");
  EXPECT_FALSE(directory_.NextStream("vod/x"));
}

}  // namespace
}  // namespace millrace::control
