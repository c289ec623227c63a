#include "media/rtp/aac.h"

#include <gtest/gtest.h>

#include <random>

#include "media/codec/aac/config.h"
#include "tests/unit/media/rtp/payload_cases.h"

namespace millrace::media::rtp {
namespace {

using tests::Hex;

constexpr uint16_t kClosed = kClosedRandomAccess;

// AU-headers of AAC-hbr: size << 3 | index.
TEST(AacDepacketizer, Hbr) {
  InBandConfig adts;
  adts.config = Hex("1190");  // LC, 48 kHz, stereo
  const PayloadCase cases[] = {
      {"one", {{0, "0010 0018 210a0b", true}}, {{0, "210a0b", kClosed}}},
      {"three",
       {{0, "0030 0010 0008 0018 2101 22 230a0b", true}},
       {{0, "2101", kClosed}, {1024, "22", kClosed}, {2048, "230a0b", kClosed}}},
      {"index deltas that mean nothing",
       {{0, "0020 0010 0009 2101 22", true}},
       {{0, "2101", kClosed}, {1024, "22", kClosed}}},
      {"fragments",
       {{0, "0010 0028 2101"}, {0, "0010 0028 0203"}, {0, "0010 0028 04", true}},
       {{0, "2101020304", kClosed}}},
      {"fragments without a marker",
       {{0, "0010 0018 2101"}, {0, "0010 0018 02"}, {1024, "0010 0008 22"}},
       {{0, "210102", kClosed}, {1024, "22", kClosed}}},
      {"no marker", {{0, "0010 0018 210a0b"}}, {{0, "210a0b", kClosed}}},
      {"bytes behind the last unit", {{0, "0010 0010 210a0b", true}}, {{0, "210a", kClosed}}},
      {"an empty unit between",
       {{0, "0030 0008 0000 0008 21 22", true}},
       {{0, "21", kClosed}, {2048, "22", kClosed}}},
      {"ADTS inside",
       {{0, "0010 0048 fff14c80013ffc2122", true}, {1024, "0010 0048 fff14c80013ffc2324", true}},
       {{0, "2122", kClosed, false, adts}, {1024, "2324", kClosed}}},
      {"two ADTS frames inside",
       {{0, "0010 0090 fff14c80013ffc2122 fff14c80013ffc2324", true}},
       {{0, "2122", kClosed, false, adts}, {1024, "2324", kClosed}}},
      {"like ADTS, but longer than the unit",
       {{0, "0010 0048 fff14c80023ffc2122", true}},
       {{0, "fff14c80023ffc2122", kClosed}}},
      {"a fragment, then an empty unit", {{0, "0010 0028 2101"}, {1024, "0010 0000", true}}, {}},
      {"a packet lost",
       {{0, "0010 0008 21", true}, {2048, "0010 0008 22", true, 1}},
       {{0, "21", kClosed}, {2048, "22", kClosed, true}}},
      {"a fragment lost",
       {{0, "0010 0028 2101"}, {0, "0010 0028 04", true, 1}, {1024, "0010 0008 22", true}},
       {{1024, "22", kClosed, true}}},
      {"the first fragment lost",
       {{0, "0010 0028 0102", false, 1}, {0, "0010 0028 04", true}, {1024, "0010 0008 22", true}},
       {{1024, "22", kClosed, true}}},
      {"the last fragment lost",
       {{0, "0010 0028 2101"}, {1024, "0010 0008 22", true, 1}},
       {{1024, "22", kClosed, true}}},
      {"restart",
       {{0, "0010 0028 2101"}, {77, "0010 0008 22", true, 0, true}},
       {{77, "22", kClosed}}},
      {"cut length of headers", {{0, "00", true}}, {}, {"rtp_payload_truncated"}},
      {"cut headers", {{0, "0020 0010", true}}, {}, {"rtp_payload_truncated"}},
      {"headers of part of a header", {{0, "0008 00 21", true}}, {}, {"rtp_payload_truncated"}},
      {"no header", {{0, "0000 21", true}}, {}, {"rtp_payload_truncated"}},
      {"a unit beyond the packet",
       {{0, "0020 0008 0018 21 2201", true}},
       {{0, "21", kClosed}},
       {"rtp_size_mismatch"}},
      {"fragments that are too few", {{0, "0010 0028 2101", true}}, {}, {"rtp_size_mismatch"}},
      {"a fragment of another size",
       {{0, "0010 0028 2101"}, {0, "0010 0030 2101", true}},
       {},
       {"rtp_size_mismatch"}},
      {"a fragment too long",
       {{0, "0010 0018 2101"}, {0, "0010 0018 2101", true}},
       {},
       {"rtp_size_mismatch"}},
  };
  for (const PayloadCase& c : cases) {
    AacDepacketizer depacketizer;
    ExpectUnits(c, depacketizer, {1, 0}, "aac");
  }
}

TEST(AacDepacketizer, OtherParameters) {
  const struct {
    PayloadCase c;
    AacParameters parameters;
    uint8_t selector;
  } cases[] = {
      {{"lbr", {{0, "0010 08 04 2122 23", true}}, {{0, "2122", kClosed}, {1024, "23", kClosed}}},
       {.size_length = 6, .index_length = 2, .index_delta_length = 2},
       1},
      {{"constant size",
        {{0, "212223242526", true}},
        {{0, "212223", kClosed}, {1024, "242526", kClosed}}},
       {.size_length = 0, .index_length = 0, .index_delta_length = 0, .constant_size = 3},
       2},
      {{"time stamps and auxiliary data",
        // size 2, index 0, CTS 1 (16 bits), DTS 0, RAP 1; auxiliary data of 4 bits
        {{0, "0023 0010 8000 20 04f0 2122", true}},
        {{0, "2122", kClosed}}},
       {.cts_delta_length = 16,
        .dts_delta_length = 8,
        .random_access_indication = true,
        .auxiliary_data_size_length = 8},
       3},
      {{"interleaved",
        {{0, "0020 0008 000a 21 24", true},
         {1024, "0020 0008 000a 22 25", true},
         {2048, "0020 0008 000a 23 26", true}},
        {{0, "21", kClosed},
         {1024, "22", kClosed},
         {2048, "23", kClosed},
         {3072, "24", kClosed},
         {4096, "25", kClosed},
         {5120, "26", kClosed}},
        {},
        true},
       {.max_displacement = 3072},
       4},
      {{"nothing tells the size", {{0, "2122", true}}, {}, {"rtp_unsupported_config"}},
       {.size_length = 0, .index_length = 0, .index_delta_length = 0},
       5},
  };
  for (const auto& c : cases) {
    AacDepacketizer depacketizer(c.parameters);
    ExpectUnits(c.c, depacketizer, {1, c.selector}, "aac");
  }
}

TEST(AacDepacketizer, KnowsHowLongUnitsLast) {
  EXPECT_EQ(AacTicksPerUnit(Hex("1190"), 48000), 1024u);
  EXPECT_EQ(AacTicksPerUnit(Hex("1190"), 90000), 1920u);
  // HE-AAC of 24 and 48 kHz: 2048 samples of output.
  EXPECT_EQ(AacTicksPerUnit(Hex("2b098800"), 48000), 2048u);
  EXPECT_EQ(AacTicksPerUnit(Hex("2b098800"), 24000), 1024u);
  EXPECT_EQ(AacTicksPerUnit({}, 48000), 1024u);
}

TEST(AacPacketizer, Packs) {
  AacPacketizer packetizer({.clock_rate = 48000, .max_packet_bytes = 64});
  const auto one = packetizer.Pack(FrameOf(Hex("210a0b"), 1024, 48000));
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(Lines(*one), std::vector<std::string>{"1024 m 00100018210a0b"});
  EXPECT_EQ(FaultName(packetizer.Pack(FrameOf({}, 0, 48000)).status()), "rtp_bad_unit");
  EXPECT_EQ(FaultName(packetizer.Pack(FrameOf(std::vector<uint8_t>(8192), 0, 48000)).status()),
            "rtp_unit_too_large");
}

TEST(Aac, WritesThenReads) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    const bool lossy = round % 2 == 1;
    AacPacketizer packetizer({.clock_rate = 44100, .max_packet_bytes = 64 + random() % 1400});
    AacDepacketizer depacketizer;
    std::vector<Frame> frames;
    std::vector<AccessUnit> units;
    uint16_t sequence = 65530;
    uint32_t lost = 0;
    for (int i = 0; i < 20; ++i) {
      std::vector<uint8_t> payload(1 + random() % (i % 5 == 0 ? 8191 : 400));
      for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random());
      payload[0] = 0x21;
      frames.push_back(FrameOf(payload, i * 1024, 44100));
      const auto set = packetizer.Pack(frames.back());
      ASSERT_TRUE(set.ok());
      for (OrderedPacket& packet : tests::Sent(*set, sequence)) {
        if (lossy && random() % 8 == 0) {
          ++lost;
          continue;
        }
        packet.lost = std::exchange(lost, 0);
        ASSERT_TRUE(depacketizer.Push(packet, units).ok());
      }
    }
    int64_t last = -1024;
    for (const AccessUnit& unit : units) {
      const Frame& sent = frames[static_cast<size_t>(unit.timestamp / 1024)];
      EXPECT_TRUE(SameBytes(unit.payload.bytes(), sent.payload.bytes()));
      EXPECT_EQ(unit.after_loss, unit.timestamp != last + 1024);
      last = unit.timestamp;
    }
    if (!lossy) EXPECT_EQ(units.size(), frames.size());
  }
}

}  // namespace
}  // namespace millrace::media::rtp
