#include "media/codec/h265/parameter_sets.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/codec/h265/config.h"
#include "tests/support/seeds.h"
#include "tests/unit/media/codec/h265/parameter_sets.h"

namespace millrace::media::h265 {
namespace {

using tests::Hex;

TEST(Sps, SaysWhatTheEncoderSet) {
  for (const SpsCase& c : SpsCases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("h265_config_fuzz", std::string("sps ") + c.name, c.sps);
    const auto sps = ParseSps(c.sps);
    ASSERT_TRUE(sps.ok()) << sps.status();
    EXPECT_EQ(CodecString(sps->profile), c.codec);
    EXPECT_EQ(sps->width, c.width);
    EXPECT_EQ(sps->height, c.height);
    EXPECT_EQ(sps->frame_rate_num, c.frame_rate_num);
    EXPECT_EQ(sps->frame_rate_den, c.frame_rate_den);
    EXPECT_EQ(sps->MayReorder(), c.may_reorder);
    EXPECT_EQ(sps->chroma_format_idc, c.chroma_format_idc);
    EXPECT_EQ(sps->bit_depth_luma, c.bit_depth);
    EXPECT_EQ(sps->sub_layers, c.sub_layers);
    EXPECT_EQ(sps->field_pictures, std::string_view(c.name) == "x265 fields");
  }
}

TEST(Sps, Colour) {
  const auto pq = ParseSps(SpsCases()[1].sps);
  ASSERT_TRUE(pq.ok());
  EXPECT_TRUE(pq->colour == (Colour{.primaries = 9, .transfer = 16, .matrix = 9}));
  EXPECT_TRUE(ParseSps(SpsCases()[0].sps)->colour == Colour{}) << "signalled as unspecified";
}

TEST(Sps, TruncationFailsOrLosesTheVuiOnly) {
  for (const SpsCase& c : SpsCases()) {
    for (size_t size = 0; size < c.sps.size(); ++size) {
      const auto sps = ParseSps(Bytes(c.sps).first(size));
      if (sps.ok()) {
        EXPECT_EQ(sps->width, c.width) << c.name << " " << size;
      } else {
        EXPECT_EQ(FaultName(sps.status()), "h265_sps_truncated") << c.name << " " << size;
      }
    }
  }
}

TEST(Sps, RefusesWhatCannotBe) {
  constexpr char kProfile[] = "01600000030090000003000003003c";
  const struct {
    const char* name;
    std::vector<uint8_t> nal;
  } cases[] = {
      {"h265_sps_truncated", Hex("42")},
      {"h265_sps_truncated", Hex("4201 01 0160")},
      {"h265_sps_out_of_range", Hex("4201 0f 0160")},  // eight sub-layers
      // id 16: 000010001
      {"h265_sps_out_of_range", Hex(std::string("4201 01") + kProfile + "08ffffffff")},
      // id 0, 4:2:0, 65536 wide: 1 010 and 16 zeros, 1, 16 bits
      {"h265_sps_out_of_range", Hex(std::string("4201 01") + kProfile + "a00008000cffffff")},
      // id 0, chroma_format_idc 4: 1 00101
      {"h265_sps_out_of_range", Hex(std::string("4201 01") + kProfile + "97ffffffff")},
  };
  for (const auto& c : cases) {
    tests::WriteSeed("h265_config_fuzz", std::string("refused ") + c.name, c.nal);
    EXPECT_EQ(FaultName(ParseSps(c.nal).status()), c.name);
  }
}

TEST(Vps, SaysWhatTheEncoderSet) {
  for (const SpsCase& c : SpsCases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("h265_config_fuzz", std::string("vps ") + c.name, c.vps);
    const auto vps = ParseVps(c.vps);
    ASSERT_TRUE(vps.ok()) << vps.status();
    EXPECT_EQ(vps->id, 0);
    EXPECT_EQ(vps->sub_layers, c.sub_layers);
    EXPECT_TRUE(vps->profile == ParseSps(c.sps)->profile);
    EXPECT_EQ(vps->frame_rate_num, 0u) << "x265 tells it in the VUI";
  }
}

TEST(Vps, Timing) {
  // x265's set with the flag and a tick of 1001/30000 s in place of its last byte: … 1 0010 (no
  // layer sets) 1, 32 and 32 bits.
  const std::vector<uint8_t> nal =
      Hex("40010c01ffff01600000030090000003000003003c95900c00000fa40001d4c1 80");
  tests::WriteSeed("h265_config_fuzz", "vps timing", nal);
  const auto vps = ParseVps(nal);
  ASSERT_TRUE(vps.ok()) << vps.status();
  EXPECT_EQ(vps->frame_rate_num, 30000u);
  EXPECT_EQ(vps->frame_rate_den, 1001u);
}

TEST(Vps, RefusesByName) {
  EXPECT_EQ(FaultName(ParseVps(Hex("40")).status()), "h265_vps_truncated");
  EXPECT_EQ(FaultName(ParseVps(Hex("40010c01ffff0160")).status()), "h265_vps_truncated");
  std::vector<uint8_t> many(64, 0x55);
  many[3] = 0x0f;
  EXPECT_EQ(FaultName(ParseVps(many).status()), "h265_vps_out_of_range");
}

TEST(Pps, Ids) {
  const auto ids = ParsePpsIds(Hex("4401 5a 80"));  // 010 (1), 1 (0)
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(ids->id, 1u);
  EXPECT_EQ(ids->sps_id, 0u);
  EXPECT_EQ(FaultName(ParsePpsIds(Hex("44")).status()), "h265_pps_truncated");
  EXPECT_EQ(FaultName(ParsePpsIds(Hex("4401 00 00 00 00 00")).status()), "h265_pps_truncated");
  EXPECT_EQ(FaultName(ParsePpsIds(Hex("4401 01 06 80")).status()), "h265_pps_truncated")
      << "id beyond 63";
}

}  // namespace
}  // namespace millrace::media::h265
