#include "gateways/rtmp/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateways/rtmp/session_world.h"

namespace millrace::rtmp {
namespace {

using media::amf::Null;
using testing::IsEmpty;

class SessionTest : public testing::Test {
 protected:
  void Grant(uint64_t epoch = 1) {
    world_.node.bus().publisher->OnGranted({.epoch = epoch, .previous = {}});
  }
  stream::FakeBus& bus() { return world_.node.bus(); }
  size_t FramesSent() {
    size_t count = 0;
    for (const auto& batch : bus().batches) count += batch.size();
    return count;
  }
  // A publisher that the router has granted live/cam1.
  Peer& Publisher() {
    Peer& peer = world_.Greet(ClientBytes().CreateStream().Publish());
    EXPECT_TRUE(world_.Until([&] { return bus().publisher != nullptr; }));
    Grant();
    EXPECT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Publish.Start"); }));
    return peer;
  }
  bus::SubscriptionObserver* Subscriber() {
    EXPECT_TRUE(world_.Until([&] { return bus().subscribers.contains("live/cam1"); }));
    return bus().subscribers["live/cam1"];
  }
  media::TrackSet Tracks() {
    media::TrackSet tracks;
    tracks.version = 1;
    media::Track& track = tracks.tracks.emplace_back();
    track.id = 1;
    track.kind = media::TrackKind::kVideo;
    track.codec = media::Codec::kH264;
    track.config = {1, 100, 0, 31};
    return tracks;
  }
  std::vector<media::Frame> KeyFrame(uint64_t sequence, size_t size = 1000) {
    media::Frame frame;
    frame.track = 1;
    frame.flags = media::kClosedRandomAccess;
    frame.sequence = sequence;
    frame.dts_ns = frame.pts_ns = static_cast<int64_t>(sequence) * 40'000'000;
    frame.payload = media::Payload::FromVector(std::vector<uint8_t>(size, 1));
    return {frame};
  }

  SessionWorld world_;
};

// --- publishing ---

TEST_F(SessionTest, PublishStartsWhenTheRouterGrantsIt) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Publish("cam1?user=joe"));
  peer.Send(world_.Media(50));
  ASSERT_TRUE(world_.Until([&] { return bus().publisher != nullptr; }));
  EXPECT_EQ(bus().published, "live/cam1");
  EXPECT_FALSE(peer.Heard("onStatus NetStream.Publish.Start"));
  EXPECT_THAT(bus().batches, IsEmpty());
  Grant();
  EXPECT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Publish.Start"); }));
  // What came before the grant was kept.
  EXPECT_TRUE(world_.Until([&] { return FramesSent() >= 45; })) << FramesSent();
  ASSERT_EQ(bus().track_sets.size(), 1u);
  EXPECT_EQ(bus().track_sets[0].tracks.size(), 2u);
  const auto update = world_.node.sessions().TakeUpdate(true);
  ASSERT_EQ(update.opened_or_changed_size(), 1);
  const v1::Session& row = update.opened_or_changed(0);
  EXPECT_EQ(row.stream(), "live/cam1");
  EXPECT_EQ(row.role(), v1::ROLE_PUBLISHER);
  EXPECT_EQ(row.user(), "joe");
  EXPECT_EQ(row.user_agent(), "test");
  EXPECT_EQ(row.address().substr(0, 10), "127.0.0.1:");
  EXPECT_GT(row.bytes_in(), 1000u);
}

TEST_F(SessionTest, GoodbyeEndsTheStream) {
  world_.StartServer();
  Peer& peer = Publisher();
  peer.Send(world_.Media(20));
  peer.Send(ClientBytes().Command({"FCUnpublish", 6, Null{}, "cam1"}));
  ASSERT_TRUE(world_.Until([&] { return !bus().unpublished_lost.empty(); }));
  EXPECT_FALSE(bus().unpublished_lost[0]);
  EXPECT_EQ(world_.Ends("publisher", "unpublished"), 1u);
  EXPECT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Unpublish.Success"); }));
  EXPECT_FALSE(peer.closed);
}

