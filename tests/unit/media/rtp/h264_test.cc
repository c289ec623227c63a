#include "media/rtp/h264.h"

#include <gtest/gtest.h>

#include <random>

#include "media/codec/h264/config.h"
#include "tests/unit/media/rtp/payload_cases.h"

namespace millrace::media::rtp {
namespace {

using tests::Hex;

// Slices: first_mb_in_slice 0 is '1', then the slice type: 5 P 00110, 6 B 00111, 7 I 0001000.
constexpr char kIdr[] = "658884";
constexpr char kP[] = "419a00";
constexpr char kP2[] = "41420d";  // first_mb_in_slice 1: the second slice of a picture
constexpr char kB[] = "019e00";   // nothing refers to it
constexpr char kSps[] = "6742001fda01001864";
constexpr char kPps[] = "68ebe3cb22c0";
constexpr char kAud[] = "09f0";
constexpr char kRecovery0[] = "060601c480";
constexpr char kI[] = "418884";

std::string Prefixed(std::initializer_list<std::string> nals) {
  std::string text;
  for (const std::string& nal : nals) {
    const size_t size = Hex(nal).size();
    const uint8_t length[] = {0, 0, static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
    text += ToHex(length) + nal;
  }
  return text;
}

InBandConfig Sets() {
  InBandConfig sets;
  sets.sps = {Hex(kSps)};
  sets.pps = {Hex(kPps)};
  return sets;
}

std::string StapA(std::initializer_list<std::string> nals) {
  std::string text = "78";
  for (const std::string& nal : nals) {
    const size_t size = Hex(nal).size();
    const uint8_t length[] = {static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
    text += ToHex(length) + nal;
  }
  return text;
}

constexpr uint16_t kClosed = kClosedRandomAccess;

std::vector<PayloadCase> Formats() {
  return {
      {"single",
       {{0, kIdr, true}, {3000, kP, true}},
       {{0, Prefixed({kIdr}), kClosed}, {3000, Prefixed({kP})}}},
      {"STAP-A",
       {{0, StapA({kSps, kPps, kIdr}), true}},
       {{0, Prefixed({kIdr}), kClosed, false, Sets()}}},
      {"STAP-A padded with zeros",
       {{0, StapA({kIdr}) + "000000", true}},
       {{0, Prefixed({kIdr}), kClosed}}},
      {"FU-A",
       {{0, "7c85 8884"}, {0, "7c05 aabb"}, {0, "7c45 ccdd", true}},
       {{0, Prefixed({"658884aabbccdd"}), kClosed}}},
      {"FU-A of one packet", {{0, "7cc5 8884", true}}, {{0, Prefixed({"658884"}), kClosed}}},
      {"FU-A without an end, marker",
       {{0, "7c85 8884"}, {0, "7c05 aabb", true}},
       {{0, Prefixed({"658884aabb"}), kClosed}}},
      {"FU-A without an end, the next NAL unit",
       {{0, "7c85 8884"}, {0, kP2, true}},
       {{0, Prefixed({"658884", kP2}), kClosed}}},
      {"slices", {{0, kP}, {0, kP2, true}}, {{0, Prefixed({kP, kP2})}}},
      {"FLIR: no marker",
       {{0, kIdr}, {3000, kP}, {6000, kP}},
       {{0, Prefixed({kIdr}), kClosed}, {3000, Prefixed({kP})}}},
      {"no marker, and the end",
       {{0, kIdr}, {3000, kP}},
       {{0, Prefixed({kIdr}), kClosed}, {3000, Prefixed({kP})}},
       {},
       true},
      {"Tapo TC70: markers on parameter sets",
       {{0, kSps, true}, {0, kPps, true}, {0, kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed, false, Sets()}}},
      {"parameter sets with a timestamp of their own",
       {{0, kSps, true}, {0, kPps, true}, {3000, kIdr, true}},
       {{3000, Prefixed({kIdr}), kClosed, false, Sets()}}},
      {"markers within a picture",
       {{0, kIdr, true},
        {3000, kP, true},
        {3000, kP2, true},
        {6000, kIdr, true},
        {6000, kP2, true},
        {9000, kP, true},
        {9000, kP2, true}},
       {{0, Prefixed({kIdr}), kClosed},
        {3000, Prefixed({kP})},
        {6000, Prefixed({kIdr, kP2}), kClosed, true},
        {9000, Prefixed({kP, kP2})}},
       {},
       true},
      {"two pictures of one timestamp",
       {{0, kIdr, true}, {0, kP, true}},
       {{0, Prefixed({kIdr}), kClosed}, {0, Prefixed({kP})}}},
      {"Annex B in a packet",
       {{0, std::string("00000001") + kSps + "00000001" + kPps + "000001" + kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed, false, Sets()}}},
      {"Annex B behind a parameter set",
       {{0, std::string(kSps) + "00000001" + kPps + "00000001" + kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed, false, Sets()}}},
      {"Annex B in fragments",
       {{0, "7c87 42001fda01001864 000000"},
        {0, std::string("7c47 01") + kPps + "000001" + kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed, false, Sets()}}},
      {"Amcrest: delimiters behind parameter sets and slices",
       {{0, kSps},
        {0, kPps},
        {0, kAud},
        {0, kIdr, true},
        {0, kAud},
        {3000, kP},
        {3000, kAud, true}},
       {{0, Prefixed({kIdr}), kClosed, false, Sets()}, {3000, Prefixed({kP})}}},
      {"camera that sends no IDR picture",
       {{0, StapA({kSps, kPps}), false}, {0, kI, true}},
       {{0, Prefixed({kI}), kOpenRandomAccess, false, Sets()}}},
      {"reserved types are ignored",
       {{0, "1eaabb"}, {0, kIdr}, {0, "00aabb"}, {0, "1f", true}},
       {{0, Prefixed({kIdr}), kClosed}}},
      {"reserved types in aggregates",
       {{0, StapA({"1eaa", kIdr, "1caa"}), true}},
       {{0, Prefixed({kIdr}), kClosed}}},
      {"empty packets",
       {{0, ""}, {0, kIdr, true}, {0, "", true}},
       {{0, Prefixed({kIdr}), kClosed}}},
  };
}

std::vector<PayloadCase> Losses() {
  return {
      {"a reference is damaged",
       {{0, kIdr, true},
        {3000, "5c81 9a00"},
        {3000, "5c41 00", true, 1},
        {6000, kP, true},
        {9000, kIdr, true},
        {12000, kP, true}},
       {{0, Prefixed({kIdr}), kClosed},
        {9000, Prefixed({kIdr}), kClosed, true},
        {12000, Prefixed({kP})}}},
      {"a picture that nobody refers to is damaged",
       {{0, kIdr, true}, {3000, "1c81 9e00"}, {3000, "1c41 00", true, 1}, {6000, kP, true}},
       {{0, Prefixed({kIdr}), kClosed}, {6000, Prefixed({kP}), 0, true}}},
      {"between pictures",
       {{0, kIdr, true}, {6000, kP, true, 1}, {9000, kP, true}, {12000, kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed}, {12000, Prefixed({kIdr}), kClosed, true}}},
      {"before a key frame",
       {{0, kP, true}, {6000, kIdr, true, 1}},
       {{0, Prefixed({kP})}, {6000, Prefixed({kIdr}), kClosed, true}}},
      {"the first slice of a key frame",
       {{0, kP, true}, {6000, "6542ff", true, 1}, {9000, kP, true}, {12000, kIdr, true}},
       {{0, Prefixed({kP})}, {12000, Prefixed({kIdr}), kClosed, true}}},
      {"the first fragment",
       {{0, kIdr, true}, {3000, "5c41 00", true, 1}, {6000, kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed}, {6000, Prefixed({kIdr}), kClosed, true}}},
      {"the last fragment",
       {{0, "7c85 8884"}, {3000, kP, true, 1}, {6000, kIdr, true}},
       {{6000, Prefixed({kIdr}), kClosed, true}}},
      {"leading pictures of an open key frame refer to what was lost",
       {{0, kIdr, true},
        {9000, kP, true, 1},
        {30000, StapA({kRecovery0, kI}), true},
        {27000, kB, true},
        {36000, kP, true},
        {33000, kB, true}},
       {{0, Prefixed({kIdr}), kClosed},
        {30000, Prefixed({kRecovery0, kI}), kOpenRandomAccess, true},
        {36000, Prefixed({kP}), 0, true},
        {33000, Prefixed({kB}), kNonReference}}},
      {"the end within fragments",
       {{0, kIdr, true}, {3000, "7c85 8884"}},
       {{0, Prefixed({kIdr}), kClosed}},
       {},
       true},
      {"restart",
       {{0, kIdr, true}, {3000, "7c85 8884"}, {50, kP, true, 0, true}},
       {{0, Prefixed({kIdr}), kClosed}, {50, Prefixed({kP}), 0, true}}},
  };
}

std::vector<PayloadCase> Faults() {
  return {
      {"cut STAP-A", {{0, "78 0004 6588", true}}, {}, {"rtp_aggregate_truncated"}},
      {"cut length in STAP-A", {{0, "78 0003 658884 01", true}}, {}, {"rtp_aggregate_truncated"}},
      {"cut FU-A", {{0, "7c", true}}, {}, {"rtp_payload_truncated"}},
      {"fragment without start", {{0, "7c45 aabb", true}}, {}, {"rtp_fragment_without_start"}},
      {"STAP-B", {{0, "79 0000 0003 658884", true}}, {}, {"rtp_unsupported_aggregation"}},
      {"FU-B", {{0, "7d85 0000 8884", true}}, {}, {"rtp_unsupported_aggregation"}},
      {"a fault is a loss",
       {{0, kIdr, true}, {3000, "7c", true}, {6000, kP, true}, {9000, kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed}, {9000, Prefixed({kIdr}), kClosed, true}},
       {"rtp_payload_truncated"}},
  };
}

TEST(H264Depacketizer, Cases) {
  for (const auto& cases : {Formats(), Losses(), Faults()}) {
    for (const PayloadCase& c : cases) {
      H264Depacketizer depacketizer;
      ExpectUnits(c, depacketizer, {0}, "h264");
    }
  }
}

TEST(H264Depacketizer, CountsWhatItDrops) {
  H264Depacketizer depacketizer;
  std::vector<AccessUnit> units;
  for (const In& in : std::vector<In>{{0, kIdr, true},
                                      {3000, "5c81 9a00"},
                                      {3000, "5c41 00", true, 1},
                                      {6000, kP, true},
                                      {9000, kIdr, true}}) {
    ASSERT_TRUE(depacketizer.Push(PacketOf(in), units).ok());
  }
  EXPECT_EQ(depacketizer.counters().units, 2u);
  EXPECT_EQ(depacketizer.counters().damaged, 1u);
  EXPECT_EQ(depacketizer.counters().undecodable, 1u);
}

TEST(H264Depacketizer, GoesOnMarkedWhereNoKeyFrameComes) {
  H264Depacketizer depacketizer({.max_drop_ticks = 9000});
  std::vector<AccessUnit> units;
  ASSERT_TRUE(depacketizer.Push(PacketOf({0, kP, true, 1}), units).ok());
  for (int64_t timestamp = 3000; timestamp < 18000; timestamp += 3000) {
    ASSERT_TRUE(depacketizer.Push(PacketOf({timestamp, kP, true}), units).ok());
  }
  ASSERT_TRUE(depacketizer.Push(PacketOf({18000, kIdr, true}), units).ok());
  ASSERT_EQ(units.size(), 4u);
  EXPECT_EQ(units[0].timestamp, 9000);
  EXPECT_EQ(units[0].flags, kCorrupt);
  EXPECT_TRUE(units[0].after_loss);
  EXPECT_EQ(units[2].flags, kCorrupt);
  EXPECT_EQ(units[3].flags, kClosedRandomAccess);
}

TEST(H264Depacketizer, HoldsNoMoreThanItsLimits) {
  H264Depacketizer depacketizer({.max_unit_bytes = 1000, .max_nals = 3});
  std::vector<AccessUnit> units;
  ASSERT_TRUE(depacketizer.Push(PacketOf({0, "7c85 88"}), units).ok());
  OrderedPacket middle = PacketOf({0, "7c05 00"});
  std::vector<uint8_t> large(990, 7);
  large[0] = 0x7c;
  large[1] = 0x05;
  middle.packet.payload = Payload::FromVector(large);
  ASSERT_TRUE(depacketizer.Push(middle, units).ok());
  EXPECT_EQ(FaultName(depacketizer.Push(middle, units)), "rtp_unit_too_large");
  EXPECT_EQ(FaultName(depacketizer.Push(PacketOf({3000, StapA({kP, kP2, kP2, kP2}), true}), units)),
            "rtp_too_many_units");
  EXPECT_TRUE(units.empty());
}

Track CameraTrack() {
  h264::AvcConfig config;
  config.sps = {Hex(kSps)};
  config.pps = {Hex(kPps)};
  return *h264::MakeTrack(config);
}

TEST(H264Packetizer, Cases) {
  const std::string big = std::string(kIdr) +
                          "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" +
                          "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c";
  const struct {
    const char* name;
    std::string payload;
    uint16_t flags;
    int mode;
    std::vector<std::string> packets;
  } cases[] = {
      {"one", Prefixed({kP}), 0, 1, {std::string("90000 m ") + kP}},
      {"parameter sets before a key frame",
       Prefixed({kIdr}),
       kClosed,
       1,
       {"90000 m 78 0009 6742001fda01001864 0006 68ebe3cb22c0 0003 658884"}},
      {"mode 0",
       Prefixed({kIdr}),
       kClosed,
       0,
       {std::string("90000 - ") + kSps, std::string("90000 - ") + kPps,
        std::string("90000 m ") + kIdr}},
      {"highest importance",
       Prefixed({"060501aa80", kB, kP}),
       0,
       1,
       {"90000 m 58 0005 060501aa80 0003 019e00 0003 419a00"}},
      {"fragments behind an aggregate",
       Prefixed({"060501aa80", kP, big}),
       0,
       1,
       {"90000 - 58 0005 060501aa80 0003 419a00",
        "90000 - 7c85 "
        "88840102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
        "28292a2b2c2d2e2f30",
        "90000 m 7c45 3132333435363738393a3b3c"}},
      {"mode 0 knows no fragments", Prefixed({big}), 0, 0, {"90000 m " + big}},
      {"what is no NAL unit stays here",
       Prefixed({"1caa", kP}),
       0,
       1,
       {std::string("90000 m ") + kP}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    auto packetizer = H264Packetizer::Create(CameraTrack(), {.max_packet_bytes = 64}, c.mode);
    ASSERT_TRUE(packetizer.ok());
    const auto set = (*packetizer)->Pack(FrameOf(Hex(c.payload), 90'000, 90'000, c.flags));
    ASSERT_TRUE(set.ok()) << set.status();
    std::vector<std::string> expected;
    for (std::string line : c.packets) {
      const size_t at = line.find_first_of("-m") + 2;
      expected.push_back(line.substr(0, at) + ToHex(Hex(line.substr(at))));
    }
    EXPECT_EQ(Lines(*set), expected);
    for (size_t i = 0; i < set->size() && c.mode == 1; ++i) {
      EXPECT_LE(set->payload_size(i) + kHeaderSize, 64u);
    }
  }
}

TEST(H264Packetizer, SharesThePayload) {
  const auto packetizer = H264Packetizer::Create(CameraTrack(), {});
  const Frame frame = FrameOf(std::vector<uint8_t>(Hex("00000bb8")), 0, 90'000);
  std::vector<uint8_t> payload = Hex("00000bb8 41");
  payload.resize(3004, 0x55);
  const Frame large = FrameOf(payload, 0, 90'000);
  const auto set = (*packetizer)->Pack(large);
  ASSERT_TRUE(set.ok());
  ASSERT_EQ(set->size(), 3u);
  for (size_t i = 0; i < set->size(); ++i) {
    const Bytes piece = set->pieces(i).back();
    EXPECT_GE(piece.data(), large.payload.data());
    EXPECT_LE(piece.data() + piece.size(), large.payload.data() + large.payload.size());
  }
  EXPECT_EQ(FaultName((*packetizer)->Pack(frame).status()), "rtp_bad_unit");
}

// Random access units through random packet sizes; without losses they come back as they were, with
// losses nothing comes back that was not sent.
TEST(H264, WritesThenReads) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const size_t mtu = 64 + random() % 1400;
    const bool lossy = round % 2 == 1;
    auto packetizer = H264Packetizer::Create(CameraTrack(), {.max_packet_bytes = mtu});
    ASSERT_TRUE(packetizer.ok());
    H264Depacketizer depacketizer;
    std::vector<Frame> frames;
    std::vector<AccessUnit> units;
    uint16_t sequence = static_cast<uint16_t>(random());
    uint32_t lost = 0;
    for (int i = 0; i < 12; ++i) {
      const bool key = i % 6 == 0;
      std::vector<uint8_t> payload;
      ByteWriter writer(payload);
      for (size_t slices = 1 + random() % 3, s = 0; s < slices; ++s) {
        const size_t size = random() % (random() % 4 == 0 ? 6000 : 60);
        writer.U32(static_cast<uint32_t>(3 + size));
        // No zeros, so that no start code appears.
        writer.U24((key ? 0x650000u : 0x410000u) | (s == 0 ? 0x9a55u : 0x420du));
        for (size_t n = 0; n < size; ++n) writer.U8(static_cast<uint8_t>(1 + random() % 255));
      }
      frames.push_back(FrameOf(payload, i * 3000, 90'000, key ? kClosed : uint16_t{0}));
      const auto set = (*packetizer)->Pack(frames.back());
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
    int64_t last = -3000;
    for (const AccessUnit& unit : units) {
      const Frame& sent = frames[static_cast<size_t>(unit.timestamp / 3000)];
      EXPECT_TRUE(SameBytes(unit.payload.bytes(), sent.payload.bytes()));
      const bool broken = unit.timestamp != last + 3000;
      if (broken) EXPECT_TRUE(unit.after_loss && (unit.flags & kClosedRandomAccess) != 0);
      last = unit.timestamp;
    }
    if (!lossy) EXPECT_EQ(units.size(), frames.size());
  }
}

}  // namespace
}  // namespace millrace::media::rtp
