#include "media/codec/h265/nal.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "media/base/fault.h"
#include "tests/support/hex.h"

namespace millrace::media::h265 {
namespace {

using tests::Hex;

TEST(Nal, Header) {
  const std::vector<uint8_t> idr = Hex("2601");
  EXPECT_EQ(TypeOf(idr), NalType::kIdrWithRadl);
  EXPECT_EQ(LayerOf(idr), 0u);
  EXPECT_EQ(TemporalIdOf(idr), 0u);
  const std::vector<uint8_t> layered = Hex("030b");  // TRAIL_R, layer 33, temporal id 2
  EXPECT_EQ(TypeOf(layered), NalType::kTrailR);
  EXPECT_EQ(LayerOf(layered), 33u);
  EXPECT_EQ(TemporalIdOf(layered), 2u);
  EXPECT_EQ(TemporalIdOf(Hex("0200")), 0u) << "forbidden, counts as 0";
  EXPECT_TRUE(IsSlice(NalType::kCra));
  EXPECT_FALSE(IsSlice(NalType::kVps));
}

TEST(Nal, SplitsWithoutWhatHasNoHeader) {
  const auto prefixed = SplitLengthPrefixed(Hex("00000003 260180 00000001 26 00000002 0201"), 4);
  ASSERT_TRUE(prefixed.ok());
  ASSERT_EQ(prefixed->size(), 2u);
  EXPECT_EQ((*prefixed)[1].size(), 2u);
  const auto annex_b = SplitAnnexB(Hex("00000001 260180 000001 26 000001 0201"));
  ASSERT_TRUE(annex_b.ok());
  EXPECT_EQ(annex_b->size(), 2u);
}

TEST(Nal, RefusesByName) {
  EXPECT_EQ(FaultName(SplitLengthPrefixed(Hex("00000003 2601"), 4).status()), "h265_nal_truncated");
  std::vector<uint8_t> many;
  for (size_t i = 0; i <= nal::kMaxNalsPerAccessUnit; ++i) many.insert(many.end(), {2, 2, 1});
  EXPECT_EQ(FaultName(SplitLengthPrefixed(many, 1).status()), "h265_too_many_nals");
}

TEST(Nal, Unescapes) {
  EXPECT_EQ(Unescape(Hex("4201 000003 00 000003 01 00")), Hex("0000 00 0000 01 00"));
  EXPECT_EQ(Unescape(Hex("4201 010203"), 3), Hex("01"));
  EXPECT_TRUE(Unescape(Hex("42")).empty());
}

TEST(Nal, EveryErrorHasAName) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(H265Error::kTooManyNals); ++i) {
    names.insert(H265ErrorName(static_cast<H265Error>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(H265Error::kTooManyNals) + 1);
  EXPECT_FALSE(names.contains("h265_unknown"));
}

}  // namespace
}  // namespace millrace::media::h265