TEST_F(SessionTest, LostConnectionLeavesTheStreamInGrace) {
  world_.StartServer();
  Peer& peer = Publisher();
  peer.Close();
  ASSERT_TRUE(world_.Until([&] { return !bus().unpublished_lost.empty(); }));
  EXPECT_TRUE(bus().unpublished_lost[0]);
  EXPECT_EQ(world_.Ends("publisher", "connection_lost"), 1u);
  EXPECT_EQ(world_.node.sessions().size(), 0u);
}

TEST_F(SessionTest, PublishesAgainOnTheSameConnection) {
  world_.StartServer();
  Peer& peer = Publisher();
  peer.Send(ClientBytes().Command({"deleteStream", 0, Null{}, 1}).CreateStream(9).Publish("other"));
  ASSERT_TRUE(world_.Until([&] { return bus().published == "live/other"; }));
  peer.heard.clear();
  Grant(2);
  EXPECT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Publish.Start"); }));
}

struct RefusalCase {
  v1::RefusalReason reason;
  const char* status;
  const char* end;
};

TEST_F(SessionTest, RouterRefusesAndTheEncoderIsToldBeforeTheConnectionCloses) {
  const RefusalCase cases[] = {
      {v1::REFUSAL_BUSY, "onStatus NetStream.Publish.BadName", "refused"},
      {v1::REFUSAL_REPLACED, "onStatus NetStream.Publish.BadName", "replaced"},
      {v1::REFUSAL_FENCED, "onStatus NetStream.Publish.BadName", "replaced"},
      {v1::REFUSAL_LIMIT, "onStatus NetStream.Failed", "refused"},
      {v1::REFUSAL_KICKED, "onStatus NetStream.Failed", "kicked"},
  };
  world_.StartServer();
  for (const RefusalCase& one : cases) {
    SCOPED_TRACE(v1::RefusalReason_Name(one.reason));
    bus().publisher = nullptr;
    const uint64_t before = world_.Ends("publisher", one.end);
    Peer& peer = Publisher();
    // A flood that the server has not read yet must not turn the close into a reset.
    peer.Send(world_.Media(200));
    bus().publisher->OnRefused(one.reason, "the reason");
    ASSERT_TRUE(world_.Until([&] { return peer.Heard(one.status); }));
    EXPECT_EQ(peer.description(), "the reason");
    EXPECT_EQ(world_.Ends("publisher", one.end), before + 1);
    EXPECT_TRUE(world_.Until([&] { return peer.closed; }));
    EXPECT_FALSE(peer.reset);
    peer.Close();
  }
}

TEST_F(SessionTest, BadNamesAreExplained) {
  world_.StartServer();
  for (const char* key : {"", "..", "a/../b", "a\x01", "\xff"}) {
    SCOPED_TRACE(key);
    Peer& peer = world_.Greet(ClientBytes().CreateStream().Publish(key));
    ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
    EXPECT_TRUE(peer.Heard("onStatus NetStream.Publish.BadName"));
    EXPECT_THAT(peer.description(), testing::HasSubstr("stream name"));
    peer.Close();
  }
  EXPECT_EQ(bus().publisher, nullptr);
}

TEST_F(SessionTest, BansHoldForStreamAddressAndUser) {
  world_.StartServer();
  const std::pair<v1::BanKind, const char*> bans[] = {
      {v1::BAN_STREAM, "live/cam1"}, {v1::BAN_ADDRESS, "127.0.0.1"}, {v1::BAN_USER, "joe"}};
  for (const auto& [kind, value] : bans) {
    SCOPED_TRACE(value);
    v1::Ban ban;
    ban.set_kind(kind);
    ban.set_value(value);
    ban.set_reason("go away");
    ban.set_expires_unix_ms(INT64_MAX);
    world_.node.ban_list.Set({ban});
    Peer& publisher = world_.Greet(ClientBytes().Publish("cam1?user=joe"));
    Peer& player = world_.Greet(ClientBytes().Play("cam1?user=joe"));
    ASSERT_TRUE(world_.Until([&] { return publisher.closed && player.closed; }));
    EXPECT_TRUE(publisher.Heard("onStatus NetStream.Publish.Unauthorized"));
    EXPECT_EQ(publisher.description(), "go away");
    EXPECT_TRUE(player.Heard("onStatus NetStream.Play.Failed"));
    publisher.Close();
    player.Close();
  }
}

