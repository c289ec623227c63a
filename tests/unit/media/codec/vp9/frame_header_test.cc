#include "media/codec/vp9/frame_header.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/codec/vp9/errors.h"
#include "media/frame/frame.h"
#include "tests/support/seeds.h"
#include "tests/unit/media/codec/vp9/key_frames.h"

namespace millrace::media::vp9 {
namespace {

using tests::Hex;

TEST(FrameHeader, KeyFramesSayWhatTheEncoderSet) {
  for (const KeyFrameCase& c : KeyFrameCases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("vp9_fuzz", c.name, c.frame);
    const auto header = ParseFrameHeader(c.frame);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_TRUE(header->key_frame);
    EXPECT_TRUE(header->show_frame);
    EXPECT_EQ(header->profile, c.profile);
    EXPECT_EQ(header->bit_depth, c.bit_depth);
    EXPECT_EQ(header->color_space, c.color_space);
    EXPECT_EQ(header->subsampling_x, c.subsampling_x);
    EXPECT_EQ(header->subsampling_y, c.subsampling_y);
    EXPECT_EQ(header->width, c.width);
    EXPECT_EQ(header->height, c.height);
    EXPECT_EQ(FlagsOf(*header, c.frame), kClosedRandomAccess);
    for (size_t size = 0; size < 8; ++size) {
      EXPECT_EQ(FaultName(ParseFrameHeader(Bytes(c.frame).first(size)).status()),
                "vp9_frame_truncated");
    }
  }
}

TEST(FrameHeader, Classifies) {
  const struct {
    const char* name;
    std::vector<uint8_t> frame;
    uint16_t flags;
    unsigned frames;
  } cases[] = {
      {"inter", Hex("86004092f121400000587d634907"), 0, 1},
      {"inter of profile 1", Hex("a6004092f1114000000c6000007e"), 0, 1},
      {"inter of profile 3", Hex("b30020494e042800000180600000"), 0, 1},
      {"nothing refers to it", Hex("8600009c504ee000"), kNonReference, 1},
      // hidden, no context reset, sync code, refreshes one
      {"intra only", Hex("852498342008"), 0, 1},
      {"shows a frame again", Hex("88"), kNonReference, 1},
      // Two frames of 4 and 3 bytes, sizes of one byte.
      {"superframe", Hex("84002000 860000 c1 04 03 c1"), 0, 2},
      {"superframe that begins with what nothing refers to", Hex("86000000 860000 c1 04 03 c1"), 0,
       2},
      {"last byte that only looks like an index", Hex("860000000000c1"), kNonReference, 1},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("vp9_fuzz", c.name, c.frame);
    const auto header = ParseFrameHeader(c.frame);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_FALSE(header->key_frame);
    EXPECT_EQ(FlagsOf(*header, c.frame), c.flags);
    EXPECT_EQ(FramesIn(c.frame), c.frames);
  }
}

TEST(FrameHeader, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> frame;
  } cases[] = {
      {"vp9_frame_truncated", {}},
      {"vp9_frame_marker", Hex("00004983420014100b5606")},
      {"vp9_frame_marker", Hex("50004983420014100b5606")},  // VP8 has other first bits
      {"vp9_frame_reserved", Hex("b924c1a14200208010b0a1")},
      {"vp9_frame_sync", Hex("824983430014100b5606")},
      {"vp9_frame_reserved", Hex("824983 42e003f003f60838")},  // RGB in profile 0
      {"vp9_frame_reserved", Hex("a249834202 0820042c2470")},  // the bit behind the subsampling
  };
  for (const auto& c : cases) {
    tests::WriteSeed("vp9_fuzz", std::string("refused ") + c.name, c.frame);
    EXPECT_EQ(FaultName(ParseFrameHeader(c.frame).status()), c.name);
  }
}

TEST(FrameHeader, EveryErrorHasAName) {
  for (int i = 0; i <= static_cast<int>(Vp9Error::kNeedsKeyFrame); ++i) {
    EXPECT_STRNE(Vp9ErrorName(static_cast<Vp9Error>(i)), "vp9_unknown");
  }
}

}  // namespace
}  // namespace millrace::media::vp9
