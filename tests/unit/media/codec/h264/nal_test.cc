#include "media/codec/h264/nal.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::h264 {
namespace {

using tests::Hex;

std::vector<std::vector<uint8_t>> Copies(const std::vector<Bytes>& nals) {
  std::vector<std::vector<uint8_t>> copies;
  for (Bytes nal : nals) copies.emplace_back(nal.begin(), nal.end());
  return copies;
}

TEST(Nal, SplitsLengthPrefixed) {
  const struct {
    const char* name;
    size_t length_size;
    std::vector<uint8_t> bytes;
    std::vector<std::vector<uint8_t>> nals;
  } cases[] = {
      {"empty", 4, {}, {}},
      {"four bytes", 4, Hex("00000002 4101 00000001 06"), {Hex("4101"), Hex("06")}},
      {"three bytes", 3, Hex("000002 4101"), {Hex("4101")}},
      {"two bytes", 2, Hex("0002 4101 0001 06"), {Hex("4101"), Hex("06")}},
      {"one byte", 1, Hex("02 4101 01 06"), {Hex("4101"), Hex("06")}},
      {"empty unit", 4, Hex("00000000 00000001 06"), {Hex("06")}},
      {"zero padding", 4, Hex("00000001 06 000000"), {Hex("06")}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto nals = SplitLengthPrefixed(c.bytes, c.length_size);
    ASSERT_TRUE(nals.ok());
    EXPECT_EQ(Copies(*nals), c.nals);
  }
}

TEST(Nal, RefusesBrokenLengths) {
  EXPECT_EQ(FaultName(SplitLengthPrefixed(Hex("00000003 4101"), 4).status()), "h264_nal_truncated");
  EXPECT_EQ(FaultName(SplitLengthPrefixed(Hex("00000001 06 0001"), 4).status()),
            "h264_nal_truncated");
  EXPECT_EQ(FaultName(SplitLengthPrefixed(Hex("ffffffff 06"), 4).status()), "h264_nal_truncated");
  std::vector<uint8_t> many;
  for (size_t i = 0; i <= kMaxNalsPerAccessUnit; ++i) many.insert(many.end(), {1, 6});
  EXPECT_EQ(FaultName(SplitLengthPrefixed(many, 1).status()), "h264_too_many_nals");
}

TEST(Nal, SplitsAnnexB) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
    std::vector<std::vector<uint8_t>> nals;
  } cases[] = {
      {"empty", {}, {}},
      {"no start code", Hex("4101"), {}},
      {"four bytes", Hex("00000001 4101"), {Hex("4101")}},
      {"three bytes", Hex("000001 4101 000001 06"), {Hex("4101"), Hex("06")}},
      {"mixed",
       Hex("00000001 4101 000001 06 00000001 0980"),
       {Hex("4101"), Hex("06"), Hex("0980")}},
      {"trailing zeros", Hex("000001 4101 0000"), {Hex("4101")}},
      {"junk in front", Hex("ff 000001 4101"), {Hex("4101")}},
      {"emulation prevention inside",
       Hex("000001 41 000003 01 000001 06"),
       {Hex("41 000003 01"), Hex("06")}},
      {"start code at the end", Hex("000001 41 000001"), {Hex("41")}},
      {"ones close together",
       Hex("000001 41 01 01 0001 000001 06"),
       {Hex("41 01 01 0001"), Hex("06")}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("h264_config_fuzz", std::string("annexb ") + c.name, c.bytes);
    const auto nals = SplitAnnexB(c.bytes);
    ASSERT_TRUE(nals.ok());
    EXPECT_EQ(Copies(*nals), c.nals);
  }
}

TEST(Nal, ConvertsBothWays) {
  const std::vector<uint8_t> annex_b = Hex("00000001 4101 00000001 06");
  const std::vector<uint8_t> prefixed = Hex("00000002 4101 00000001 06");
  EXPECT_EQ(AnnexBToLengthPrefixed(annex_b).value(), prefixed);
  EXPECT_EQ(LengthPrefixedToAnnexB(prefixed, 4).value(), annex_b);
  EXPECT_EQ(LengthPrefixedToAnnexB(Hex("0002 4101 0001 06"), 2).value(), annex_b);
  EXPECT_TRUE(StartsWithStartCode(annex_b));
  EXPECT_TRUE(StartsWithStartCode(Hex("000001 41")));
  EXPECT_FALSE(StartsWithStartCode(prefixed));
}

TEST(Nal, Unescapes) {
  EXPECT_EQ(Unescape(Hex("67 000003 00 000003 01 00")), Hex("0000 00 0000 01 00"));
  EXPECT_EQ(Unescape(Hex("67 00000302 03")), Hex("0000 02 03"));
  EXPECT_EQ(Unescape(Hex("67 010203"), 2), Hex("01"));
  EXPECT_TRUE(Unescape({}).empty());
}

TEST(Nal, EveryErrorHasAName) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(H264Error::kTooManyNals); ++i) {
    names.insert(H264ErrorName(static_cast<H264Error>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(H264Error::kTooManyNals) + 1);
  EXPECT_FALSE(names.contains("h264_unknown"));
}

}  // namespace
}  // namespace millrace::media::h264