TEST_F(SessionTest, KickedPublisherHearsWhyAndItsStreamEnds) {
  world_.StartServer();
  Peer& peer = Publisher();
  const v1::SessionUpdate rows = world_.node.sessions().TakeUpdate(/*complete=*/true);
  ASSERT_EQ(rows.opened_or_changed_size(), 1);
  EXPECT_TRUE(world_.node.sessions().KickSession(rows.opened_or_changed(0).id(), "house rules"));
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }, std::chrono::milliseconds(1000)));
  EXPECT_TRUE(peer.Heard("onStatus NetStream.Failed"));
  EXPECT_EQ(peer.description(), "house rules");
  ASSERT_EQ(bus().unpublished_lost.size(), 1u);
  EXPECT_FALSE(bus().unpublished_lost[0]);
  EXPECT_EQ(world_.Ends("publisher", "kicked"), 1u);
}

// The router ends the stream, and tells every viewer why.
TEST_F(SessionTest, PublisherOfAKickedStreamLeavesItsEndToTheRouter) {
  world_.StartServer();
  Peer& peer = Publisher();
  EXPECT_EQ(world_.node.sessions().KickStream("live/cam1", "house rules"), 1u);
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }, std::chrono::milliseconds(1000)));
  EXPECT_EQ(peer.description(), "house rules");
  ASSERT_EQ(bus().unpublished_lost.size(), 1u);
  EXPECT_TRUE(bus().unpublished_lost[0]);
  EXPECT_EQ(world_.Ends("publisher", "kicked"), 1u);
}

// A gateway that goes down for an upgrade: the encoder comes back elsewhere, viewers stay.
TEST_F(SessionTest, DrainingKickIsALostPublisher) {
  world_.StartServer();
  Peer& peer = Publisher();
  world_.server->StopAccepting();
  world_.node.sessions().KickAll("shutting down");
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  ASSERT_EQ(bus().unpublished_lost.size(), 1u);
  EXPECT_TRUE(bus().unpublished_lost[0]);
}

TEST_F(SessionTest, PublisherWithoutMediaIsClosed) {
  world_.node.config.mutable_defaults()->set_publish_idle_timeout(300);
  world_.StartServer();
  Peer& peer = Publisher();
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_THAT(peer.description(), testing::HasSubstr("no media came"));
  EXPECT_EQ(world_.Ends("publisher", "publish_idle"), 1u);
}

