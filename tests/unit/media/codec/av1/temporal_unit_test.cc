#include "media/codec/av1/temporal_unit.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/frame/frame.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::av1 {
namespace {

using tests::Hex;

constexpr char kDelimiter[] = "1200";
constexpr char kSequence[] = "0a0b000000043d06d4daf90040";  // libaom's
constexpr char kStillSequence[] = "0a0618157ffda008";       // with the reduced header
constexpr char kPadding[] = "7a03 010280";
constexpr char kMetadata[] = "2a0601 0064003200";
// Frames: show_existing_frame 0, frame type (0 key, 1 inter, 2 intra only), show_frame.
constexpr char kKey[] = "3204 1400a078";
constexpr char kHiddenKey[] = "3204 0400a078";
constexpr char kInter[] = "3204 3201c040";
constexpr char kHiddenInter[] = "3204 22902001";
constexpr char kIntraOnly[] = "3204 50000000";
constexpr char kShowExisting[] = "1a01b8";
constexpr char kKeyHeader[] = "1a04 1400a078";
constexpr char kTiles[] = "2203 aabbcc";
constexpr char kKeyWithoutSize[] = "30 1400a078";

std::vector<uint8_t> Join(std::initializer_list<const char*> obus) {
  std::string text;
  for (const char* obu : obus) text += obu;
  return Hex(text);
}

TEST(TemporalUnit, Classifies) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
    uint16_t flags;
    bool has_picture;
  } cases[] = {
      {"key", Join({kDelimiter, kSequence, kKey}), kClosedRandomAccess, true},
      {"key without a sequence header", Join({kKey}), kClosedRandomAccess, true},
      {"key as header and tiles", Join({kKeyHeader, kTiles}), kClosedRandomAccess, true},
      {"key shown later", Join({kHiddenKey, kInter}), kOpenRandomAccess, true},
      {"inter", Join({kDelimiter, kInter}), 0, true},
      {"hidden and shown", Join({kHiddenInter, kInter}), 0, true},
      {"intra only", Join({kIntraOnly}), 0, true},
      {"shows a frame again", Join({kDelimiter, kShowExisting}), 0, true},
      {"inter before key", Join({kInter, kKey}), 0, true},
      {"still picture", Join({kDelimiter, kStillSequence, "3203 024600"}), kClosedRandomAccess,
       true},
      {"sequence header alone", Join({kDelimiter, kSequence}), 0, false},
      {"nothing", {}, 0, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("av1_config_fuzz", std::string("unit ") + c.name, c.bytes);
    const auto unit = ReadTemporalUnit(Payload::Copy(c.bytes));
    ASSERT_TRUE(unit.ok()) << unit.status();
    EXPECT_EQ(unit->flags, c.flags);
    EXPECT_EQ(unit->has_picture, c.has_picture);
  }
}

TEST(TemporalUnit, DropsDelimitersAndSequenceHeadersWithoutCopying) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
    std::vector<uint8_t> payload;
    bool shares;
  } cases[] = {
      {"nothing to drop", Join({kMetadata, kKey}), Join({kMetadata, kKey}), true},
      {"all in front", Join({kDelimiter, kSequence, kMetadata, kKey}), Join({kMetadata, kKey}),
       true},
      {"padding behind", Join({kDelimiter, kInter, kPadding}), Join({kInter}), true},
      {"in between", Join({kMetadata, kSequence, kKey}), Join({kMetadata, kKey}), false},
      {"without size", Join({kDelimiter, kKeyWithoutSize}), Join({kKey}), false},
      {"delimiter alone", Join({kDelimiter}), {}, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Payload input = Payload::Copy(c.bytes);
    const auto unit = ReadTemporalUnit(input);
    ASSERT_TRUE(unit.ok());
    const Bytes payload = unit->payload.bytes();
    EXPECT_EQ(std::vector<uint8_t>(payload.begin(), payload.end()), c.payload);
    EXPECT_EQ(unit->payload.owner() == input.owner(), c.shares);
  }
}

TEST(TemporalUnit, ReportsTheSequenceHeader) {
  const auto unit = ReadTemporalUnit(Payload::Copy(Join({kDelimiter, kSequence, kKey})));
  ASSERT_TRUE(unit.ok());
  EXPECT_EQ(unit->sequence_header, Hex(kSequence));
  const auto broken = ReadTemporalUnit(Payload::Copy(Join({"0a0100", kKey})));
  ASSERT_TRUE(broken.ok());
  EXPECT_TRUE(broken->sequence_header.empty());
}

TEST(TemporalUnit, RefusesByName) {
  EXPECT_EQ(FaultName(ReadTemporalUnit(Payload::Copy(Hex("1200 3205 aa"))).status()),
            "av1_obu_truncated");
  EXPECT_EQ(FaultName(ReadTemporalUnit(Payload::Copy(Hex("ffff"))).status()),
            "av1_obu_forbidden_bit");
}

}  // namespace
}  // namespace millrace::media::av1
