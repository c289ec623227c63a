#include "media/amf/amf0.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::amf {
namespace {

using tests::Hex;

struct Case {
  const char* name;
  std::vector<uint8_t> bytes;
  Value value;
};

// What is read and written alike.
std::vector<Case> Cases() {
  return {
      {"number", Hex("00 3ff0000000000000"), 1},
      {"negative number", Hex("00 c004000000000000"), -2.5},
      {"true", Hex("01 01"), true},
      {"false", Hex("01 00"), false},
      {"string", Hex("02 0003 'abc'"), "abc"},
      {"empty string", Hex("02 0000"), ""},
      {"null", Hex("05"), Null{}},
      {"undefined", Hex("06"), Undefined{}},
      {"date", Hex("0b 4271f71fb0450000 0000"), Date{1234567890000, 0}},
      {"date with time zone", Hex("0b 0000000000000000 ffc4"), Date{0, -60}},
      {"xml", Hex("0f 00000004 '<a/>'"), Xml{"<a/>"}},
      {"empty object", Hex("03 0000 09"), MakeObject({})},
      {"connect", Hex("03 0003 'app' 02 0004 'live' 0005 'tcUrl' 02 0001 'x' 0000 09"),
       MakeObject({{"app", "live"}, {"tcUrl", "x"}})},
      {"object in object", Hex("03 0001 'a' 03 0001 'b' 05 0000 09 0001 'c' 01 01 0000 09"),
       MakeObject({{"a", MakeObject({{"b", Null{}}})}, {"c", true}})},
      {"typed object", Hex("10 0001 'T' 0001 'a' 05 0000 09"), Object{"T", {{"a", Null{}}}}},
      {"empty key inside", Hex("03 0000 05 0001 'a' 05 0000 09"),
       MakeObject({{"", Null{}}, {"a", Null{}}})},
      {"metadata", Hex("08 00000002 0005 'width' 00 4094000000000000 0006 'stereo' 01 01 0000 09"),
       MakeEcmaArray({{"width", 1280}, {"stereo", true}})},
      {"strict array", Hex("0a 00000002 05 01 01"), StrictArray{{Null{}, true}}},
      {"empty strict array", Hex("0a 00000000"), StrictArray{}},
  };
}

TEST(Amf0, DecodesAndEncodes) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("amf_fuzz", std::string("amf0 ") + c.name, c.bytes);
    ByteReader reader(c.bytes);
    const auto value = Decode(reader);
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_TRUE(*value == c.value);
    EXPECT_TRUE(reader.done());
    std::vector<uint8_t> out;
    ByteWriter writer(out);
    EncodeAmf0(writer, c.value);
    EXPECT_EQ(out, c.bytes);
  }
}

TEST(Amf0, EveryTruncationFailsOrEndsAContainer) {
  for (const Case& c : Cases()) {
    for (size_t size = 0; size < c.bytes.size(); ++size) {
      ByteReader reader(Bytes(c.bytes).first(size));
      const auto value = Decode(reader);
      if (value.ok()) {
        EXPECT_TRUE(value->is_container()) << c.name << " " << size;
      } else {
        EXPECT_EQ(FaultName(value.status()), "amf_truncated") << c.name << " " << size;
      }
    }
  }
}

// Read, but written otherwise.
TEST(Amf0, Tolerates) {
  const Case cases[] = {
      {"long string", Hex("0c 00000003 'abc'"), "abc"},
      {"unsupported marker", Hex("0d"), Undefined{}},
      {"ECMA array count too high", Hex("08 00ffffff 0001 'a' 05 0000 09"),
       MakeEcmaArray({{"a", Null{}}})},
      {"ECMA array count zero", Hex("08 00000000 0001 'a' 05 0000 09"),
       MakeEcmaArray({{"a", Null{}}})},
      {"no end marker", Hex("03 0001 'a' 05"), MakeObject({{"a", Null{}}})},
      {"end marker cut", Hex("03 0001 'a' 05 0000"), MakeObject({{"a", Null{}}})},
      {"ECMA array without end marker", Hex("08 00000001 0001 'a' 05"),
       MakeEcmaArray({{"a", Null{}}})},
      {"reference", Hex("0a 00000002 03 0001 'a' 05 0000 09 07 0001"),
       StrictArray{{MakeObject({{"a", Null{}}}), MakeObject({{"a", Null{}}})}}},
      {"reference to itself", Hex("0a 00000001 07 0000"), StrictArray{{Undefined{}}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("amf_fuzz", std::string("amf0 ") + c.name, c.bytes);
    ByteReader reader(c.bytes);
    const auto value = Decode(reader);
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_TRUE(*value == c.value);
  }
}

std::vector<uint8_t> Nested(size_t depth) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < depth; ++i) {
    const std::vector<uint8_t> open = Hex("0a 00000001");
    bytes.insert(bytes.end(), open.begin(), open.end());
  }
  bytes.push_back(5);
  return bytes;
}

