#include "media/codec/ac3/header.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::ac3 {
namespace {

using tests::Hex;

struct Case {
  const char* name;
  std::vector<uint8_t> frame;
  std::vector<uint8_t> dac3;
  uint32_t sample_rate;
  uint32_t channels;
  uint32_t bit_rate;
  size_t frame_size;
};

std::vector<Case> Cases() {
  return {
      {"ffmpeg 48000 stereo", Hex("0b77fe95144043e1"), Hex("101140"), 48000, 2, 192000, 768},
      {"ffmpeg 48000 5.1", Hex("0b77b50b1e40ebf8"), Hex("103de0"), 48000, 6, 448000, 1792},
      {"ffmpeg 44100 mono", Hex("0b7738664c402f84"), Hex("5008c0"), 44100, 1, 96000, 416},
      {"44100 mono, a word longer", Hex("0b7738664d402f84"), Hex("5008c0"), 44100, 1, 96000, 418},
      {"ffmpeg 32000 stereo", Hex("0b77cf43904043e1"), Hex("901100"), 32000, 2, 128000, 768},
  };
}

TEST(FrameHeader, SaysWhatTheEncoderSet) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("audio_config_fuzz", std::string("ac3 ") + c.name, c.frame);
    tests::WriteSeed("audio_config_fuzz", std::string("dac3 ") + c.name, c.dac3);
    const auto header = ParseFrameHeader(c.frame);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->frame_size, c.frame_size);
    EXPECT_EQ(header->config.SampleRate(), c.sample_rate);
    EXPECT_EQ(header->config.Channels(), c.channels);
    EXPECT_EQ(header->config.BitRate(), c.bit_rate);
    EXPECT_EQ(BuildAc3Config(header->config), c.dac3);
    EXPECT_TRUE(ParseAc3Config(c.dac3).value() == header->config);
  }
}

TEST(FrameHeader, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> frame;
  } cases[] = {
      {"ac3_header_truncated", Hex("0b77fe951440")},
      {"ac3_header_sync", Hex("770bfe95144043e1")},
      {"ac3_header_reserved", Hex("0b77fe95d44043e1")},  // sample rate 3
      {"ac3_header_reserved", Hex("0b77fe95264043e1")},  // frame size 38
      {"ac3_header_reserved", Hex("0b77fe95144843e1")},  // bsid 9
      {"ac3_enhanced", Hex("0b77017f3487c000")},         // as ffmpeg writes it
  };
  for (const auto& c : cases) {
    tests::WriteSeed("audio_config_fuzz", std::string("refused ") + c.name, c.frame);
    EXPECT_EQ(FaultName(ParseFrameHeader(c.frame).status()), c.name);
  }
  EXPECT_EQ(FaultName(ParseAc3Config(Hex("1011")).status()), "ac3_config_truncated");
  EXPECT_EQ(FaultName(ParseAc3Config(Hex("d01140")).status()), "ac3_config_reserved");
  EXPECT_EQ(FaultName(ParseAc3Config(Hex("1013e0")).status()), "ac3_config_reserved");
  for (int i = 0; i <= static_cast<int>(Ac3Error::kConfigReserved); ++i) {
    EXPECT_STRNE(Ac3ErrorName(static_cast<Ac3Error>(i)), "ac3_unknown");
  }
}

TEST(Ac3Config, MakesATrack) {
  const Track track = MakeTrack(ParseAc3Config(Hex("103de0")).value());
  EXPECT_EQ(track.id, 2);
  EXPECT_EQ(track.kind, TrackKind::kAudio);
  EXPECT_EQ(track.codec, Codec::kAc3);
  EXPECT_EQ(track.config, Hex("103de0"));
  EXPECT_EQ(track.codec_string, "ac-3");
  EXPECT_EQ(track.sample_rate, 48000u);
  EXPECT_EQ(track.channels, 6u);
  EXPECT_EQ(track.samples_per_frame, 1536u);
}

}  // namespace
}  // namespace millrace::media::ac3
