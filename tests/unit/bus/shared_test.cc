// What both sides of the bus share: ownership, names, framing, conversions.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "runtime/bus/control.h"
#include "runtime/bus/convert.h"
#include "runtime/bus/rendezvous.h"
#include "runtime/bus/stream_name.h"

namespace millrace::bus {
namespace {

TEST(RendezvousTest, GoldenScores) {
  // Other languages have to come to the same owner.
  EXPECT_EQ(RendezvousScore("tcp://router-a:5555", "live/cam1"), 0x48567ed0fdca7c1f);
  EXPECT_EQ(RendezvousScore("tcp://router-b:5555", "live/cam1"), 0x75dd3aea6eda66f7);
  EXPECT_EQ(RendezvousScore("tcp://10.0.0.3:5555", "site3/gate/cam1"), 0xf30f41ccd0f11f2e);
  EXPECT_EQ(RendezvousScore("tcp://router-a:5555", "live/\xc3\xa4"), 0xca37bff9c539d991);
}

TEST(RendezvousTest, OwnerDependsNeitherOnOrderNorOnTheOthers) {
  std::vector<std::string> endpoints;
  for (int i = 0; i < 5; ++i) endpoints.push_back("tcp://10.0.0." + std::to_string(i) + ":5555");
  std::mt19937 random(1);
  std::map<std::string, int> streams_of;
  for (int i = 0; i < 2'000; ++i) {
    const std::string stream = "live/cam" + std::to_string(i);
    const std::string owner = endpoints[OwnerIndex(endpoints, stream)];
    ++streams_of[owner];
    std::vector<std::string> others = endpoints;
    std::ranges::shuffle(others, random);
    EXPECT_EQ(others[OwnerIndex(others, stream)], owner);
    // Without an endpoint that does not own it, the stream stays.
    std::erase(others, endpoints[(OwnerIndex(endpoints, stream) + 1) % 5]);
    EXPECT_EQ(others[OwnerIndex(others, stream)], owner);
  }
  for (const auto& [owner, count] : streams_of) {
    EXPECT_GT(count, 300);
    EXPECT_LT(count, 500);
  }
}

TEST(RendezvousTest, OneEndpointOwnsAll) {
  const std::vector<std::string> one = {"tcp://a:1"};
  EXPECT_EQ(OwnerIndex(one, ""), 0u);
}

struct NameCase {
  const char* what;
  std::string name;
  bool valid;
};

TEST(StreamNameTest, Cases) {
  const std::vector<NameCase> cases = {
      {"plain", "live/cam1", true},
      {"any depth", "site3/gate/north/cam1", true},
      {"umlaut",
       "live/k\xc3\xbc"
       "che",
       true},
      {"four bytes", "live/\xf0\x9f\x8e\xa5", true},
      {"spaces and marks", "live/my cam-1_2.(x)", true},
      {"three dots", "live/...", true},
      {"255 bytes", "live/" + std::string(250, 'x'), true},
      {"256 bytes", "live/" + std::string(251, 'x'), false},
      {"empty", "", false},
      {"one part", "live", false},
      {"leading slash", "/live/cam1", false},
      {"trailing slash", "live/cam1/", false},
      {"empty part", "live//cam1", false},
      {"dot", "live/./cam1", false},
      {"dot dot", "live/..", false},
      {"only a slash", "/", false},
      {"zero byte", std::string("live/a\0b", 8), false},
      {"newline", "live/a\nb", false},
      {"delete", "live/a\x7f", false},
      {"lone continuation", "live/\x80", false},
      {"cut short", "live/\xe2\x82", false},
      {"overlong slash", "live/\xc0\xaf", false},
      {"overlong in three bytes", "live/\xe0\x80\xaf", false},
      {"overlong in four bytes", "live/\xf0\x80\x80\xaf", false},
      {"surrogate", "live/\xed\xa0\x80", false},
      {"beyond Unicode", "live/\xf4\x90\x80\x80", false},
      {"five bytes", "live/\xf8\x88\x80\x80\x80", false},
      {"UTF-16 mark", "live/\xff\xfe", false},
  };
  for (const NameCase& c : cases) EXPECT_EQ(ValidateStreamName(c.name).ok(), c.valid) << c.what;
}

TEST(StreamNameTest, Application) {
  EXPECT_EQ(ApplicationOf("live/cam1"), "live");
  EXPECT_EQ(ApplicationOf("site3/gate/cam1"), "site3");
}

media::Bytes BytesOf(const std::string& text) { return media::AsBytes(text); }

TEST(ControlTest, RoundTrip) {
  v1::Envelope envelope;
  envelope.set_term(7);
  envelope.mutable_ping()->set_number(3);
  const std::string message = EncodeControl(envelope);
  EXPECT_EQ(message.substr(0, 4), "MRC1");
  EXPECT_EQ(KindOfMessage(BytesOf(message)), MessageKind::kControl);
  const auto decoded = DecodeControl(BytesOf(message));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->SerializeAsString(), envelope.SerializeAsString());
}

TEST(ControlTest, GoldenBytes) {
  v1::Envelope envelope;
  envelope.set_term(5);
  v1::Hello& hello = *envelope.mutable_hello();
  hello.set_node("a");
  hello.set_incarnation(9);
  hello.set_channel(v1::CHANNEL_LEASE);
  hello.set_protocol_version(1);
  const std::string golden =
      "MRC1\x08\x05\x12\x09\x0a\x01"
      "a\x10\x09\x18\x02\x20\x01";
  EXPECT_EQ(EncodeControl(envelope), golden);
}

TEST(ControlTest, WhatIsNoControlMessage) {
  for (const std::string& bytes :
       {std::string(), std::string("MRC"), std::string("MRC1"), std::string("MRC2\x08\x05"),
        std::string("MRC1\x08\x05"), std::string("MRC1\xff"), std::string("MRB1\x08\x05")}) {
    EXPECT_FALSE(DecodeControl(BytesOf(bytes)).has_value());
  }
  v1::Envelope large;
  large.mutable_publish()->set_stream(std::string(kMaxControlBytes, 'x'));
  EXPECT_FALSE(DecodeControl(BytesOf(EncodeControl(large))).has_value());
  EXPECT_EQ(KindOfMessage(BytesOf("MRB1")), MessageKind::kMedia);
  EXPECT_EQ(KindOfMessage(BytesOf("JUNK")), MessageKind::kUnknown);
}

TEST(ConvertTest, TracksRoundTripWithEveryField) {
  media::Track track;
  track.id = 200;
  track.kind = media::TrackKind::kAudio;
  track.codec = media::Codec::kOpus;
  track.config = {1, 2, 0, 255};
  track.codec_string = "opus";
  track.width = 1;
  track.height = 2;
  track.frame_rate_num = 3;
  track.frame_rate_den = 4;
  track.sample_rate = 48'000;
  track.channels = 2;
  track.samples_per_frame = 960;
  track.language = "de-CH";
  track.label = "Ton";
  track.is_default = false;
  track.color =
      media::Color{.bit_depth = 10,
                   .primaries = 9,
                   .transfer = 16,
                   .matrix = 8,
                   .light = media::ContentLight{.max_frame_average = 400, .max_content = 1000},
                   .mastering = media::MasteringDisplay{.red_x = 0.1,
                                                        .red_y = 0.2,
                                                        .green_x = 0.3,
                                                        .green_y = 0.4,
                                                        .blue_x = 0.5,
                                                        .blue_y = 0.6,
                                                        .white_x = 0.7,
                                                        .white_y = 0.8,
                                                        .max_luminance = 1000,
                                                        .min_luminance = 0.005}};
  const media::TrackSet set{.version = 9, .tracks = {track, media::Track{.id = 1}}};
  v1::TrackSetUpdate update;
  update.set_first_sequence(77);
  SetTracks(set, update);
  EXPECT_EQ(update.first_sequence(), 77u);
  const auto back = TracksOf(update);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, set);
}

