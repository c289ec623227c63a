#include "media/codec/av1/config.h"

#include <gtest/gtest.h>

#include <string>

#include "media/base/fault.h"
#include "media/codec/av1/errors.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::av1 {
namespace {

using tests::Hex;

struct Case {
  const char* name;
  std::vector<uint8_t> record;
  std::string codec;
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t frame_rate_num = 0;
  uint32_t frame_rate_den = 0;
  uint8_t bit_depth = 8;
};

std::vector<Case> Cases() {
  return {
      {"libaom 322x182", Hex("81000c00 0a0b000000043d06d4daf90040"), "av01.0.00M.08", 322, 182},
      {"libaom 1080p60", Hex("81090c00 0a0b0000004aabbfc3776be401"), "av01.0.09M.08", 1920, 1080},
      {"libaom 10 bit PQ", Hex("81014c00 0a0e0000000cc4ff6736be5424402410"),
       "av01.0.01M.10.0.110.09.16.09.0", 640, 360, 0, 0, 10},
      {"libaom 4:4:4 12 bit", Hex("81406000 0a0a400000032c184daf9604"),
       "av01.2.00M.12.0.000.01.01.01.0", 66, 34, 0, 0, 12},
      {"libaom monochrome", Hex("81001c00 0a0a000000032c184daf92a0"),
       "av01.0.00M.08.1.110.01.01.01.1", 66, 34},
      {"libaom RGB", Hex("81200000 0a0d20000002afff9b5f2404340080"),
       "av01.1.00M.08.0.000.01.13.00.1", 64, 64},
      {"libaom still picture", Hex("81000c00 0a0618157ffda008"), "av01.0.00M.08", 64, 64},
      {"SVT-AV1", Hex("81000c00 0a0b000000043cfecc02f80040"), "av01.0.00M.08", 320, 180},
      {"rav1e without a level", Hex("811f0c00 0a0e000000f9da7ec8842a2040404280"), "av01.0.31M.08",
       160, 90},
      {"timing", Hex("81000c00 0a13 0400000fa40001d4c300000087a0da9b5f2008"), "av01.0.00M.08", 322,
       182, 30000, 1001},
      {"decoder model, two operating points, high tier",
       Hex("81098c00 0a1f 0400000fa40001d4c3a40000001d298440538020126200421e836a6d7c8020"),
       "av01.0.09H.08", 322, 182, 30000, 1001},
      {"presentation delay and metadata",
       Hex("81000c13 0a0b000000043d06d4daf90040 2a0601 0064003200"), "av01.0.00M.08", 322, 182},
  };
}

TEST(Av1Config, WhatEncodersWroteIsReadAndWrittenAlike) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("av1_config_fuzz", c.name, c.record);
    const auto config = ParseAv1Config(c.record);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(BuildAv1Config(*config).value(), c.record);
    const auto header = SequenceHeaderOf(*config);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->bit_depth, c.bit_depth);
    EXPECT_EQ(CodecString(*header), c.codec);
    EXPECT_EQ(header->width, c.width);
    EXPECT_EQ(header->height, c.height);
    EXPECT_EQ(header->frame_rate_num, c.frame_rate_num);
    EXPECT_EQ(header->frame_rate_den, c.frame_rate_den);
  }
}

TEST(Av1Config, KeepsWhatBelongsToTheWholeStream) {
  const auto config = ParseAv1Config(Cases().back().record);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->initial_presentation_delay, 4);
  EXPECT_EQ(config->metadata, Hex("2a0601 0064003200"));
  // A delimiter and padding are left out, a unit without size gets one.
  const auto bare = ParseAv1Config(Hex("81000c00 1200 7a0100 08 000000043d06d4daf90040"));
  ASSERT_TRUE(bare.ok()) << bare.status();
  EXPECT_EQ(bare->sequence_header, Hex("0a0b000000043d06d4daf90040"));
}

TEST(Av1Config, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> record;
  } cases[] = {
      {"av1_config_truncated", {}},
      {"av1_config_truncated", Hex("81000c")},
      {"av1_config_version", Hex("82000c00 0a0b000000043d06d4daf90040")},
      {"av1_config_without_sequence_header", Hex("81000c00")},
      {"av1_config_without_sequence_header", Hex("81000c00 1200")},
      {"av1_obu_forbidden_bit", Hex("81000c00 8a00")},
      {"av1_obu_truncated", Hex("81000c00 0a0c000000043d06d4daf90040")},
      {"av1_config_too_large", std::vector<uint8_t>(70000, 0x81)},
  };
  for (const auto& c : cases) {
    if (c.record.size() < 100) {
      tests::WriteSeed("av1_config_fuzz", std::string("refused ") + c.name, c.record);
    }
    EXPECT_EQ(FaultName(ParseAv1Config(c.record).status()), c.name);
  }
}

TEST(SequenceHeader, TruncationIsNamed) {
  for (const Case& c : Cases()) {
    const auto config = ParseAv1Config(c.record);
    ASSERT_TRUE(config.ok());
    const Bytes payload = Bytes(config->sequence_header).subspan(2);
    for (size_t size = 0; size + 2 < payload.size(); ++size) {
      const auto header = ParseSequenceHeader(payload.first(size));
      if (header.ok()) continue;  // the last bytes may be padding
      EXPECT_EQ(FaultName(header.status()), "av1_sequence_header_truncated") << c.name << size;
    }
    EXPECT_FALSE(ParseSequenceHeader(payload.first(4)).ok()) << c.name;
  }
  EXPECT_EQ(FaultName(ParseSequenceHeader(Hex("60000000000000")).status()),
            "av1_sequence_header_reserved");
}

TEST(Av1Config, InBandSequenceHeaders) {
  const auto config = ParseAv1Config(Cases()[0].record).value();
  const std::vector<uint8_t> other = ParseAv1Config(Cases()[1].record)->sequence_header;
  EXPECT_FALSE(Updated(config, config.sequence_header).has_value()) << "repeated";
  const auto changed = Updated(config, other);
  ASSERT_TRUE(changed.has_value());
  EXPECT_EQ(changed->sequence_header, other);
  EXPECT_FALSE(Updated(config, Hex("0a0100")).has_value()) << "broken: ignored";
  EXPECT_FALSE(Updated(config, {}).has_value()) << "none";
  EXPECT_TRUE(ConfigFromObus(config.sequence_header).value() == config);
}

TEST(Av1Config, MakesATrack) {
  const auto track = MakeTrack(ParseAv1Config(Cases()[9].record).value());
  ASSERT_TRUE(track.ok());
  EXPECT_EQ(track->id, 1);
  EXPECT_EQ(track->kind, TrackKind::kVideo);
  EXPECT_EQ(track->codec, Codec::kAv1);
  EXPECT_EQ(track->config, Cases()[9].record);
  EXPECT_EQ(track->codec_string, "av01.0.00M.08");
  EXPECT_EQ(track->width, 322u);
  EXPECT_EQ(track->height, 182u);
  EXPECT_EQ(track->frame_rate_num, 30000u);
  EXPECT_EQ(track->frame_rate_den, 1001u);
  EXPECT_EQ(FaultName(MakeTrack({}).status()), "av1_config_without_sequence_header");
}

TEST(Av1Config, EveryErrorHasAName) {
  for (int i = 0; i <= static_cast<int>(Av1Error::kTooManyObus); ++i) {
    EXPECT_STRNE(Av1ErrorName(static_cast<Av1Error>(i)), "av1_unknown");
  }
}

}  // namespace
}  // namespace millrace::media::av1
