#include "media/codec/h264/config.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/codec/h264/nal.h"
#include "tests/support/seeds.h"
#include "tests/unit/media/codec/h264/parameter_sets.h"

namespace millrace::media::h264 {
namespace {

using tests::Hex;

constexpr char kX264Record[] =
    "0164000dffe10019 6764000dacd941519e226c04400000fa40003a9803c50a6580 010006 68ebe3cb22c0 "
    "fdf8f800";

AvcConfig ConfigOf(const std::vector<uint8_t>& sps) {
  AvcConfig config;
  config.sps = {sps};
  config.pps = {Pps()};
  return config;
}

TEST(AvcConfig, WhatFfmpegWroteIsReadAndWrittenAlike) {
  const std::vector<uint8_t> record = Hex(kX264Record);
  const auto config = ParseAvcConfig(record);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->nal_length_size, 4);
  EXPECT_EQ(BuildAvcConfig(*config).value(), record);
}

TEST(AvcConfig, EverySpsWriteThenRead) {
  for (const SpsCase& c : SpsCases()) {
    SCOPED_TRACE(c.name);
    for (uint8_t length_size : {1, 2, 4}) {
      AvcConfig config = ConfigOf(c.nal);
      config.nal_length_size = length_size;
      const auto record = BuildAvcConfig(config);
      ASSERT_TRUE(record.ok());
      if (length_size == 4)
        tests::WriteSeed("h264_config_fuzz", std::string("avcc ") + c.name, *record);
      const auto read = ParseAvcConfig(*record);
      ASSERT_TRUE(read.ok());
      EXPECT_TRUE(*read == config);
    }
  }
}

TEST(AvcConfig, SpsExtensionsSurvive) {
  AvcConfig config = ConfigOf(SpsCases()[1].nal);
  config.sps_extensions = {Hex("6dc0")};
  EXPECT_TRUE(ParseAvcConfig(BuildAvcConfig(config).value()).value() == config);
}

TEST(AvcConfig, Tolerates) {
  const AvcConfig config = ConfigOf(Hex("6764000dacd941519e226c04400000fa40003a9803c50a6580"));
  std::vector<uint8_t> record = Hex(kX264Record);
  record.resize(record.size() - 4);
  EXPECT_TRUE(ParseAvcConfig(record).value() == config)
      << "encoder without the high profile trailer";
  record.push_back(0xff);
  EXPECT_TRUE(ParseAvcConfig(record).value() == config) << "junk behind";
  const std::vector<uint8_t> annex_b =
      Hex("00000001 6764000dacd941519e226c04400000fa40003a9803c50a6580 00000001 68ebe3cb22c0");
  tests::WriteSeed("h264_config_fuzz", "annex b in place of avcc", annex_b);
  EXPECT_TRUE(ParseAvcConfig(annex_b).value() == config) << "encoder that sends Annex B";
}

TEST(AvcConfig, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> record;
  } cases[] = {
      {"h264_config_truncated", {}},
      {"h264_config_truncated", Hex("01640000ff")},
      {"h264_config_truncated", Hex("0164000dffe10019 67")},
      {"h264_config_truncated", Hex("0164000dffe10002 6742")},
      {"h264_config_version", Hex("0064000dffe1")},
      {"h264_config_without_sps", Hex("0164000dffe0 00")},
      {"h264_config_without_pps", Hex("0164000dffe10002 6742 00")},
      {"h264_config_without_pps", Hex("00000001 6742")},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("h264_config_fuzz", std::string("refused ") + c.name, c.record);
    EXPECT_EQ(FaultName(ParseAvcConfig(c.record).status()), c.name);
  }
  AvcConfig large = ConfigOf(SpsCases()[0].nal);
  large.pps.resize(256, Pps());
  EXPECT_EQ(FaultName(BuildAvcConfig(large).status()), "h264_config_too_large");
}

TEST(AvcConfig, InBandParameterSets) {
  const std::vector<uint8_t> low = SpsCases()[0].nal;
  const std::vector<uint8_t> high = SpsCases()[1].nal;
  const AvcConfig config = ConfigOf(low);
  const std::vector<uint8_t> pps = Pps();
  const std::vector<uint8_t> second_pps = Hex("68 5a 80");
  EXPECT_FALSE(Updated(config, {}, {}).has_value());
  EXPECT_FALSE(Updated(config, {low}, {pps}).has_value()) << "repeated";
  const auto changed = Updated(config, {high}, {pps});
  ASSERT_TRUE(changed.has_value());
  EXPECT_EQ(changed->sps, (std::vector<std::vector<uint8_t>>{high})) << "same id: replaced";
  const auto added = Updated(config, {}, {second_pps});
  ASSERT_TRUE(added.has_value());
  EXPECT_EQ(added->pps, (std::vector<std::vector<uint8_t>>{pps, second_pps})) << "other id: added";
  EXPECT_FALSE(Updated(config, {Bytes(low).first(3)}, {}).has_value()) << "broken: ignored";
}

TEST(AvcConfig, MakesATrack) {
  AvcConfig config = ConfigOf(SpsCases()[1].nal);
  config.nal_length_size = 2;
  const auto track = MakeTrack(config);
  ASSERT_TRUE(track.ok());
  EXPECT_EQ(track->id, 1);
  EXPECT_EQ(track->kind, TrackKind::kVideo);
  EXPECT_EQ(track->codec, Codec::kH264);
  EXPECT_EQ(track->codec_string, "avc1.64002a");
  EXPECT_EQ(track->width, 1920u);
  EXPECT_EQ(track->height, 1080u);
  EXPECT_EQ(track->frame_rate_num, 60u);
  EXPECT_EQ(ParseAvcConfig(track->config)->nal_length_size, 4) << "the form of every frame";
}

}  // namespace
}  // namespace millrace::media::h264