TEST_F(SessionTest, PublishersTakeOverWhatTheConfigurationSaysNow) {
  world_.node.config.mutable_defaults()->set_publish_idle_timeout(600'000);
  world_.StartServer();
  Peer& peer = Publisher();
  EXPECT_EQ(bus().publish_options.grace_ms, 15'000u);
  v1::AppSettings& pattern = (*world_.node.config.mutable_streams())["*/cam1"];
  pattern.set_grace(7'000);
  ASSERT_TRUE(world_.Until([&] { return bus().publish_options.grace_ms == 7'000u; }));
  EXPECT_FALSE(peer.closed);
  pattern.set_publish_idle_timeout(300);
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_EQ(world_.Ends("publisher", "publish_idle"), 1u);
}

TEST_F(SessionTest, PublisherWithoutARouterIsToldSo) {
  world_.node.config.mutable_defaults()->set_wait_timeout(300);
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().Publish());
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_TRUE(peer.Heard("onStatus NetStream.Failed"));
  EXPECT_EQ(world_.Ends("publisher", "not_granted"), 1u);
}

TEST_F(SessionTest, UnsupportedVideoIsRefusedWithAdvice) {
  world_.StartServer();
  Peer& peer = Publisher();
  peer.Send(ClientBytes().Video(0, std::string("\x90vp08 and so on", 14)));
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_THAT(peer.description(), testing::HasSubstr("H.264"));
  EXPECT_EQ(world_.Metric("millrace_protocol_errors_total{error=\"flv_unsupported_video\","
                          "protocol=\"rtmp\"}"),
            1u);
}

// --- playing ---

TEST_F(SessionTest, AFormThatDoesNotExistIsRefusedWithAdvice) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play("cam1?codec=h264"));
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_THAT(peer.description(), testing::HasSubstr("legacy"));
}

TEST_F(SessionTest, WhoAsksForTheEnhancedFormGetsIt) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play("cam1?codec=enhanced"));
  auto* subscriber = Subscriber();
  media::TrackSet tracks = Tracks();
  tracks.tracks[0].codec = media::Codec::kAv1;
  subscriber->OnTracks(1, tracks);
  subscriber->OnFrames(1, true, KeyFrame(1));
  EXPECT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Play.Start"); }));
}

TEST_F(SessionTest, PlayerGetsHeadersThenMediaThenACleanEnd) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play());
  auto* subscriber = Subscriber();
  EXPECT_FALSE(peer.Heard("onStatus NetStream.Play.Start"));
  subscriber->OnTracks(1, Tracks());
  subscriber->OnFrames(1, true, KeyFrame(1));
  ASSERT_TRUE(world_.Until([&] { return peer.heard.size() >= 12; }));
  const std::vector<std::string> tail(peer.heard.begin() + 5, peer.heard.end());
  // Two media messages do not decode as commands: the configuration and the key frame.
  EXPECT_THAT(tail, testing::ElementsAre("begin 1", "onStatus NetStream.Play.Reset",
                                         "onStatus NetStream.Play.Start", "|RtmpSampleAccess",
                                         "onMetaData", "undecodable", "undecodable"));
  peer.heard.clear();
  subscriber->OnEnded(v1::END_UNPUBLISHED, "");
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_FALSE(peer.reset);
  EXPECT_THAT(peer.heard, testing::ElementsAre("onStatus NetStream.Play.UnpublishNotify",
                                               "onPlayStatus NetStream.Play.Complete", "eof 1",
                                               "onStatus NetStream.Play.Stop"));
  EXPECT_EQ(world_.Ends("viewer", "stream_ended"), 1u);
}

TEST_F(SessionTest, PlayOfAMissingStreamWaitsThenSaysSo) {
  world_.node.config.mutable_defaults()->set_wait_timeout(300);
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play());
  Subscriber()->OnWaiting();
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_TRUE(peer.Heard("onStatus NetStream.Play.StreamNotFound"));
  EXPECT_EQ(world_.Ends("viewer", "wait_timeout"), 1u);
}

TEST_F(SessionTest, PlayerWhoseTracksCannotBeCarriedIsToldSo) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play());
  media::TrackSet tracks = Tracks();
  tracks.tracks[0].codec = media::Codec::kAv1;  // and the player announced nothing
  Subscriber()->OnTracks(1, tracks);
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_TRUE(peer.Heard("onStatus NetStream.Play.Failed"));
  EXPECT_THAT(peer.description(), testing::HasSubstr("?codec=enhanced"));
}

TEST_F(SessionTest, PingIsAnsweredWhilePlaying) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play());
  auto* subscriber = Subscriber();
  subscriber->OnTracks(1, Tracks());
  subscriber->OnFrames(1, true, KeyFrame(1));
  const uint8_t ping[] = {0, 6, 0, 0, 0, 9};
  peer.Send(ClientBytes().Raw(MessageType::kUserControl, ping));
  EXPECT_TRUE(world_.Until([&] { return peer.Heard("pong 9"); }));
}

