#include "media/codec/h265/access_unit.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/codec/h265/nal.h"
#include "media/frame/frame.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::h265 {
namespace {

using tests::Hex;

// NAL units behind 4-byte lengths. First byte: type times two; second: temporal id plus one.
constexpr char kIdr[] = "00000003 28 01 ac";
constexpr char kIdrWithRadl[] = "00000003 26 01 ac";
constexpr char kBla[] = "00000003 20 01 ac";
constexpr char kCra[] = "00000003 2a 01 ac";
constexpr char kTrailR[] = "00000003 02 01 d0";
constexpr char kTrailN[] = "00000003 00 01 d0";
constexpr char kTrailNHigh[] = "00000003 00 02 d0";
constexpr char kRadlR[] = "00000003 0e 01 d0";
constexpr char kRaslN[] = "00000003 10 01 d0";
constexpr char kAud[] = "00000003 46 01 50";
constexpr char kVps[] = "00000004 40 01 0c01";
constexpr char kSps[] = "00000004 42 01 0101";
constexpr char kPps[] = "00000004 44 01 c073";
constexpr char kSei[] = "00000006 4e 01 05 01 aa 80";          // user data
constexpr char kSuffixSei[] = "00000006 50 01 84 01 aa 80";    // picture hash
constexpr char kRecovery0[] = "00000006 4e 01 06 01 d0 80";    // recovery_poc_cnt '1' = 0
constexpr char kRecovery9[] = "00000007 4e 01 06 02 0948 80";  // '000010010' = 9
constexpr char kLayer1[] = "00000003 02 09 d0";                // nuh_layer_id 1
constexpr char kLayer1Sps[] = "00000004 42 09 0101";

std::vector<uint8_t> Join(std::initializer_list<const char*> nals) {
  std::string text;
  for (const char* nal : nals) text += nal;
  return Hex(text);
}

TEST(AccessUnit, Classifies) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
    unsigned sub_layers;
    uint16_t flags;
    bool has_picture;
  } cases[] = {
      {"IDR", Join({kIdr}), 1, kClosedRandomAccess, true},
      {"IDR with leading pictures", Join({kIdrWithRadl}), 1, kClosedRandomAccess, true},
      {"BLA", Join({kBla}), 1, kClosedRandomAccess, true},
      {"CRA", Join({kAud, kSei, kCra}), 1, kOpenRandomAccess, true},
      {"trailing", Join({kTrailR}), 1, 0, true},
      {"disposable", Join({kTrailN}), 1, kNonReference, true},
      {"disposable of two slices", Join({kTrailN, kTrailN}), 1, kNonReference, true},
      {"lower sub-layer", Join({kTrailN}), 2, 0, true},
      {"highest sub-layer", Join({kTrailNHigh}), 2, kNonReference, true},
      {"decodable leading", Join({kRadlR}), 1, kLeading, true},
      {"skipped leading", Join({kRaslN}), 1, kLeading | kNonReference, true},
      {"recovery point", Join({kRecovery0, kTrailR}), 1, kOpenRandomAccess, true},
      {"gradual refresh", Join({kSei, kRecovery9, kTrailR}), 1, kGradualRefreshStart, true},
      {"IDR with a recovery point", Join({kRecovery9, kIdr}), 1, kClosedRandomAccess, true},
      {"two layers", Join({kTrailN, kLayer1}), 1, kNonReference, true},
      {"SEI alone", Join({kSei, kSuffixSei}), 1, 0, false},
      {"parameter sets alone", Join({kVps, kSps, kPps}), 1, 0, false},
      {"nothing", {}, 1, 0, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("h265_config_fuzz", std::string("unit ") + c.name, c.bytes);
    const auto unit = ReadAccessUnit(Payload::Copy(c.bytes), 4, c.sub_layers);
    ASSERT_TRUE(unit.ok()) << unit.status();
    EXPECT_EQ(unit->flags, c.flags);
    EXPECT_EQ(unit->has_picture, c.has_picture);
  }
}

TEST(AccessUnit, DropsDelimitersAndParameterSetsWithoutCopying) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
    std::vector<uint8_t> payload;
    bool shares;
  } cases[] = {
      {"nothing to drop", Join({kSei, kIdr}), Join({kSei, kIdr}), true},
      {"all in front", Join({kAud, kVps, kSps, kPps, kIdr}), Join({kIdr}), true},
      {"in front and behind", Join({kAud, kSei, kIdr, kPps}), Join({kSei, kIdr}), true},
      {"in between", Join({kSei, kVps, kSps, kPps, kIdr}), Join({kSei, kIdr}), false},
      {"another layer behind", Join({kIdr, kLayer1, kLayer1Sps}), Join({kIdr}), true},
      {"unit without header", Join({kSei, "00000001 26", kIdr}), Join({kSei, kIdr}), false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Payload input = Payload::Copy(c.bytes);
    const auto unit = ReadAccessUnit(input, 4);
    ASSERT_TRUE(unit.ok());
    const Bytes payload = unit->payload.bytes();
    EXPECT_EQ(std::vector<uint8_t>(payload.begin(), payload.end()), c.payload);
    EXPECT_EQ(unit->payload.owner() == input.owner(), c.shares);
  }
}

TEST(AccessUnit, ReportsParameterSetsOfTheBaseLayer) {
  const Payload input = Payload::Copy(Join({kVps, kSps, kLayer1Sps, kPps, kPps, kIdr}));
  const auto unit = ReadAccessUnit(input, 4);
  ASSERT_TRUE(unit.ok());
  EXPECT_EQ(unit->sets.vps.size(), 1u);
  ASSERT_EQ(unit->sets.sps.size(), 1u);
  EXPECT_EQ(unit->sets.sps[0].size(), 4u);
  EXPECT_EQ(unit->sets.pps.size(), 2u);
}

TEST(AccessUnit, OtherFramingsBecomeFourByteLengths) {
  const auto short_lengths = ReadAccessUnit(Payload::Copy(Hex("0003 460150 0003 2601ac")), 2);
  ASSERT_TRUE(short_lengths.ok());
  EXPECT_EQ(short_lengths->payload.size(), 7u);
  EXPECT_EQ(short_lengths->flags, kClosedRandomAccess);
  const Payload annex_b = Payload::Copy(Hex("00000001 460150 000001 2601ac"));
  const auto in_spite = ReadAccessUnit(annex_b, 4);  // an encoder that forgot to convert
  ASSERT_TRUE(in_spite.ok()) << in_spite.status();
  EXPECT_EQ(in_spite->payload.size(), 7u);
  EXPECT_EQ(in_spite->flags, kClosedRandomAccess);
  EXPECT_EQ(FaultName(ReadAccessUnit(Payload::Copy(Hex("00000009 2601")), 4).status()),
            "h265_nal_truncated");
}

}  // namespace
}  // namespace millrace::media::h265