TEST(Amf0, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
    Limits limits;
  } cases[] = {
      {"amf_truncated", Hex("02 0005 'abc'"), {}},
      {"amf_truncated", Hex("0a 00000002 05"), {}},
      {"amf_too_deep", Nested(33), {}},
      {"amf_too_many_values", Hex("0a 00000003 05 05 05"), {.max_values = 3}},
      {"amf_string_too_long", Hex("0c 00100001 00"), {}},
      {"amf_string_too_long", Hex("0a 00000002 02 0002 'ab' 02 0002 'cd'"), {.max_bytes = 3}},
      {"amf_unknown_marker", Hex("12"), {}},
      {"amf_unsupported", Hex("04"), {}},
      {"amf_unsupported", Hex("0e"), {}},
      {"amf_bad_reference", Hex("07 0000"), {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("amf_fuzz", std::string("refused ") + c.name, c.bytes);
    ByteReader reader(c.bytes);
    const auto value = Decode(reader, c.limits);
    ASSERT_FALSE(value.ok());
    EXPECT_EQ(FaultName(value.status()), c.name);
  }
}

TEST(Amf0, DepthThirtyTwoIsTaken) {
  const std::vector<uint8_t> bytes = Nested(32);
  ByteReader reader(bytes);
  EXPECT_TRUE(Decode(reader).ok());
}

TEST(Amf0, ReferencesDoNotMultiply) {
  // Each array holds the one before twice: 2^30 values if references were expanded without a limit.
  std::vector<uint8_t> bytes = Hex("0a 00000020 0a 00000001 05");
  for (uint8_t i = 1; i < 31; ++i) {
    const uint8_t reference[] = {0x0a, 0, 0, 0, 2, 7, 0, i, 7, 0, i};
    bytes.insert(bytes.end(), reference, reference + sizeof(reference));
  }
  ByteReader reader(bytes);
  const auto value = Decode(reader);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(FaultName(value.status()), "amf_too_many_values");
}

TEST(Amf0, LongStringsAndKeys) {
  const std::string text(70000, 'x');
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  EncodeAmf0(writer, MakeObject({{text, text}}));
  ByteReader reader(out);
  const auto value = Decode(reader);
  ASSERT_TRUE(value.ok()) << value.status();
  ASSERT_EQ(value->properties().size(), 1u);
  EXPECT_EQ(value->properties()[0].key.size(), 65535u);
  EXPECT_EQ(value->properties()[0].value.AsString(), text);
}

TEST(Amf0, DecodeAllReadsAMessage) {
  const std::vector<uint8_t> bytes =
      Hex("02 0007 'publish' 00 4010000000000000 05 02 0004 'cam1' 02 0004 'live'");
  tests::WriteSeed("amf_fuzz", "publish command", bytes);
  const auto values = DecodeAll(bytes);
  ASSERT_TRUE(values.ok());
  ASSERT_EQ(values->size(), 5u);
  EXPECT_EQ((*values)[0].AsString(), "publish");
  EXPECT_EQ((*values)[1].AsNumber(), 4);
  EXPECT_TRUE((*values)[2].is_null());
  EXPECT_EQ((*values)[3].AsString(), "cam1");
  EXPECT_FALSE(DecodeAll(Bytes(bytes).first(bytes.size() - 1)).ok());
}

}  // namespace
}  // namespace millrace::media::amf
