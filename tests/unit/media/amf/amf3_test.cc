#include <gtest/gtest.h>

#include "media/amf/amf0.h"
#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::amf {
namespace {

using tests::Hex;

TEST(Amf3, Decodes) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
    Value value;
  } cases[] = {
      {"undefined", Hex("11 00"), Undefined{}},
      {"null", Hex("11 01"), Null{}},
      {"false", Hex("11 02"), false},
      {"true", Hex("11 03"), true},
      {"integer", Hex("11 04 05"), 5},
      {"integer of two bytes", Hex("11 04 81 00"), 128},
      {"integer of four bytes", Hex("11 04 bf ff ff ff"), (1 << 28) - 1},
      {"integer -1", Hex("11 04 ff ff ff ff"), -1},
      {"integer -2^28", Hex("11 04 c0 80 80 00"), -(1 << 28)},
      {"double", Hex("11 05 c004000000000000"), -2.5},
      {"string", Hex("11 06 07 'abc'"), "abc"},
      {"empty string", Hex("11 06 01"), ""},
      {"xml document", Hex("11 07 09 '<a/>'"), Xml{"<a/>"}},
      {"date", Hex("11 08 01 4271f71fb0450000"), Date{1234567890000, 0}},
      {"dense array", Hex("11 09 05 01 04 02 06 03 'x'"), StrictArray{{2, "x"}}},
      {"array with string reference", Hex("11 09 05 01 06 03 'x' 06 00"), StrictArray{{"x", "x"}}},
      {"mixed array", Hex("11 09 03 03 'k' 04 07 01 03"), MakeEcmaArray({{"k", 7}, {"0", true}})},
      {"dynamic object", Hex("11 0a 0b 01 03 'a' 04 01 01"), MakeObject({{"a", 1}})},
      {"sealed object", Hex("11 0a 13 03 'T' 03 'a' 03"), Object{"T", {{"a", true}}}},
      {"trait reference", Hex("11 09 05 01 0a 13 03 'T' 03 'a' 03 0a 01 02"),
       StrictArray{{Object{"T", {{"a", true}}}, Object{"T", {{"a", false}}}}}},
      {"object reference", Hex("11 09 05 01 0a 13 03 'T' 03 'a' 03 0a 02"),
       StrictArray{{Object{"T", {{"a", true}}}, Object{"T", {{"a", true}}}}}},
      {"cycle", Hex("11 09 03 01 09 00"), StrictArray{{Undefined{}}}},
      {"byte array", Hex("11 0c 05 'ab'"), "ab"},
      {"vector of int", Hex("11 0d 05 00 ffffffff 00000002"), StrictArray{{-1, 2}}},
      {"vector of uint", Hex("11 0e 03 00 ffffffff"), StrictArray{{4294967295.0}}},
      {"vector of double", Hex("11 0f 03 00 3ff0000000000000"), StrictArray{{1}}},
      {"vector of object", Hex("11 10 03 00 01 03"), StrictArray{{true}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("amf_fuzz", std::string("amf3 ") + c.name, c.bytes);
    ByteReader reader(c.bytes);
    const auto value = Decode(reader);
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_TRUE(*value == c.value);
    EXPECT_TRUE(reader.done());
  }
}

TEST(Amf3, RefusesByName) {
  std::vector<uint8_t> deep;
  for (int i = 0; i < 40; ++i) {
    const std::vector<uint8_t> open = Hex("09 03 01");
    deep.insert(deep.end(), open.begin(), open.end());
  }
  deep.insert(deep.begin(), 0x11);
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
  } cases[] = {
      {"amf_truncated", Hex("11")},
      {"amf_truncated", Hex("11 06 07 'ab'")},
      {"amf_truncated", Hex("11 04 ff ff ff")},
      {"amf_truncated", Hex("11 0a ff ff ff fb 01")},
      {"amf_bad_reference", Hex("11 06 00")},
      {"amf_bad_reference", Hex("11 0a 01")},
      {"amf_bad_reference", Hex("11 09 00")},
      {"amf_unsupported", Hex("11 0a 07 03 'X'")},
      {"amf_unsupported", Hex("11 11 01")},
      {"amf_unknown_marker", Hex("11 12")},
      {"amf_too_deep", deep},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("amf_fuzz", std::string("amf3 refused ") + c.name, c.bytes);
    ByteReader reader(c.bytes);
    const auto value = Decode(reader);
    ASSERT_FALSE(value.ok());
    EXPECT_EQ(FaultName(value.status()), c.name);
  }
}

TEST(Amf3, LargeTraitsAreNotCopiedForEachObject) {
  // One class with 9000 members, then objects of it that break off at once.
  std::vector<uint8_t> bytes = Hex("11 09 8f ff 7f 01 0a");
  const uint32_t header = 9000u << 4 | 3;
  bytes.push_back(static_cast<uint8_t>(0x80 | (header >> 14)));
  bytes.push_back(static_cast<uint8_t>(0x80 | ((header >> 7) & 0x7f)));
  bytes.push_back(static_cast<uint8_t>(header & 0x7f));
  bytes.push_back(1);
  for (int i = 0; i < 9000; ++i) bytes.push_back(1);
  for (int i = 0; i < 400; ++i) {
    bytes.push_back(0x0a);
    bytes.push_back(1);
  }
  ByteReader reader(bytes);
  EXPECT_FALSE(Decode(reader).ok());
}

}  // namespace
}  // namespace millrace::media::amf
