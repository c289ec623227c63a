// What encoders do to a session, by their names: tracks that come late or never, clocks that jump,
// logins.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "tests/unit/gateways/rtmp/session_world.h"

namespace millrace::rtmp {
namespace {

using live::SyntheticStream;
using media::amf::MakeEcmaArray;
using media::amf::MakeObject;
using media::amf::Null;
using testing::ElementsAre;
using testing::HasSubstr;

// What an encoder has to say, to be said in any order.
class Encoder {
 public:
  Encoder() {
    const auto headers = source_.Headers();
    for (const auto& tag : headers) {
      if (tag.type == live::kVideoTag) video_header_ = tag;
      if (tag.type == live::kAudioTag) audio_header_ = tag;
    }
    SyntheticStream::Tag tag;
    for (int i = 0; i < 200; ++i) {
      source_.Next(0, tag);
      (tag.type == live::kVideoTag ? video_ : audio_).push_back(tag);
    }
  }

  ClientBytes VideoHeader() { return Write({video_header_}); }
  ClientBytes AudioHeader() { return Write({audio_header_}); }
  ClientBytes Video(size_t count) { return Take(video_, count); }
  ClientBytes Audio(size_t count) { return Take(audio_, count); }
  static ClientBytes Metadata(std::vector<media::amf::Property> properties) {
    return ClientBytes().Raw(MessageType::kDataAmf0,
                             Amf({"@setDataFrame", "onMetaData", MakeEcmaArray(properties)}));
  }
  // Added to every timestamp from now on.
  int64_t shift_ms = 0;

 private:
  ClientBytes Take(std::deque<SyntheticStream::Tag>& tags, size_t count) {
    std::vector<SyntheticStream::Tag> taken;
    for (; count > 0; --count) {
      taken.push_back(std::move(tags.front()));
      tags.pop_front();
    }
    return Write(taken);
  }
  ClientBytes Write(const std::vector<SyntheticStream::Tag>& tags) const {
    ClientBytes bytes;
    for (const auto& tag : tags) {
      bytes.Raw(static_cast<MessageType>(tag.type), tag.body,
                static_cast<uint32_t>(tag.timestamp_ms + shift_ms), 1);
    }
    return bytes;
  }

  SyntheticStream source_{*live::FindProfile("small"), 1};
  SyntheticStream::Tag video_header_;
  SyntheticStream::Tag audio_header_;
  std::deque<SyntheticStream::Tag> video_;
  std::deque<SyntheticStream::Tag> audio_;
};

class Quirks : public testing::Test {
 protected:
  static constexpr uint32_t kTrackWaitMs = 250;

  void SetUp() override {
    world_.node.config.mutable_defaults()->set_track_wait(kTrackWaitMs);
    world_.StartServer();
  }
  stream::FakeBus& bus() { return world_.node.bus(); }
  Peer& Publisher() {
    Peer& peer = world_.Greet(ClientBytes().CreateStream().Publish());
    EXPECT_TRUE(world_.Until([&] { return bus().publisher != nullptr; }));
    bus().publisher->OnGranted({.epoch = 1, .previous = {}});
    EXPECT_TRUE(world_.Until([&] { return peer.Heard("onStatus NetStream.Publish.Start"); }));
    return peer;
  }
  std::vector<media::Frame> Frames(media::TrackKind kind) {
    std::vector<media::Frame> frames;
    if (bus().track_sets.empty()) return frames;
    const media::Track* track = bus().track_sets.back().FirstOf(kind);
    for (const auto& batch : bus().batches) {
      for (const media::Frame& frame : batch) {
        if (track != nullptr && frame.track == track->id) frames.push_back(frame);
      }
    }
    return frames;
  }
  size_t Videos() { return Frames(media::TrackKind::kVideo).size(); }
  size_t Audios() { return Frames(media::TrackKind::kAudio).size(); }
  std::vector<size_t> TracksOfSets() {
    std::vector<size_t> counts;
    for (const media::TrackSet& set : bus().track_sets) counts.push_back(set.tracks.size());
    return counts;
  }
  bool Sets(size_t count) {
    return world_.Until([&] { return bus().track_sets.size() >= count; });
  }

