#include "media/codec/h264/access_unit.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/frame/frame.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::h264 {
namespace {

using tests::Hex;

// Slice headers: first_mb 0 ('1'), then slice type: 5 P 00110, 6 B 00111, 7 I 0001000.
constexpr char kIdr[] = "00000003 65 88 84";          // '1' '0001000': I
constexpr char kP[] = "00000003 41 9a 00";            // '1' '00110': P
constexpr char kDisposableB[] = "00000003 01 9e 00";  // '1' '00111': B, nal_ref_idc 0
constexpr char kI[] = "00000003 41 88 84";            // I, not IDR
constexpr char kAud[] = "00000002 09 f0";
constexpr char kSps[] = "00000004 67 42c01f";
constexpr char kPps[] = "00000003 68 ce 80";
constexpr char kSei[] = "00000005 06 05 01 aa 80";        // user data
constexpr char kRecovery0[] = "00000005 06 06 01 c4 80";  // recovery_frame_cnt '1' = 0
constexpr char kRecovery9[] = "00000005 06 06 01 15 80";  // '0001010' = 9

std::vector<uint8_t> Join(std::initializer_list<const char*> nals) {
  std::string text;
  for (const char* nal : nals) text += nal;
  return Hex(text);
}

TEST(AccessUnit, Classifies) {
  const struct {
    const char* name;
    std::vector<uint8_t> bytes;
    bool marked_key;
    uint16_t flags;
    bool has_picture;
  } cases[] = {
      {"IDR", Join({kIdr}), true, kClosedRandomAccess, true},
      {"IDR that the container calls an inter frame", Join({kIdr}), false, kClosedRandomAccess,
       true},
      {"P", Join({kP}), false, 0, true},
      {"P that the container calls a key frame", Join({kP}), true, 0, true},
      {"disposable B", Join({kDisposableB}), false, kNonReference, true},
      {"B of two slices, one of them referred to", Join({kDisposableB, kP}), false, 0, true},
      {"open GOP of x264", Join({kRecovery0, kI}), true, kOpenRandomAccess, true},
      {"recovery point behind other SEI",
       Hex("0000 0008 06 05 01 aa 06 01 c4 80 00000003 41 88 84"), false, kOpenRandomAccess, true},
      {"recovery point, but P slices in it", Join({kRecovery0, kI, kP}), false, 0, true},
      {"gradual refresh", Join({kRecovery9, kP}), false, kGradualRefreshStart, true},
      {"I without SEI", Join({kI}), false, 0, true},
      {"camera whose key frames are no IDR pictures", Join({kI}), true, kOpenRandomAccess, true},
      {"SEI alone", Join({kSei}), true, 0, false},
      {"parameter sets alone", Join({kSps, kPps}), true, 0, false},
      {"nothing", {}, true, 0, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("h264_config_fuzz", std::string("unit ") + c.name, c.bytes);
    const auto unit = ReadAccessUnit(Payload::Copy(c.bytes), 4, c.marked_key);
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
      {"all in front", Join({kAud, kSps, kPps, kIdr}), Join({kIdr}), true},
      {"in front and behind", Join({kAud, kSei, kIdr, kPps}), Join({kSei, kIdr}), true},
      {"in between", Join({kSei, kSps, kPps, kIdr}), Join({kSei, kIdr}), false},
      {"empty unit in between", Join({kSei, "00000000", kIdr}), Join({kSei, kIdr}), false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Payload input = Payload::Copy(c.bytes);
    const auto unit = ReadAccessUnit(input, 4, false);
    ASSERT_TRUE(unit.ok());
    const Bytes payload = unit->payload.bytes();
    EXPECT_EQ(std::vector<uint8_t>(payload.begin(), payload.end()), c.payload);
    EXPECT_EQ(unit->payload.owner() == input.owner(), c.shares);
  }
}

TEST(AccessUnit, ReportsParameterSets) {
  const Payload input = Payload::Copy(Join({kAud, kSps, kPps, kPps, kIdr}));
  const auto unit = ReadAccessUnit(input, 4, false);
  ASSERT_TRUE(unit.ok());
  ASSERT_EQ(unit->sps.size(), 1u);
  EXPECT_EQ(unit->pps.size(), 2u);
  EXPECT_EQ(unit->sps[0].size(), 4u);
}

TEST(AccessUnit, OtherFramingsBecomeFourByteLengths) {
  const auto short_lengths = ReadAccessUnit(Payload::Copy(Hex("0002 09f0 0003 658884")), 2, true);
  ASSERT_TRUE(short_lengths.ok());
  EXPECT_EQ(Payload(short_lengths->payload).size(), 7u);
  EXPECT_EQ(short_lengths->flags, kClosedRandomAccess);
  const Payload annex_b = Payload::Copy(Hex("00000001 09f0 00000001 658884"));
  const auto in_spite = ReadAccessUnit(annex_b, 4, true);  // an encoder that forgot to convert
  ASSERT_TRUE(in_spite.ok()) << in_spite.status();
  EXPECT_EQ(in_spite->payload.size(), 7u);
  EXPECT_EQ(in_spite->flags, kClosedRandomAccess);
  EXPECT_EQ(FaultName(ReadAccessUnit(Payload::Copy(Hex("00000009 65")), 4, true).status()),
            "h264_nal_truncated");
}

}  // namespace
}  // namespace millrace::media::h264
