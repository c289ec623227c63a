#include "media/base/bit_reader.h"

#include <gtest/gtest.h>

#include <climits>

#include "tests/support/hex.h"

namespace millrace::media {
namespace {

using tests::Hex;

TEST(BitReader, FieldsAcrossBytes) {
  const std::vector<uint8_t> bytes = Hex("a5 0f ff 00 12 34 56 78");
  BitReader bits(bytes);
  EXPECT_TRUE(bits.Flag());
  EXPECT_EQ(bits.Bits(3), 2u);
  EXPECT_EQ(bits.Bits(8), 0x50u);
  EXPECT_EQ(bits.Bits(12), 0xfffu);
  EXPECT_EQ(bits.Bits(0), 0u);
  EXPECT_EQ(bits.Bits(8), 0u);
  EXPECT_EQ(bits.Bits(32), 0x12345678u);
  EXPECT_EQ(bits.remaining(), 0u);
  EXPECT_TRUE(bits.ok());
}

TEST(BitReader, StaysFailed) {
  const std::vector<uint8_t> bytes = Hex("ff");
  BitReader bits(bytes);
  EXPECT_EQ(bits.Bits(9), 0u);
  EXPECT_FALSE(bits.ok());
  EXPECT_TRUE(bits.overrun());
  EXPECT_EQ(bits.Bits(1), 0u);
  EXPECT_EQ(bits.remaining(), 0u);
}

// ISO/IEC 14496-10 Table 9-2: 1, 010, 011, 00100, 00101.
TEST(BitReader, Golomb) {
  const std::vector<uint8_t> bytes = Hex("a6 42 80");
  BitReader bits(bytes);
  for (uint32_t expected = 0; expected < 4; ++expected) EXPECT_EQ(bits.UnsignedGolomb(), expected);
  EXPECT_EQ(bits.UnsignedGolomb(), 4u);
}

TEST(BitReader, SignedGolomb) {
  const std::vector<uint8_t> bytes = Hex("a6 42 80");
  BitReader bits(bytes);
  for (int32_t expected : {0, 1, -1, 2, -2}) EXPECT_EQ(bits.SignedGolomb(), expected);
}

TEST(BitReader, LargestGolomb) {
  const std::vector<uint8_t> bytes = Hex("00000001 fffffffe");
  BitReader bits(bytes);
  EXPECT_EQ(bits.UnsignedGolomb(), UINT32_MAX - 1);
  BitReader again(bytes);
  EXPECT_EQ(again.SignedGolomb(), -INT32_MAX);
}

TEST(BitReader, GolombWithTooManyZerosFails) {
  const std::vector<uint8_t> bytes = Hex("00000000 ffffffff ff");
  BitReader bits(bytes);
  EXPECT_EQ(bits.UnsignedGolomb(), 0u);
  EXPECT_FALSE(bits.ok());
  EXPECT_FALSE(bits.overrun()) << "bits enough, but no such code";
}

}  // namespace
}  // namespace millrace::media