TEST(ConvertTest, TracksThatCannotBe) {
  const auto refused = [](const std::function<void(v1::TrackInfo&)>& change) {
    v1::TrackSetUpdate update;
    SetTracks({.version = 1, .tracks = {media::Track{.id = 1}, media::Track{.id = 2}}}, update);
    change(*update.mutable_tracks(1));
    return !TracksOf(update).ok();
  };
  EXPECT_FALSE(refused([](v1::TrackInfo&) {}));
  EXPECT_TRUE(refused([](v1::TrackInfo& info) { info.set_id(256); }));
  EXPECT_TRUE(refused([](v1::TrackInfo& info) { info.set_id(1); }));
  EXPECT_TRUE(refused([](v1::TrackInfo& info) { info.set_kind(0); }));
  EXPECT_TRUE(refused([](v1::TrackInfo& info) { info.set_kind(4); }));
  EXPECT_TRUE(refused([](v1::TrackInfo& info) { info.set_codec(65'536); }));
  EXPECT_FALSE(refused([](v1::TrackInfo& info) { info.set_codec(999); }));
  EXPECT_FALSE(refused([](v1::TrackInfo& info) { info.mutable_color()->set_transfer(255); }));
  EXPECT_TRUE(refused([](v1::TrackInfo& info) { info.mutable_color()->set_transfer(256); }));
}

TEST(ConvertTest, TimelineRoundTrip) {
  const Timeline timeline{.epoch = 1,
                          .last_sequence = 2,
                          .dts_end_ns = -3,
                          .pts_end_ns = 7,
                          .next_segment = 4,
                          .discontinuity_sequence = 5,
                          .next_gop = 6};
  const Timeline back = FromProto(ToProto(timeline));
  EXPECT_EQ(back.epoch, 1u);
  EXPECT_EQ(back.last_sequence, 2u);
  EXPECT_EQ(back.dts_end_ns, -3);
  EXPECT_EQ(back.pts_end_ns, 7);
  EXPECT_EQ(back.next_segment, 4u);
  EXPECT_EQ(back.discontinuity_sequence, 5u);
  EXPECT_EQ(back.next_gop, 6u);
}

}  // namespace
}  // namespace millrace::bus
