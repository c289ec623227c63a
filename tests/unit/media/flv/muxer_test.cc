#include "media/flv/muxer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "media/flv/demuxer.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::flv {
namespace {

using tests::Hex;

template <size_t kSize>
std::vector<uint8_t> Vector(const std::array<uint8_t, kSize>& bytes) {
  return {bytes.begin(), bytes.end()};
}

Track Video() {
  Track track{.id = 1, .kind = TrackKind::kVideo, .codec = Codec::kH264};
  track.config = Hex("0164001e");
  track.width = 1280;
  track.height = 720;
  track.frame_rate_num = 25;
  track.frame_rate_den = 1;
  return track;
}

Track Audio() {
  Track track{.id = 2, .kind = TrackKind::kAudio, .codec = Codec::kAac};
  track.config = Hex("1190");
  track.sample_rate = 48000;
  track.channels = 2;
  return track;
}

TEST(Muxer, GoldenBytes) {
  EXPECT_EQ(Vector(FlvFileHeader(true, true)), Hex("'FLV' 01 05 00000009 00000000"));
  EXPECT_EQ(Vector(FlvFileHeader(true, false)), Hex("'FLV' 01 04 00000009 00000000"));
  EXPECT_EQ(Vector(FlvFileHeader(false, true)), Hex("'FLV' 01 01 00000009 00000000"));
  EXPECT_EQ(Vector(TagHeader(TagType::kVideo, 0x123456, 0x89abcdef)),
            Hex("09 123456 abcdef 89 000000"));
  EXPECT_EQ(Vector(PreviousTagSize(0x123456)), Hex("00123461"));
  EXPECT_EQ(VideoSequenceHeader(Video()), Hex("17 00 000000 0164001e"));
  EXPECT_EQ(AudioSequenceHeader(Audio()), Hex("af 00 1190"));
  EXPECT_EQ(Vector(AudioTagPrefix(Audio())), Hex("af 01"));
}

TEST(Muxer, VideoPrefixes) {
  const struct {
    const char* name;
    uint16_t flags;
    int64_t dts_ns;
    int64_t pts_ns;
    const char* hex;
  } cases[] = {
      {"IDR", kClosedRandomAccess, 0, 80 * kNsPerMs, "17 01 000050"},
      {"recovery point", kOpenRandomAccess, 0, 0, "17 01 000000"},
      {"inter", 0, 0, 0, "27 01 000000"},
      {"disposable", kNonReference, 0, 0, "27 01 000000"},
      {"rounded as dts and pts are", 0, 33'366'667, 66'733'334, "27 01 000022"},
      {"pts before dts", 0, 40 * kNsPerMs, 0, "27 01 ffffd8"},
      {"absurd pts", 0, 0, int64_t{1} << 60, "27 01 7fffff"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Frame frame;
    frame.flags = c.flags;
    frame.dts_ns = c.dts_ns;
    frame.pts_ns = c.pts_ns;
    EXPECT_EQ(Vector(VideoTagPrefix(frame)), Hex(c.hex));
  }
}

TEST(Muxer, MetadataSaysWhatTheTracksAre) {
  TrackSet tracks{.version = 1, .tracks = {Video(), Audio()}};
  auto script = ParseScriptTagBody(OnMetaData(tracks, "0.1.0"));
  ASSERT_TRUE(script.ok());
  EXPECT_EQ(script->name, "onMetaData");
  const amf::Value expected = amf::MakeEcmaArray({{"width", 1280},
                                                  {"height", 720},
                                                  {"framerate", 25},
                                                  {"videocodecid", 7},
                                                  {"audiocodecid", 10},
                                                  {"audiosamplerate", 48000},
                                                  {"audiosamplesize", 16},
                                                  {"stereo", true},
                                                  {"encoder", "Millrace/0.1.0"}});
  EXPECT_TRUE(script->value == expected);
  tracks.tracks.erase(tracks.tracks.begin());
  script = ParseScriptTagBody(OnMetaData(tracks, "0.1.0"));
  ASSERT_TRUE(script.ok());
  EXPECT_EQ(script->value.Find("width"), nullptr) << "audio only";
  tracks.tracks = {Video()};
  tracks.tracks[0].frame_rate_num = 0;
  script = ParseScriptTagBody(OnMetaData(tracks, "0.1.0"));
  ASSERT_TRUE(script.ok());
  EXPECT_EQ(script->value.Find("framerate"), nullptr) << "unknown frame rate";
  EXPECT_EQ(script->value.Find("stereo"), nullptr) << "video only";
}

TEST(Muxer, CarriesH264AndAac) {
  EXPECT_TRUE(CanCarry(Video()));
  EXPECT_TRUE(CanCarry(Audio()));
  EXPECT_FALSE(CanCarry(Track{.codec = Codec::kOpus}));
}

// Write, then read: every tag comes back.
TEST(Muxer, WhatIsWrittenIsRead) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  const TrackSet tracks{.version = 1, .tracks = {Video(), Audio()}};
  std::vector<Tag> written;
  writer.Append(FlvFileHeader(true, true));
  const auto add = [&](TagType type, uint32_t ms, std::vector<uint8_t> body) {
    writer.Append(TagHeader(type, body.size(), ms));
    writer.Append(body);
    writer.Append(PreviousTagSize(body.size()));
    written.push_back({type, ms, Payload::FromVector(std::move(body))});
  };
  add(TagType::kScript, 0, OnMetaData(tracks, "1"));
  add(TagType::kVideo, 0, VideoSequenceHeader(tracks.tracks[0]));
  add(TagType::kAudio, 0, AudioSequenceHeader(tracks.tracks[1]));
  add(TagType::kVideo, 0x1000000, Hex("17 01 000000 00000001 65"));
  add(TagType::kAudio, 0x1000015, Hex("af 01 2110"));
  tests::WriteSeed("flv_demuxer_fuzz", "as written", out);
  Demuxer demuxer;
  demuxer.Append(out);
  auto event = demuxer.Next();
  ASSERT_TRUE(event.ok() && event->has_value());
  const auto& header = std::get<FileHeader>(**event);
  EXPECT_TRUE(header.has_audio && header.has_video);
  for (const Tag& expected : written) {
    event = demuxer.Next();
    ASSERT_TRUE(event.ok() && event->has_value());
    const Tag& tag = std::get<Tag>(**event);
    EXPECT_EQ(tag.type, expected.type);
    EXPECT_EQ(tag.timestamp_ms, expected.timestamp_ms);
    EXPECT_TRUE(std::ranges::equal(tag.body.bytes(), expected.body.bytes()));
  }
  EXPECT_EQ(demuxer.buffered(), 0u);
}

}  // namespace
}  // namespace millrace::media::flv
