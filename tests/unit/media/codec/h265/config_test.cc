#include "media/codec/h265/config.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/seeds.h"
#include "tests/unit/media/codec/h265/parameter_sets.h"

namespace millrace::media::h265 {
namespace {

using tests::Hex;

struct RecordCase {
  const char* name;
  std::vector<uint8_t> record;
  size_t sei;
};

std::vector<RecordCase> Records() {
  return {
      {"ffmpeg main",
       Hex("0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000"
           "3"
           "000003003c959009a10001002c42010101600000030090000003000003003ca00a880c1c44d965644a4c2f0"
           "1"
           "6808000003000800000300c840a2000100064401c073c189"),
       0},
      {"ffmpeg main 10 with mastering display and light level",
       Hex("0102200000009000000000003ff000fcfdfafa00000f04a00001001840010c01ffff0220000003009000000"
           "3"
           "000003003f959409a10001002d42010102200000030090000003000003003fa005020171f2b6595952930bc"
           "0"
           "5a84880482000007d20000ea6010a2000100064401c073c18927000200094e01900403e8019080001e4e018"
           "9"
           "1833c286c41d4c0bb884d03e803d13404200989680000003000180"),
       2},
  };
}

HevcConfig ConfigOf(const SpsCase& c) {
  HevcConfig config;
  config.vps = {c.vps};
  config.sps = {c.sps};
  config.pps = {Pps()};
  return config;
}

TEST(HevcConfig, WhatFfmpegWroteIsReadAndWrittenAlike) {
  for (const RecordCase& c : Records()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("h265_config_fuzz", std::string("hvcc ") + c.name, c.record);
    const auto config = ParseHevcConfig(c.record);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->nal_length_size, 4);
    EXPECT_EQ(config->sei.size(), c.sei);
    std::vector<uint8_t> expected = c.record;
    // It leaves the SEI array incomplete; ours all are.
    if (c.sei > 0) expected[expected.size() - 46] |= 0x80;
    EXPECT_EQ(BuildHevcConfig(*config).value(), expected);
  }
}

TEST(HevcConfig, EveryParameterSetWriteThenRead) {
  for (const SpsCase& c : SpsCases()) {
    SCOPED_TRACE(c.name);
    for (uint8_t length_size : {1, 2, 4}) {
      HevcConfig config = ConfigOf(c);
      config.nal_length_size = length_size;
      const auto record = BuildHevcConfig(config);
      ASSERT_TRUE(record.ok()) << record.status();
      if (length_size == 4) {
        tests::WriteSeed("h265_config_fuzz", std::string("hvcc ") + c.name, *record);
      }
      const auto read = ParseHevcConfig(*record);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_TRUE(*read == config);
    }
  }
}

TEST(HevcConfig, Tolerates) {
  const HevcConfig config = ConfigOf(SpsCases()[0]);
  std::vector<uint8_t> record = Records()[0].record;
  record[0] = 0;
  EXPECT_TRUE(ParseHevcConfig(record).value() == config) << "version 0 of early encoders";
  record.push_back(0xff);
  EXPECT_TRUE(ParseHevcConfig(record).value() == config) << "junk behind";
  const std::vector<uint8_t> annex_b = Hex(
      "00000001 40010c01ffff01600000030090000003000003003c959009 00000001 "
      "42010101600000030090000003000003003ca00a880c1c44d965644a4c2f016808000003000800000300c840 "
      "00000001 4401c073c189");
  tests::WriteSeed("h265_config_fuzz", "annex b in place of hvcc", annex_b);
  EXPECT_TRUE(ParseHevcConfig(annex_b).value() == config) << "encoder that sends Annex B";
}

TEST(HevcConfig, RefusesByName) {
  const std::string fixed = "01600000009000000000003cf000fcfdf8f800000f";
  const struct {
    const char* name;
    std::vector<uint8_t> record;
  } cases[] = {
      {"h265_config_truncated", {}},
      {"h265_config_truncated", Hex("01" + fixed)},
      {"h265_config_truncated", Hex("01" + fixed + "01 a0 0001 0018 4001")},
      {"h265_config_truncated", Hex("01" + fixed + "01 a0 ffff 0003 400100")},
      {"h265_config_version", Hex("02" + fixed + "00")},
      {"h265_config_without_vps", Hex("01" + fixed + "00")},
      {"h265_config_without_sps", Hex("01" + fixed + "01 a0 0001 0003 400100")},
      {"h265_config_without_pps", Hex("01" + fixed + "02 a0 0001 0003 400100 a1 0001 0003 420100")},
      {"h265_config_without_vps", Hex("00000001 420100")},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("h265_config_fuzz", std::string("refused ") + c.name, c.record);
    EXPECT_EQ(FaultName(ParseHevcConfig(c.record).status()), c.name);
  }
  HevcConfig large = ConfigOf(SpsCases()[0]);
  large.pps.resize(65, Pps());
  EXPECT_EQ(FaultName(BuildHevcConfig(large).status()), "h265_config_too_large");
  HevcConfig broken = ConfigOf(SpsCases()[0]);
  broken.sps[0].resize(8);
  EXPECT_EQ(FaultName(MakeTrack(broken).status()), "h265_sps_truncated");
}

TEST(HevcConfig, InBandParameterSets) {
  const SpsCase low = SpsCases()[0];
  const SpsCase high = SpsCases()[5];
  const HevcConfig config = ConfigOf(low);
  const std::vector<uint8_t> pps = Pps();
  const std::vector<uint8_t> second_pps = Hex("4401 5a 80");
  EXPECT_FALSE(Updated(config, {}).has_value());
  EXPECT_FALSE(Updated(config, {{low.vps}, {low.sps}, {pps}}).has_value()) << "repeated";
  const auto changed = Updated(config, {{high.vps}, {high.sps}, {pps}});
  ASSERT_TRUE(changed.has_value());
  EXPECT_TRUE(*changed == ConfigOf(high)) << "same ids: replaced";
  const auto added = Updated(config, {{}, {}, {second_pps}});
  ASSERT_TRUE(added.has_value());
  EXPECT_EQ(added->pps, (std::vector<std::vector<uint8_t>>{pps, second_pps})) << "other id: added";
  EXPECT_FALSE(Updated(config, {{}, {Bytes(low.sps).first(3)}, {}}).has_value())
      << "broken: ignored";
}

TEST(HevcConfig, StreamsThatAnnounceNothing) {
  const SpsCase c = SpsCases()[0];
  const std::vector<uint8_t> pps = Pps();
  const auto config = FromParameterSets({{c.vps}, {c.sps}, {pps}});
  ASSERT_TRUE(config.has_value());
  EXPECT_TRUE(*config == ConfigOf(c));
  EXPECT_FALSE(FromParameterSets({{}, {c.sps}, {pps}}).has_value());
}

TEST(HevcConfig, CodecStrings) {
  const struct {
    ProfileTierLevel profile;
    const char* text;
  } cases[] = {
      // The examples of ISO/IEC 14496-15 Annex E.
      {{0, false, 1, 0x60000000, 0xb00000000000, 93}, "hvc1.1.6.L93.B0"},
      {{1, true, 4, 0x82000000, 0xb02300000000, 120}, "hvc1.A4.41.H120.B0.23"},
      {{0, false, 2, 0x20000000, 0, 150}, "hvc1.2.4.L150"},
      {{0, false, 1, 0, 0x900000000008, 30}, "hvc1.1.0.L30.90.0.0.0.0.8"},
  };
  for (const auto& c : cases) EXPECT_EQ(CodecString(c.profile), c.text);
}

TEST(HevcConfig, MakesATrack) {
  HevcConfig config = ConfigOf(SpsCases()[5]);
  config.nal_length_size = 2;
  const auto track = MakeTrack(config);
  ASSERT_TRUE(track.ok());
  EXPECT_EQ(track->id, 1);
  EXPECT_EQ(track->kind, TrackKind::kVideo);
  EXPECT_EQ(track->codec, Codec::kH265);
  EXPECT_EQ(track->codec_string, "hvc1.1.6.H123.90");
  EXPECT_EQ(track->width, 1920u);
  EXPECT_EQ(track->height, 1080u);
  EXPECT_EQ(track->frame_rate_num, 60u);
  EXPECT_EQ(track->frame_rate_den, 1u);
  EXPECT_EQ(ParseHevcConfig(track->config)->nal_length_size, 4) << "the form of every frame";
  EXPECT_EQ(SubLayersOf(ConfigOf(SpsCases()[7])), 2u);
  EXPECT_EQ(SubLayersOf(config), 1u);
}

TEST(HevcConfig, FrameRateOfTheVpsWhereTheSpsTellsNone) {
  HevcConfig config = ConfigOf(SpsCases()[0]);
  config.sps[0].resize(config.sps[0].size() - 10);  // breaks off in the VUI
  config.vps = {Hex("40010c01ffff01600000030090000003000003003c95900c00000fa40001d4c180")};
  const auto track = MakeTrack(config);
  ASSERT_TRUE(track.ok()) << track.status();
  EXPECT_EQ(track->width, 322u);
  EXPECT_EQ(track->frame_rate_num, 30000u);
  EXPECT_EQ(track->frame_rate_den, 1001u);
}

}  // namespace
}  // namespace millrace::media::h265