TEST_F(SessionTest, KickedPlayerHearsWhy) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play());
  auto* subscriber = Subscriber();
  subscriber->OnTracks(1, Tracks());
  subscriber->OnFrames(1, true, KeyFrame(1));
  ASSERT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Play.Start"); }));
  world_.node.sessions().KickAll("house rules");
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }, std::chrono::milliseconds(1500)));
  EXPECT_TRUE(peer.Heard("onStatus NetStream.Play.Failed"));
  EXPECT_EQ(peer.description(), "house rules");
  EXPECT_EQ(world_.Ends("viewer", "kicked"), 1u);
}

TEST_F(SessionTest, WaitingPlayerCanBeKicked) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play());
  Subscriber()->OnWaiting();
  world_.node.sessions().KickAll("house rules");
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }, std::chrono::milliseconds(1500)));
  EXPECT_EQ(peer.description(), "house rules");
}

TEST_F(SessionTest, StopsAndPlaysAgainOnTheSameConnection) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play());
  auto* subscriber = Subscriber();
  subscriber->OnTracks(1, Tracks());
  subscriber->OnFrames(1, true, KeyFrame(1));
  ASSERT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Play.Start"); }));
  peer.heard.clear();
  // All at once, as a pipelining client does.
  peer.Send(ClientBytes().Command({"closeStream", 0, Null{}}).CreateStream(7).Play());
  ASSERT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Play.Start"); }));
  EXPECT_TRUE(peer.Heard("onStatus NetStream.Play.Stop"));
  EXPECT_TRUE(peer.Heard("_result 7 1"));
  EXPECT_EQ(world_.Ends("viewer", "stopped"), 1u);
  EXPECT_FALSE(peer.closed);
}

TEST_F(SessionTest, PlayerThatHangsUpIsForgotten) {
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes().CreateStream().Play());
  auto* subscriber = Subscriber();
  subscriber->OnTracks(1, Tracks());
  subscriber->OnFrames(1, true, KeyFrame(1));
  ASSERT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Play.Start"); }));
  peer.Close();
  ASSERT_TRUE(world_.Until([&] { return world_.node.sessions().size() == 0; }));
  EXPECT_EQ(world_.Ends("viewer", "client_closed"), 1u);
  subscriber->OnFrames(1, true, KeyFrame(2));  // nobody is there any more
}

// --- neither ---

TEST_F(SessionTest, SilentConnectionIsClosed) {
  world_.node.config.mutable_rtmp()->set_handshake_timeout(300);
  world_.StartServer();
  Peer& peer = world_.Connect();
  EXPECT_TRUE(world_.Until([&] { return peer.closed; }));
}

TEST_F(SessionTest, IdleConnectionIsClosed) {
  world_.node.config.mutable_rtmp()->set_idle_timeout(300);
  world_.StartServer();
  Peer& peer = world_.Greet(ClientBytes());
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_TRUE(peer.Heard("onStatus NetConnection.Connect.Closed"));
}

TEST_F(SessionTest, BreachOfProtocolIsCountedAndTold) {
  world_.StartServer();
  Peer& peer = world_.Connect();
  peer.Handshake();
  peer.Send(ClientBytes().CreateStream());
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_EQ(world_.Metric("millrace_protocol_errors_total{error=\"rtmp_command_before_connect\","
                          "protocol=\"rtmp\"}"),
            1u);
  Peer& http = world_.Connect();
  http.Send(media::AsBytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(world_.Until([&] { return http.closed; }));
}

TEST_F(SessionTest, ConnectionsAreLimited) {
  world_.node.config.mutable_rtmp()->set_max_connections(1);
  world_.StartServer();
  Peer& first = world_.Greet(ClientBytes());
  ASSERT_TRUE(world_.Until([&] { return first.Heard("onBWDone"); }));
  Peer& second = world_.Greet(ClientBytes());
  EXPECT_TRUE(world_.Until([&] { return second.closed; }));
  EXPECT_FALSE(first.closed);
  first.Close();
  ASSERT_TRUE(world_.Until([&] {
    Peer& third = world_.Greet(ClientBytes());
    return world_.Until([&] { return third.Heard("onBWDone"); }, std::chrono::milliseconds(200));
  }));
}

}  // namespace
}  // namespace millrace::rtmp