  SessionWorld world_;
  Encoder encoder_;
};

// --- tracks ---

TEST_F(Quirks, FFmpegRepeatsSequenceHeaders) {
  Peer& peer = Publisher();
  for (int i = 0; i < 3; ++i) {
    peer.Send(encoder_.VideoHeader());
    peer.Send(encoder_.AudioHeader());
    peer.Send(encoder_.Video(5));
    peer.Send(encoder_.Audio(5));
  }
  ASSERT_TRUE(world_.Until([&] { return Videos() >= 15; }));
  EXPECT_THAT(TracksOfSets(), ElementsAre(2));
}

TEST_F(Quirks, DjiSendsMetadataWithoutTracks) {
  Peer& peer = Publisher();
  peer.Send(Encoder::Metadata({{"encoder", "DJI"}}));
  peer.Send(encoder_.VideoHeader());
  peer.Send(encoder_.AudioHeader());
  peer.Send(encoder_.Video(5));
  ASSERT_TRUE(Sets(1));
  EXPECT_THAT(TracksOfSets(), ElementsAre(2));
}

TEST_F(Quirks, DjiDeclaresAudioAndSendsNone) {
  Peer& peer = Publisher();
  const auto begin = Clock::now();
  peer.Send(Encoder::Metadata({{"videocodecid", 7}, {"audiocodecid", 10}, {"stereo", true}}));
  peer.Send(encoder_.VideoHeader());
  peer.Send(encoder_.Video(10));
  ASSERT_TRUE(world_.Until([&] { return Videos() >= 10; }));
  EXPECT_GE(Clock::now() - begin, std::chrono::milliseconds(kTrackWaitMs));
  EXPECT_THAT(TracksOfSets(), ElementsAre(1));
}

TEST_F(Quirks, ReolinkSendsItsAudioHeaderAfterTheFirstKeyFrame) {
  Peer& peer = Publisher();
  peer.Send(Encoder::Metadata({{"videocodecid", 7}, {"audiocodecid", 10}}));  // no "stereo"
  peer.Send(encoder_.VideoHeader());
  peer.Send(encoder_.Video(3));
  peer.Send(encoder_.AudioHeader());
  peer.Send(encoder_.Audio(3));
  ASSERT_TRUE(world_.Until([&] { return Videos() >= 3 && Audios() >= 3; }));
  EXPECT_THAT(TracksOfSets(), ElementsAre(2));
}

TEST_F(Quirks, OpenIpcSendsNoMetadataAndItsVideoLate) {
  Peer& peer = Publisher();
  peer.Send(encoder_.AudioHeader());
  peer.Send(encoder_.Audio(20));
  ASSERT_TRUE(world_.Until([&] { return Audios() >= 20; }));  // when the wait was over
  EXPECT_THAT(TracksOfSets(), ElementsAre(1));
  peer.Send(encoder_.VideoHeader());
  peer.Send(encoder_.Video(10));
  ASSERT_TRUE(world_.Until([&] { return Videos() >= 10; }));
  EXPECT_THAT(TracksOfSets(), ElementsAre(1, 2));
}

TEST_F(Quirks, DahuaSendsAudioFirstAndDeclaresNoVideo) {
  Peer& peer = Publisher();
  peer.Send(Encoder::Metadata({{"audiocodecid", 10}, {"width", 640}}));
  peer.Send(encoder_.AudioHeader());
  peer.Send(encoder_.Audio(20));
  peer.Send(encoder_.VideoHeader());
  peer.Send(encoder_.Video(10));
  ASSERT_TRUE(world_.Until([&] { return Videos() >= 10 && Audios() >= 20; }));
  EXPECT_THAT(TracksOfSets(), ElementsAre(2));
}

// --- clocks ---

TEST_F(Quirks, DjiTimestampsGoBack) {
  Peer& peer = Publisher();
  peer.Send(encoder_.VideoHeader());
  peer.Send(encoder_.AudioHeader());
  peer.Send(encoder_.Audio(1));
  peer.Send(encoder_.Video(10));
  for (const int64_t shift : {-90, 0, -45, 0, -130, 0}) {
    encoder_.shift_ms = shift;
    peer.Send(encoder_.Video(2));
  }
  ASSERT_TRUE(world_.Until([&] { return Videos() >= 22; }));
  const auto frames = Frames(media::TrackKind::kVideo);
  EXPECT_TRUE(std::is_sorted(frames.begin(), frames.end(),
                             [](const auto& a, const auto& b) { return a.dts_ns < b.dts_ns; }));
}

TEST_F(Quirks, GStreamerStartsAtALargeTimestamp) {
  Peer& peer = Publisher();
  encoder_.shift_ms = 0xFFFFFF - 100;  // and passes the extended one
  peer.Send(Encoder::Metadata({{"encoder", "GStreamer"}}));
  peer.Send(encoder_.VideoHeader());
  peer.Send(encoder_.AudioHeader());
  peer.Send(encoder_.Video(10));
  peer.Send(encoder_.Audio(10));
  ASSERT_TRUE(world_.Until([&] { return Videos() >= 10 && Audios() >= 10; }));
  const auto frames = Frames(media::TrackKind::kVideo);
  EXPECT_LT(frames.front().dts_ns, 50'000'000);
  EXPECT_NEAR(static_cast<double>(frames.back().dts_ns - frames.front().dts_ns), 360e6, 2e6);
}

// --- logins ---

class Logins : public Quirks {
 protected:
  void SetUp() override {
    v1::AppSettings app;
    (*app.mutable_publishers())["joe"] = "s3cret";
    (*world_.node.config.mutable_applications())["closed"] = app;
    app.set_publish_login(v1::in_key);
    (*world_.node.config.mutable_applications())["keyed"] = app;
    world_.StartServer();
  }
  Peer& Connect(const std::string& app, const ClientBytes& more,
                const char* version = "FMLE/3.0 (compatible; test)") {
    Peer& peer = world_.Connect();
    peer.Handshake();
    peer.Send(ClientBytes().Command(
        {"connect", 1,
         MakeObject({{"app", app}, {"tcUrl", "rtmp://h/" + app}, {"flashVer", version}})}));
    peer.Send(more);
    return peer;
  }
  uint64_t Failures() {
    return world_.Metric(
        "millrace_protocol_errors_total{error=\"rtmp_login_failed\",protocol=\"rtmp\"}");
  }
};

TEST_F(Logins, ObsIsAskedToAuthenticate) {
  Peer& peer = Connect("closed", ClientBytes());
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_FALSE(peer.reset);
  EXPECT_TRUE(peer.Heard("_error 1 NetConnection.Connect.Rejected"));
  EXPECT_THAT(peer.description(), HasSubstr("code=403 need auth; authmod=adobe"));
  EXPECT_EQ(Failures(), 0u);
}

TEST_F(Logins, CredentialsBehindTheAddressPublish) {
  Connect("closed?user=joe&pass=s3cret", ClientBytes().CreateStream().Publish());
  ASSERT_TRUE(world_.Until([&] { return bus().publisher != nullptr; }));
  EXPECT_EQ(bus().published, "closed/cam1");
  const auto update = world_.node.sessions().TakeUpdate(true);
  ASSERT_EQ(update.opened_or_changed_size(), 1);
  EXPECT_EQ(update.opened_or_changed(0).user(), "joe");
}

TEST_F(Logins, CredentialsInTheKeyPublish) {
  Connect("keyed", ClientBytes().CreateStream().Publish("cam1?user=joe&pass=s3cret"));
  ASSERT_TRUE(world_.Until([&] { return bus().publisher != nullptr; }));
  EXPECT_EQ(bus().published, "keyed/cam1");
}

TEST_F(Logins, WrongOnesAreToldCountedAndClosed) {
  const char* keys[] = {"cam1", "cam1?user=joe", "cam1?user=joe&pass=wrong", "cam1?pass=s3cret"};
  uint64_t failures = 0;
  for (const char* key : keys) {
    SCOPED_TRACE(key);
    Peer& peer = Connect("keyed", ClientBytes().CreateStream().Publish(key));
    peer.Send(encoder_.VideoHeader());
    ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
    EXPECT_FALSE(peer.reset);
    EXPECT_TRUE(peer.Heard("onStatus NetStream.Publish.Unauthorized"));
    EXPECT_NE(peer.description(), "");
    EXPECT_EQ(Failures(), ++failures);
    peer.Close();
  }
  Peer& peer = Connect("closed?user=joe&pass=wrong", ClientBytes());
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_TRUE(peer.Heard("_error 1 NetConnection.Connect.Rejected"));
  EXPECT_EQ(peer.description(), "wrong user or password");
  EXPECT_EQ(Failures(), ++failures);
  EXPECT_EQ(bus().publisher, nullptr);
}

TEST_F(Logins, PlayersNeedNone) {
  Connect("closed", ClientBytes().CreateStream().Play(), "LNX 9,0,124,2");
  EXPECT_TRUE(world_.Until([&] { return bus().subscribers.contains("closed/cam1"); }));
}

// --- limits ---

TEST_F(Quirks, FloodsOfCommandsAreToldCountedAndClosed) {
  Peer& peer = Publisher();
  ClientBytes flood;
  for (int i = 0; i < 1000; ++i) flood.Command({"x", 7, Null{}});
  peer.Send(flood);
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_THAT(peer.description(), HasSubstr("rtmp_command_flood"));
  EXPECT_EQ(world_.Metric("millrace_protocol_errors_total{error=\"rtmp_command_flood\","
                          "protocol=\"rtmp\"}"),
            1u);
}

TEST_F(Quirks, TooMuchMetadataIsCountedAndLeftOut) {
  Peer& peer = Publisher();
  media::amf::Value deep = 1;
  for (int i = 0; i < 40; ++i) deep = MakeObject({{"o", std::move(deep)}});
  peer.Send(Encoder::Metadata({{"deep", std::move(deep)}}));
  peer.Send(encoder_.VideoHeader());
  peer.Send(encoder_.AudioHeader());
  peer.Send(encoder_.Video(5));
  ASSERT_TRUE(world_.Until([&] { return Videos() >= 5; }));
  EXPECT_EQ(world_.Metric("millrace_protocol_errors_total{error=\"amf_too_deep\","
                          "protocol=\"rtmp\"}"),
            1u);
  EXPECT_FALSE(peer.closed);
}

}  // namespace
}  // namespace millrace::rtmp
