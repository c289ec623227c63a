#include "media/codec/h264/sps.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/codec/h264/config.h"
#include "tests/support/seeds.h"
#include "tests/unit/media/codec/h264/parameter_sets.h"

namespace millrace::media::h264 {
namespace {

using tests::Hex;

TEST(Sps, SaysWhatTheEncoderSet) {
  for (const SpsCase& c : SpsCases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("h264_config_fuzz", std::string("sps ") + c.name, c.nal);
    const auto sps = ParseSps(c.nal);
    ASSERT_TRUE(sps.ok()) << sps.status();
    EXPECT_EQ(CodecString(*sps), c.codec);
    EXPECT_EQ(sps->width, c.width);
    EXPECT_EQ(sps->height, c.height);
    EXPECT_EQ(sps->frame_rate_num, c.frame_rate_num);
    EXPECT_EQ(sps->frame_rate_den, c.frame_rate_den);
    EXPECT_EQ(sps->MayReorder(), c.may_reorder);
    EXPECT_EQ(sps->interlaced, c.interlaced);
    EXPECT_EQ(sps->chroma_format_idc, c.chroma_format_idc);
    EXPECT_EQ(sps->bit_depth_luma, c.bit_depth);
  }
}

TEST(Sps, TruncationFailsOrLosesTheVuiOnly) {
  for (const SpsCase& c : SpsCases()) {
    for (size_t size = 0; size < c.nal.size(); ++size) {
      const auto sps = ParseSps(Bytes(c.nal).first(size));
      if (sps.ok()) {
        EXPECT_EQ(sps->width, c.width) << c.name << " " << size;
      } else {
        EXPECT_EQ(FaultName(sps.status()), "h264_sps_truncated") << c.name << " " << size;
      }
    }
  }
}

TEST(Sps, RefusesWhatCannotBe) {
  const struct {
    const char* name;
    std::vector<uint8_t> nal;
  } cases[] = {
      {"h264_sps_truncated", Hex("67")},
      {"h264_sps_truncated", Hex("67 42c01f 0000")},
      {"h264_sps_out_of_range", Hex("67 42c01f 00000300 00030000 0300ff")},  // 40 zeros,
      // Baseline, id 0, order type 2, one reference; 65536 macroblocks wide.
      {"h264_sps_out_of_range", Hex("67 42001e f2 00002000 0f 80")},
      {"h264_sps_out_of_range", Hex("67 42001e 0420 00 00")},  // id 32
  };
  for (const auto& c : cases) {
    tests::WriteSeed("h264_config_fuzz", std::string("refused ") + c.name, c.nal);
    EXPECT_EQ(FaultName(ParseSps(c.nal).status()), c.name);
  }
}

TEST(Pps, Ids) {
  const auto ids = ParsePpsIds(Hex("68 5a 80"));  // 010 (1), 1 (0)
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(ids->id, 1u);
  EXPECT_EQ(ids->sps_id, 0u);
  EXPECT_EQ(FaultName(ParsePpsIds(Hex("68")).status()), "h264_pps_truncated");
  EXPECT_EQ(FaultName(ParsePpsIds(Hex("68 00 00 00 00 00")).status()), "h264_pps_truncated");
}

}  // namespace
}  // namespace millrace::media::h264
