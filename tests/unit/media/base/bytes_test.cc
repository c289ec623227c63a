#include "media/base/bytes.h"

#include <gtest/gtest.h>

#include "media/base/payload.h"
#include "tests/support/hex.h"

namespace millrace::media {
namespace {

using tests::Hex;

TEST(ByteReader, ReadsWhatTheWriterWrote) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  writer.U8(0x12);
  writer.U16(0x3456);
  writer.U24(0x789abc);
  writer.U32(0xdef01234);
  writer.U64(0x0123456789abcdef);
  writer.F64(-2.5);
  writer.U16Little(0x3456);
  writer.U32Little(0xdef01234);
  writer.U64Little(0x0123456789abcdef);
  writer.Text("tail");
  ByteReader reader(out);
  EXPECT_EQ(reader.U8(), 0x12);
  EXPECT_EQ(reader.U16(), 0x3456);
  EXPECT_EQ(reader.U24(), 0x789abcu);
  EXPECT_EQ(reader.U32(), 0xdef01234u);
  EXPECT_EQ(reader.U64(), 0x0123456789abcdefu);
  EXPECT_EQ(reader.F64(), -2.5);
  EXPECT_EQ(reader.U16Little(), 0x3456);
  EXPECT_EQ(reader.U32Little(), 0xdef01234u);
  EXPECT_EQ(reader.U64Little(), 0x0123456789abcdefu);
  EXPECT_EQ(AsText(reader.Rest()), "tail");
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.done());
}

TEST(ByteReader, SignedTwentyFourBits) {
  const std::vector<uint8_t> bytes = Hex("000000 7fffff 800000 ffffff");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.I24(), 0);
  EXPECT_EQ(reader.I24(), 8388607);
  EXPECT_EQ(reader.I24(), -8388608);
  EXPECT_EQ(reader.I24(), -1);
}

TEST(ByteReader, StaysFailed) {
  const std::vector<uint8_t> bytes = Hex("0102 03");
  ByteReader reader(bytes);
  EXPECT_EQ(reader.U32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.U8(), 0);
  EXPECT_TRUE(reader.Take(1).empty());
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(Payload, SlicesShareTheOwner) {
  const Payload whole = Payload::FromVector(Hex("00010203"));
  const Payload part = whole.Slice(1, 2);
  EXPECT_EQ(part.data(), whole.data() + 1);
  EXPECT_EQ(part.size(), 2u);
  EXPECT_EQ(part.owner(), whole.owner());
}

}  // namespace
}  // namespace millrace::media
