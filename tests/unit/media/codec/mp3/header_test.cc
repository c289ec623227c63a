#include "media/codec/mp3/header.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::mp3 {
namespace {

using tests::Hex;

TEST(FrameHeader, SaysWhatTheEncoderSet) {
  const struct {
    const char* name;
    std::vector<uint8_t> header;
    uint8_t layer;
    uint32_t bit_rate;
    uint32_t sample_rate;
    uint32_t channels;
    uint32_t samples;
    size_t frame_size;
    const char* codec;
  } cases[] = {
      {"LAME 44100 stereo 128k", Hex("fffb9064"), 3, 128000, 44100, 2, 1152, 417, "mp4a.6B"},
      {"LAME 44100 stereo 128k padded", Hex("fffb9264"), 3, 128000, 44100, 2, 1152, 418, "mp4a.6B"},
      {"LAME 22050 mono 32k", Hex("fff340c4"), 3, 32000, 22050, 1, 576, 104, "mp4a.69"},
      {"LAME 8000 mono 8k", Hex("ffe318c4"), 3, 8000, 8000, 1, 576, 72, "mp4a.69"},
      {"ffmpeg layer II 48000 192k", Hex("fffda404"), 2, 192000, 48000, 2, 1152, 576, "mp4a.6B"},
      {"layer I 44100 padded", Hex("ffff1200"), 1, 32000, 44100, 2, 384, 36, "mp4a.6B"},
      {"layer I of MPEG-2", Hex("fff7e400"), 1, 256000, 24000, 2, 384, 512, "mp4a.69"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("audio_config_fuzz", std::string("mp3 ") + c.name, c.header);
    const auto header = ParseFrameHeader(c.header);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->layer, c.layer);
    EXPECT_EQ(header->bit_rate, c.bit_rate);
    EXPECT_EQ(header->sample_rate, c.sample_rate);
    EXPECT_EQ(header->channels, c.channels);
    EXPECT_EQ(header->samples, c.samples);
    EXPECT_EQ(header->frame_size, c.frame_size);
    EXPECT_EQ(CodecString(*header), c.codec);
  }
}

TEST(FrameHeader, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> header;
  } cases[] = {
      {"mp3_header_truncated", Hex("fffb90")},  {"mp3_header_sync", Hex("ff1b9064")},
      {"mp3_header_sync", Hex("49443304")},     {"mp3_header_reserved", Hex("ffeb9064")},
      {"mp3_header_reserved", Hex("fff99064")}, {"mp3_header_reserved", Hex("fffbf064")},
      {"mp3_header_reserved", Hex("fffb9c64")}, {"mp3_free_format", Hex("fffb0064")},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("audio_config_fuzz", std::string("refused ") + c.name, c.header);
    EXPECT_EQ(FaultName(ParseFrameHeader(c.header).status()), c.name);
  }
  for (int i = 0; i <= static_cast<int>(Mp3Error::kFreeFormat); ++i) {
    EXPECT_STRNE(Mp3ErrorName(static_cast<Mp3Error>(i)), "mp3_unknown");
  }
}

TEST(FrameHeader, MakesATrack) {
  const Track track = MakeTrack(ParseFrameHeader(Hex("fff340c4")).value());
  EXPECT_EQ(track.id, 2);
  EXPECT_EQ(track.kind, TrackKind::kAudio);
  EXPECT_EQ(track.codec, Codec::kMp3);
  EXPECT_TRUE(track.config.empty()) << "there is no record";
  EXPECT_EQ(track.codec_string, "mp4a.69");
  EXPECT_EQ(track.sample_rate, 22050u);
  EXPECT_EQ(track.channels, 1u);
  EXPECT_EQ(track.samples_per_frame, 576u);
}

}  // namespace
}  // namespace millrace::media::mp3
