#include "media/rtp/av1.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/media/rtp/payload_cases.h"

namespace millrace::media::rtp {
namespace {

using tests::Hex;

constexpr uint16_t kClosed = kClosedRandomAccess;

// A stream of libaom as GStreamer's rtpav1pay sends it, size fields left in.
constexpr char kSequence[] = "0a0b0000000337fffc0fff9804";
constexpr char kKey[] = "321e10000003 0000e4efbcf251d89f756ad0de30ae3e50c9f0ce0ad2046681f0";
// The same without size fields, as browsers send it.
constexpr char kBareSequence[] = "080000000337fffc0fff9804";
constexpr char kBareKey[] = "3010000003 0000e4efbcf251d89f756ad0de30ae3e50c9f0ce0ad2046681f0";
constexpr char kInter[] = "320330aabb";  // an inter frame that is shown
constexpr char kBareInter[] = "3030aabb";

InBandConfig Sequence() {
  InBandConfig in_band;
  in_band.config = Hex(kSequence);
  return in_band;
}

TEST(Av1Depacketizer, Cases) {
  const std::string sequence = kSequence;
  const std::string key = kKey;
  const PayloadCase cases[] = {
      {"GStreamer: one packet",
       {{0, "28 0d" + sequence + key, true}},
       {{0, key, kClosed, false, Sequence()}}},
      {"GStreamer: an OBU a packet",
       {{0, "18" + sequence}, {0, "10" + key, true}},
       {{0, key, kClosed, false, Sequence()}}},
      {"GStreamer: fragments",
       {{0, "68 0d" + sequence + "321e1000"},
        {0, "d0 00030000e4efbcf251d89f756ad0de30ae3e"},
        {0, "90 50c9f0ce0ad2046681f0", true}},
       {{0, key, kClosed, false, Sequence()}}},
      {"Chrome: without size fields",
       {{0, std::string("28 0c") + kBareSequence + kBareKey, true}},
       {{0, key, kClosed, false, Sequence()}}},
      {"lengths of all elements",
       {{0, std::string("08 0c") + kBareSequence + "1f" + kBareKey, true}},
       {{0, key, kClosed, false, Sequence()}}},
      {"a temporal delimiter is dropped",
       {{0, std::string("20 02 1200") + kBareInter, true}},
       {{0, kInter}}},
      {"padding is dropped", {{0, std::string("20 03 78aa80") + kBareInter, true}}, {{0, kInter}}},
      {"with an extension", {{0, "10 340830aabb", true}}, {{0, "36080330aabb"}}},
      {"no marker",
       {{0, std::string("10") + kBareInter}, {3000, std::string("10") + kBareInter}},
       {{0, kInter}, {3000, kInter}},
       {},
       true},
      {"a packet lost",
       {{0, std::string("10") + kBareInter, true},
        {6000, std::string("10") + kBareInter, true, 1},
        {9000, "10" + key, true}},
       {{0, kInter}, {9000, key, kClosed, true}}},
      {"a fragment lost",
       {{0, "50 3030aa"}, {0, "90 bb", true, 1}, {3000, "10" + key, true}},
       {{3000, key, kClosed, true}}},
      {"the first fragment lost",
       {{0, "90 bb", true, 1}, {3000, "10" + key, true}},
       {{3000, key, kClosed, true}}},
      {"the end within a fragment", {{0, "50 3030aa"}}, {}, {}, true},
      {"fragment without start", {{0, "90 bb", true}}, {}, {"rtp_fragment_without_start"}},
      {"a length beyond the packet", {{0, "00 05 3030aa", true}}, {}, {"rtp_aggregate_truncated"}},
      {"fewer elements than told", {{0, "30 02 1200", true}}, {}, {"rtp_aggregate_truncated"}},
      {"a length without end", {{0, "00 ffffffffff 00", true}}, {}, {"rtp_aggregate_truncated"}},
      {"no OBU", {{0, "10 b0aa", true}}, {}, {"rtp_bad_unit"}},
      {"a size beyond the element", {{0, "10 3205aa", true}}, {}, {"rtp_bad_unit"}},
  };
  for (const PayloadCase& c : cases) {
    Av1Depacketizer depacketizer;
    ExpectUnits(c, depacketizer, {4}, "av1");
  }
}

TEST(Av1Depacketizer, HoldsNoMoreThanItsLimit) {
  Av1Depacketizer depacketizer({.max_unit_bytes = 8});
  std::vector<AccessUnit> units;
  ASSERT_TRUE(depacketizer.Push(PacketOf({0, "50 3030aabbcc"}), units).ok());
  EXPECT_EQ(FaultName(depacketizer.Push(PacketOf({0, "d0 3030aabbcc"}), units)),
            "rtp_unit_too_large");
}

Track StreamTrack() {
  Track track;
  track.codec = Codec::kAv1;
  track.config = Hex(std::string("81000c00") + kSequence);
  return track;
}

TEST(Av1Packetizer, Packs) {
  auto packetizer = Av1Packetizer::Create(StreamTrack(), {.max_packet_bytes = 64});
  ASSERT_TRUE(packetizer.ok()) << packetizer.status();
  const auto key = (*packetizer)->Pack(FrameOf(Hex(kKey), 0, 90'000, kClosed));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(Lines(*key), std::vector<std::string>{
                             "0 m " + ToHex(Hex(std::string("28 0c") + kBareSequence + kBareKey))});
  const auto inter = (*packetizer)->Pack(FrameOf(Hex(kInter), 3000, 90'000));
  ASSERT_TRUE(inter.ok());
  EXPECT_EQ(Lines(*inter), std::vector<std::string>{std::string("3000 m 10") + kBareInter});
  const auto four = (*packetizer)->Pack(FrameOf(Hex("2a0101 2a0102 2a0103 320330aabb"), 0, 90'000));
  ASSERT_TRUE(four.ok());
  EXPECT_EQ(Lines(*four), std::vector<std::string>{"0 m 00022801022802022803043030aabb"});
  EXPECT_EQ(FaultName((*packetizer)->Pack(FrameOf(Hex("1200"), 0, 90'000)).status()),
            "rtp_bad_unit");
}

TEST(Av1, WritesThenReads) {
  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    auto packetizer =
        Av1Packetizer::Create(StreamTrack(), {.max_packet_bytes = 64 + random() % 1400});
    Av1Depacketizer depacketizer;
    std::vector<Frame> frames;
    std::vector<AccessUnit> units;
    uint16_t sequence = 0;
    uint32_t lost = 0;
    for (int i = 0; i < 12; ++i) {
      const bool key = i % 6 == 0;
      std::vector<uint8_t> payload;
      ByteWriter writer(payload);
      for (size_t obus = 1 + random() % 4, n = 0; n < obus; ++n) {
        size_t size = 2 + random() % (random() % 3 == 0 ? 5000 : 80);
        writer.U8(n == 0 ? 0x32 : 0x22);  // a frame, then tile groups
        for (size_t rest = size; rest > 0 || rest == size; rest >>= 7) {
          writer.U8(static_cast<uint8_t>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
          if (rest <= 0x7f) break;
        }
        writer.U8(key ? 0x10 : 0x30);
        for (size_t b = 1; b < size; ++b) writer.U8(static_cast<uint8_t>(random()));
      }
      frames.push_back(FrameOf(payload, i * 3000, 90'000, key ? kClosed : uint16_t{0}));
      const auto set = (*packetizer)->Pack(frames.back());
      ASSERT_TRUE(set.ok());
      for (OrderedPacket& packet : tests::Sent(*set, sequence)) {
        if (round % 2 == 1 && random() % 8 == 0) {
          ++lost;
          continue;
        }
        packet.lost = std::exchange(lost, 0);
        ASSERT_TRUE(depacketizer.Push(packet, units).ok());
      }
    }
    int64_t last = -3000;
    for (const AccessUnit& unit : units) {
      EXPECT_TRUE(SameBytes(unit.payload.bytes(),
                            frames[static_cast<size_t>(unit.timestamp / 3000)].payload.bytes()));
      if (unit.timestamp != last + 3000) EXPECT_EQ(unit.flags, kClosed);
      last = unit.timestamp;
    }
    if (round % 2 == 0) EXPECT_EQ(units.size(), frames.size());
  }
}

}  // namespace
}  // namespace millrace::media::rtp
