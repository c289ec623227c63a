// What a gateway turns away or slows down: by name in the metric, with a reason for the client.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "gateways/rtmp/session.h"
#include "tests/unit/gateways/rtmp/session_world.h"

namespace millrace::rtmp {
namespace {

using testing::HasSubstr;

class LimitsTest : public testing::Test {
 protected:
  stream::FakeBus& bus() { return world_.node.bus(); }
  v1::LimitSettings& limits() { return *world_.node.config.mutable_limits(); }
  v1::AppSettings& live() { return (*world_.node.config.mutable_applications())["live"]; }
  size_t FramesSent() {
    size_t count = 0;
    for (const auto& batch : bus().batches) count += batch.size();
    return count;
  }
  Peer& Publisher(std::string_view key = "cam1") {
    bus().publisher = nullptr;
    Peer& peer = world_.Greet(ClientBytes().CreateStream().Publish(key));
    EXPECT_TRUE(world_.Until([&] { return bus().publisher != nullptr; }));
    bus().publisher->OnGranted({.epoch = 1, .previous = {}});
    EXPECT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Publish.Start"); }));
    return peer;
  }
  uint64_t Refused(const std::string& reason) {
    return world_.Metric("millrace_refusals_total{protocol=\"rtmp\",reason=\"" + reason + "\"}");
  }
  bool Closes(Peer& peer) {
    return world_.Until([&] { return peer.closed; });
  }

