#include "media/codec/vp9/config.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/seeds.h"
#include "tests/unit/media/codec/vp9/key_frames.h"

namespace millrace::media::vp9 {
namespace {

using tests::Hex;

TEST(Vp9Config, WhatFfmpegWroteIsReadAndWrittenAlike) {
  for (const KeyFrameCase& c : KeyFrameCases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("vp9_fuzz", std::string("vpcc ") + c.name, c.record);
    const auto config = ParseVp9Config(c.record);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(BuildVp9Config(*config), c.record);
    EXPECT_EQ(CodecString(*config), c.codec);
    const Bytes bare = Bytes(c.record).subspan(kVersionAndFlagsSize);
    EXPECT_TRUE(ParseVp9Config(bare).value() == *config) << "sender of the record alone";
  }
}

TEST(Vp9Config, OfAKeyFrame) {
  for (const KeyFrameCase& c : KeyFrameCases()) {
    SCOPED_TRACE(c.name);
    const auto config = ConfigOf(ParseFrameHeader(c.frame).value());
    const auto told = ParseVp9Config(c.record);
    ASSERT_TRUE(config.ok());
    EXPECT_EQ(config->profile, told->profile);
    EXPECT_EQ(config->level, told->level);
    EXPECT_EQ(config->bit_depth, told->bit_depth);
    EXPECT_EQ(config->chroma_subsampling, told->chroma_subsampling);
    EXPECT_EQ(config->full_range, told->full_range);
  }
  FrameHeader large;
  large.key_frame = true;
  large.width = large.height = 65536;
  EXPECT_EQ(ConfigOf(large)->level, 62) << "the highest there is";
  EXPECT_EQ(FaultName(ConfigOf(FrameHeader{}).status()), "vp9_needs_key_frame");
}

TEST(Vp9Config, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> record;
  } cases[] = {
      {"vp9_config_truncated", {}},
      {"vp9_config_truncated", Hex("000b820202")},
      {"vp9_config_version", Hex("00000000000b820202020000")},
      {"vp9_config_reserved", Hex("01000000040b820202020000")},
      {"vp9_config_reserved", Hex("01000000000b920202020000")},
      {"vp9_config_reserved", Hex("01000000000b8a0202020000")},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("vp9_fuzz", std::string("refused ") + c.name, c.record);
    EXPECT_EQ(FaultName(ParseVp9Config(c.record).status()), c.name);
  }
}

TEST(Vp9Config, MakesATrack) {
  const KeyFrameCase c = KeyFrameCases()[1];
  const FrameHeader key_frame = ParseFrameHeader(c.frame).value();
  const auto track = MakeTrack(ParseVp9Config(c.record).value(), key_frame);
  ASSERT_TRUE(track.ok());
  EXPECT_EQ(track->id, 1);
  EXPECT_EQ(track->kind, TrackKind::kVideo);
  EXPECT_EQ(track->codec, Codec::kVp9);
  EXPECT_EQ(track->config, c.record);
  EXPECT_EQ(track->codec_string, "vp09.00.40.08");
  EXPECT_EQ(track->width, 1920u);
  EXPECT_EQ(track->height, 1080u);
  EXPECT_EQ(FaultName(MakeTrack({}, FrameHeader{}).status()), "vp9_needs_key_frame");
}

}  // namespace
}  // namespace millrace::media::vp9
