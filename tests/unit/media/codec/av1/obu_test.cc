#include "media/codec/av1/obu.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"

namespace millrace::media::av1 {
namespace {

using tests::Hex;

std::vector<uint8_t> Sized(Bytes bytes) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  const auto obus = SplitObus(bytes);
  if (!obus.ok()) return out;
  for (const Obu& obu : *obus) AppendSized(writer, obu);
  return out;
}

TEST(Obu, Splits) {
  const std::vector<uint8_t> bytes = Hex("1200 2e400201ff 30 aabbcc");
  const auto obus = SplitObus(bytes);
  ASSERT_TRUE(obus.ok()) << obus.status();
  ASSERT_EQ(obus->size(), 3u);
  EXPECT_EQ((*obus)[0].type, ObuType::kTemporalDelimiter);
  EXPECT_TRUE((*obus)[0].payload.empty());
  EXPECT_EQ((*obus)[1].type, ObuType::kMetadata);
  EXPECT_EQ((*obus)[1].payload.size(), 2u) << "behind the extension byte";
  EXPECT_EQ((*obus)[2].type, ObuType::kFrame);
  EXPECT_FALSE((*obus)[2].has_size);
  EXPECT_EQ((*obus)[2].payload.size(), 3u);
}

TEST(Obu, WithoutSizeGetsOne) {
  EXPECT_EQ(Sized(Hex("1200 30 aabbcc")), Hex("1200 3203 aabbcc"));
  EXPECT_EQ(Sized(Hex("34 40 aabbcc")), Hex("36 40 03 aabbcc")) << "the extension stays";
  EXPECT_EQ(Sized(Hex("10")), Hex("1200"));
  EXPECT_EQ(Sized(Hex("3203 aabbcc")), Hex("3203 aabbcc"));
  EXPECT_EQ(Sized(Hex("328300 aabbcc")), Hex("328300 aabbcc")) << "long sizes stay";
  std::vector<uint8_t> large(301, 0xee);
  large[0] = 0x30;
  const std::vector<uint8_t> sized = Sized(large);
  EXPECT_EQ(std::vector<uint8_t>(sized.begin(), sized.begin() + 4), Hex("32ac02 ee"));
  EXPECT_EQ(sized.size(), 303u);
}

TEST(Obu, RefusesByName) {
  EXPECT_EQ(FaultName(SplitObus(Hex("8200")).status()), "av1_obu_forbidden_bit");
  EXPECT_EQ(FaultName(SplitObus(Hex("12")).status()), "av1_obu_truncated");
  EXPECT_EQ(FaultName(SplitObus(Hex("3204 aabbcc")).status()), "av1_obu_truncated");
  EXPECT_EQ(FaultName(SplitObus(Hex("34")).status()), "av1_obu_truncated");
  EXPECT_EQ(FaultName(SplitObus(Hex("32 ffffffffffffffffff00")).status()), "av1_obu_truncated");
  std::vector<uint8_t> many;
  for (size_t i = 0; i <= kMaxObusPerTemporalUnit; ++i) many.insert(many.end(), {0x12, 0});
  EXPECT_EQ(FaultName(SplitObus(many).status()), "av1_too_many_obus");
}

}  // namespace
}  // namespace millrace::media::av1