  SessionWorld world_;
};

TEST_F(LimitsTest, AnAddressHasSoManyConnections) {
  limits().set_connections_per_address(1);
  world_.StartServer();
  Peer& first = world_.Greet({});
  ASSERT_TRUE(world_.Until([&] { return first.Heard("_result 1 NetConnection.Connect.Success"); }));
  Peer& second = world_.Greet({});
  ASSERT_TRUE(Closes(second));
  EXPECT_FALSE(second.reset);
  EXPECT_TRUE(second.Heard("_error 1 NetConnection.Connect.Rejected"))
      << testing::PrintToString(second.heard);
  EXPECT_THAT(second.description(), HasSubstr("connections"));
  EXPECT_EQ(Refused("connections_per_address"), 1u);

  first.Close();
  // As soon as the server has noticed.
  ASSERT_TRUE(world_.Until([&] {
    Peer& third = world_.Greet(ClientBytes().CreateStream());
    return world_.Until([&] { return third.closed || third.Heard("_result 4 1"); }) &&
           !third.closed;
  }));
}

TEST_F(LimitsTest, ExemptNetworksAreNotCounted) {
  limits().set_connections_per_address(1);
  limits().set_publishers_per_address(1);
  limits().add_exempt_addresses("127.0.0.0/8");
  world_.StartServer();
  Publisher("cam1");
  Publisher("cam2");
  EXPECT_EQ(Refused("connections_per_address"), 0u);
}

TEST_F(LimitsTest, AFullServerSaysSo) {
  world_.node.config.mutable_rtmp()->set_max_connections(1);
  world_.StartServer();
  Publisher();
  Peer& second = world_.Greet({});
  ASSERT_TRUE(Closes(second));
  EXPECT_THAT(second.description(), HasSubstr("full"));
  EXPECT_EQ(Refused("too_many_connections"), 1u);
}

TEST_F(LimitsTest, WhoIsTurnedAwayAndDoesNotAskIsCutSoon) {
  world_.node.config.mutable_rtmp()->set_max_connections(1);
  world_.node.config.mutable_rtmp()->set_handshake_timeout(500);
  world_.StartServer();
  Publisher();
  Peer& second = world_.Connect();
  second.Handshake();
  EXPECT_TRUE(Closes(second));
}

TEST_F(LimitsTest, PublishersAreCountedByAddressAndByNode) {
  world_.StartServer();
  limits().set_publishers_per_address(1);
  Peer& first = Publisher();
  Peer& second = world_.Greet(ClientBytes().CreateStream().Publish("cam2"));
  ASSERT_TRUE(Closes(second));
  EXPECT_TRUE(second.Heard("onStatus NetStream.Publish.Rejected"));
  EXPECT_THAT(second.description(), HasSubstr("your address"));
  EXPECT_EQ(Refused("publishers_per_address"), 1u);

  limits().set_publishers_per_address(0);
  limits().set_streams_per_node(1);
  Peer& third = world_.Greet(ClientBytes().CreateStream().Publish("cam2"));
  ASSERT_TRUE(Closes(third));
  EXPECT_THAT(third.description(), HasSubstr("this server"));
  EXPECT_EQ(Refused("streams_per_node"), 1u);

  // The place is free again when the stream ends, also where the connection stays.
  first.Send(ClientBytes().Command({"FCUnpublish", 6, media::amf::Null{}, "cam1"}));
  ASSERT_TRUE(world_.Until([&] { return !bus().unpublished_lost.empty(); }));
  Publisher("cam2");
}

TEST_F(LimitsTest, APublisherBeyondItsBitrateIsToldAndEnded) {
  live().set_max_bitrate(20'000);
  world_.StartServer();
  Peer& peer = Publisher();
  peer.Send(world_.Media(400));
  ASSERT_TRUE(Closes(peer));
  EXPECT_TRUE(peer.Heard("onStatus NetStream.Publish.Rejected"));
  EXPECT_THAT(peer.description(), HasSubstr("0.02 are allowed"));
  EXPECT_EQ(Refused("max_bitrate"), 1u);
  EXPECT_EQ(world_.Ends("publisher", "max_bitrate"), 1u);
  ASSERT_FALSE(bus().unpublished_lost.empty());
  EXPECT_FALSE(bus().unpublished_lost[0]) << "it is not waited for";
}

TEST_F(LimitsTest, APublisherAheadOfRealTimeIsReadMoreSlowlyAndLosesNothing) {
  live().set_ingest_speed_limit(1000);
  live().set_ingest_burst(1000);
  live().set_publish_idle_timeout(1000);
  world_.StartServer();
  Peer& peer = Publisher();
  const uint8_t window[] = {0, 3, 0, 0};  // acknowledge every 192 KiB
  peer.Send(ClientBytes().Raw(MessageType::kWindowAckSize, window));
  constexpr int kFrames = 1500;  // video and audio: about 20 s
  peer.Send(world_.Media(kFrames));
  ASSERT_TRUE(world_.Until([&] { return FramesSent() > 0; }));
  EXPECT_LT(FramesSent(), kFrames / 2u);
  const auto begin = Clock::now();
  // Acknowledgements wait until there is nothing to read any more, not until the end.
  const auto acknowledged = [&] {
    return std::any_of(peer.heard.begin(), peer.heard.end(),
                       [](const std::string& one) { return one.starts_with("ack "); });
  };
  EXPECT_FALSE(acknowledged());
  ASSERT_TRUE(world_.Until(acknowledged, SessionWorld::Milliseconds(30'000)));
  peer.Send(ClientBytes().Command({"FCUnpublish", 6, media::amf::Null{}, "cam1"}));
  ASSERT_TRUE(world_.Until([&] { return !bus().unpublished_lost.empty(); },
                           SessionWorld::Milliseconds(30'000)));
  EXPECT_GT(Clock::now() - begin, SessionWorld::Milliseconds(1'000));
  EXPECT_GE(FramesSent(), kFrames - 10u);
  EXPECT_FALSE(bus().unpublished_lost[0]);
  EXPECT_GT(world_.Metric("millrace_ingest_paced_total{protocol=\"rtmp\"}"), 3u);
}

TEST_F(LimitsTest, APlayerThatWantsAnUnknownStartIsToldWhatThereIs) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play("cam1?start=yesterday"));
  ASSERT_TRUE(Closes(peer));
  EXPECT_TRUE(peer.Heard("onStatus NetStream.Play.Failed"));
  EXPECT_THAT(peer.description(), HasSubstr("oldest"));
}

TEST_F(LimitsTest, APlayerMayAskForTheLiveEdge) {
  world_.StartServer();
  Peer& first = world_.Greet(ClientBytes().CreateStream().Play());
  ASSERT_TRUE(world_.Until([&] { return bus().subscribers.contains("live/cam1"); }));
  auto* router = bus().subscribers["live/cam1"];
  media::TrackSet tracks;
  tracks.version = 1;
  media::Track& track = tracks.tracks.emplace_back();
  track.id = 1;
  track.kind = media::TrackKind::kVideo;
  track.codec = media::Codec::kH264;
  track.config = {1, 100, 0, 31};
  router->OnTracks(1, tracks);
  const auto key = [&](uint64_t sequence) {
    media::Frame frame;
    frame.track = 1;
    frame.flags = media::kClosedRandomAccess;
    frame.sequence = sequence;
    frame.dts_ns = frame.pts_ns = static_cast<int64_t>(sequence) * 40'000'000;
    frame.payload = media::Payload::FromVector(std::vector<uint8_t>(100, 1));
    return std::vector<media::Frame>{frame};
  };
  router->OnFrames(1, true, key(1));
  ASSERT_TRUE(world_.Until([&] { return first.Heard("onStatus NetStream.Play.Start"); }));
  Peer& live = world_.Greet(ClientBytes().CreateStream().Play("cam1?start=live"));
  ASSERT_TRUE(world_.Until([&] { return world_.node.sessions().size() == 2; }));
  ASSERT_TRUE(world_.Until([&] { return live.Heard("_result 4 1"); }));
  EXPECT_FALSE(live.Heard("onStatus NetStream.Play.Start"));
  router->OnFrames(1, true, key(2));
  EXPECT_TRUE(world_.Until([&] { return live.Heard("onStatus NetStream.Play.Start"); }));
}

}  // namespace
}  // namespace millrace::rtmp
