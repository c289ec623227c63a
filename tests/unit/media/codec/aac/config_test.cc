#include "media/codec/aac/config.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::aac {
namespace {

using tests::Hex;

struct Case {
  const char* name;
  std::vector<uint8_t> bytes;
  std::string codec;
  uint32_t sample_rate;
  uint32_t channels;
  uint32_t samples_per_frame;
  bool written_alike = true;
};

std::vector<Case> Cases() {
  return {
      {"LC 44100 stereo", Hex("1210"), "mp4a.40.2", 44100, 2, 1024},
      {"LC 48000 mono", Hex("1188"), "mp4a.40.2", 48000, 1, 1024},
      {"LC 48000 5.1", Hex("11b0"), "mp4a.40.2", 48000, 6, 1024},
      {"LC 48000 7.1", Hex("11b8"), "mp4a.40.2", 48000, 8, 1024},
      {"LC 8000 mono", Hex("1588"), "mp4a.40.2", 8000, 1, 1024},
      {"LC 960 samples", Hex("1194"), "mp4a.40.2", 48000, 2, 960},
      {"Main 44100", Hex("0a10"), "mp4a.40.1", 44100, 2, 1024},
      {"LTP 44100", Hex("2210"), "mp4a.40.4", 44100, 2, 1024},
      {"explicit sample rate 44000", Hex("178055f010"), "mp4a.40.2", 44000, 2, 1024},
      {"HE-AAC hierarchical", Hex("2b920800"), "mp4a.40.5", 44100, 2, 2048},
      {"HE-AAC hierarchical 48000", Hex("2b118800"), "mp4a.40.5", 48000, 2, 2048},
      {"HE-AAC down-sampled", Hex("29918800"), "mp4a.40.5", 48000, 2, 1024},
      {"HE-AAC v2 hierarchical", Hex("eb8a0800"), "mp4a.40.29", 44100, 2, 2048},
      {"ffmpeg LC with SBR denied", Hex("121056e500"), "mp4a.40.2", 44100, 2, 1024, false},
      {"HE-AAC backward compatible", Hex("139056e5a0"), "mp4a.40.5", 44100, 2, 2048, false},
      {"HE-AAC v2 backward compatible", Hex("138856e5a54880"), "mp4a.40.29", 44100, 2, 2048, false},
      {"LC with padding behind", Hex("12100000000000"), "mp4a.40.2", 44100, 2, 1024, false},
  };
}

TEST(AacConfig, SaysWhatTheEncoderSet) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("aac_config_fuzz", c.name, c.bytes);
    const auto config = ParseAacConfig(c.bytes);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(CodecString(*config), c.codec);
    EXPECT_EQ(config->OutputSampleRate(), c.sample_rate);
    EXPECT_EQ(config->OutputChannels(), c.channels);
    EXPECT_EQ(config->SamplesPerFrame(), c.samples_per_frame);
    const std::vector<uint8_t> built = BuildAacConfig(*config);
    if (c.written_alike) EXPECT_EQ(built, c.bytes);
    EXPECT_TRUE(ParseAacConfig(built).value() == *config);
  }
}

TEST(AacConfig, ProgramConfigElement) {
  // LC, 44100, configuration 0; element: tag 0, LC, index 4; one front pair, no others; no
  // mix-downs; the pair; aligned; no comment. 00010 0100 0000 000 | 0000 01 0100 0001 0000 0000 00
  // 000 0000 0 0 0 1 0000 | padding | 00000000
  const std::vector<uint8_t> bytes = Hex("1200 0504 0000 20 00");
  tests::WriteSeed("aac_config_fuzz", "program config element", bytes);
  const auto config = ParseAacConfig(bytes);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->channel_configuration, 0);
  EXPECT_EQ(config->channels, 2u);
}

TEST(AacConfig, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
  } cases[] = {
      {"aac_config_truncated", {}},
      {"aac_config_truncated", Hex("12")},
      {"aac_config_truncated", Hex("1780")},
      {"aac_config_too_large", std::vector<uint8_t>(1025)},
      {"aac_reserved_object_type", Hex("0210")},
      {"aac_reserved_sample_rate", Hex("1690")},
      {"aac_reserved_channels", Hex("1240")},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("aac_config_fuzz", std::string("refused ") + c.name, c.bytes);
    EXPECT_EQ(FaultName(ParseAacConfig(c.bytes).status()), c.name);
  }
}

TEST(AacConfig, MakesATrack) {
  const std::vector<uint8_t> bytes = Hex("121056e500");
  const auto track = MakeTrack(bytes);
  ASSERT_TRUE(track.ok());
  EXPECT_EQ(track->id, 2);
  EXPECT_EQ(track->kind, TrackKind::kAudio);
  EXPECT_EQ(track->codec, Codec::kAac);
  EXPECT_EQ(track->config, bytes) << "as the encoder sent it";
  EXPECT_EQ(track->codec_string, "mp4a.40.2");
  EXPECT_EQ(track->sample_rate, 44100u);
  EXPECT_EQ(track->channels, 2u);
  EXPECT_EQ(track->samples_per_frame, 1024u);
}

TEST(AacConfig, EveryErrorHasAName) {
  for (int i = 0; i <= static_cast<int>(AacError::kAdtsLength); ++i) {
    EXPECT_STRNE(AacErrorName(static_cast<AacError>(i)), "aac_unknown");
  }
}

}  // namespace
}  // namespace millrace::media::aac
