#include "media/rtp/h265.h"

#include <gtest/gtest.h>

#include <random>

#include "media/codec/h265/config.h"
#include "tests/unit/media/codec/h265/parameter_sets.h"
#include "tests/unit/media/rtp/payload_cases.h"

namespace millrace::media::rtp {
namespace {

using tests::Hex;

// Two bytes of header: type times two, temporal id plus one; then first_slice_segment_in_pic_flag.
constexpr char kIdr[] = "2801ac";
constexpr char kTrail[] = "0201d0";
constexpr char kTrail2[] = "020150";  // the second slice of a picture
constexpr char kCra[] = "2a01ac";
constexpr char kRasl[] = "1001d0";
constexpr char kVps[] = "40010c01";
constexpr char kSps[] = "42010101";
constexpr char kPps[] = "4401c073c189";
constexpr char kAud[] = "460150";

constexpr uint16_t kClosed = kClosedRandomAccess;

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
  sets.vps = {Hex(kVps)};
  sets.sps = {Hex(kSps)};
  sets.pps = {Hex(kPps)};
  return sets;
}

TEST(H265Depacketizer, Cases) {
  const std::string sets = std::string("0004") + kVps + "0004" + kSps + "0006" + kPps;
  const PayloadCase cases[] = {
      {"single",
       {{0, kIdr, true}, {3000, kTrail, true}},
       {{0, Prefixed({kIdr}), kClosed}, {3000, Prefixed({kTrail})}}},
      {"aggregate",
       {{0, "6001" + sets + "0003" + kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed, false, Sets()}}},
      {"aggregate padded with zeros",
       {{0, std::string("6001 0003") + kIdr + "000000", true}},
       {{0, Prefixed({kIdr}), kClosed}}},
      {"fragments",
       {{0, "6201 94 ac"}, {0, "6201 14 bb"}, {0, "6201 54 cc", true}},
       {{0, Prefixed({"2801acbbcc"}), kClosed}}},
      {"fragments without an end",
       {{0, "6201 94 ac"}, {0, "6201 14 bb", true}},
       {{0, Prefixed({"2801acbb"}), kClosed}}},
      {"slices", {{0, kTrail}, {0, kTrail2, true}}, {{0, Prefixed({kTrail, kTrail2})}}},
      {"no marker",
       {{0, kIdr}, {3000, kTrail}},
       {{0, Prefixed({kIdr}), kClosed}, {3000, Prefixed({kTrail})}},
       {},
       true},
      {"Reolink Duo 2: markers on parameter sets",
       {{0, kVps, true}, {0, kSps, true}, {0, kPps, true}, {0, kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed, false, Sets()}}},
      {"Annex B in a packet",
       {{0,
         std::string("00000001") + kVps + "00000001" + kSps + "00000001" + kPps + "00000001" + kIdr,
         true}},
       {{0, Prefixed({kIdr}), kClosed, false, Sets()}}},
      {"delimiters", {{0, kAud}, {0, kIdr, true}}, {{0, Prefixed({kIdr}), kClosed}}},
      {"types beyond the formats are ignored",
       {{0, "6601aabb"}, {0, kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed}}},
      {"a reference is damaged",
       {{0, kIdr, true},
        {3000, "6201 81 d0"},
        {3000, "6201 41 00", true, 1},
        {6000, kTrail, true},
        {9000, kIdr, true}},
       {{0, Prefixed({kIdr}), kClosed}, {9000, Prefixed({kIdr}), kClosed, true}}},
      {"a picture that nobody refers to is damaged",
       {{0, kIdr, true}, {3000, "6201 80 d0"}, {3000, "6201 40 00", true, 1}, {6000, kTrail, true}},
       {{0, Prefixed({kIdr}), kClosed}, {6000, Prefixed({kTrail}), 0, true}}},
      {"leading pictures of a CRA picture refer to what was lost",
       {{0, kIdr, true},
        {9000, kTrail, true, 1},
        {30000, kCra, true},
        {27000, kRasl, true},
        {36000, kTrail, true}},
       {{0, Prefixed({kIdr}), kClosed},
        {30000, Prefixed({kCra}), kOpenRandomAccess, true},
        {36000, Prefixed({kTrail}), 0, true}}},
      {"cut", {{0, "40", true}}, {}, {"rtp_payload_truncated"}},
      {"cut aggregate", {{0, "6001 0004 2801", true}}, {}, {"rtp_aggregate_truncated"}},
      {"cut fragment", {{0, "6201", true}}, {}, {"rtp_payload_truncated"}},
      {"fragment without start", {{0, "6201 54 cc", true}}, {}, {"rtp_fragment_without_start"}},
      {"PACI", {{0, "6401 0000 aabb", true}}, {}, {"rtp_unsupported_aggregation"}},
  };
  for (const PayloadCase& c : cases) {
    H265Depacketizer depacketizer;
    ExpectUnits(c, depacketizer, {3, 0}, "h265");
  }
}

TEST(H265Depacketizer, SkipsDecodingOrderNumbers) {
  const PayloadCase cases[] = {
      {"single with DONL", {{0, "2801 0007 ac", true}}, {{0, Prefixed({kIdr}), kClosed}}},
      {"aggregate with DONL",
       {{0, "6001 0007 0003 2801ac 01 0003 28012c", true}},
       {{0, Prefixed({kIdr, "28012c"}), kClosed}}},
      {"fragments with DONL",
       {{0, "6201 94 0007 ac"}, {0, "6201 54 cc", true}},
       {{0, Prefixed({"2801accc"}), kClosed}}},
      {"cut DONL", {{0, "2801 00", true}}, {}, {"rtp_payload_truncated"}},
      {"cut DONL in a fragment", {{0, "6201 94 00", true}}, {}, {"rtp_payload_truncated"}},
  };
  for (const PayloadCase& c : cases) {
    H265Depacketizer depacketizer({.donl = true});
    ExpectUnits(c, depacketizer, {3, 1}, "h265");
  }
}

Track CameraTrack() {
  h265::HevcConfig config;
  const auto encoders = h265::SpsCases();
  const h265::SpsCase& encoder = encoders[0];
  config.vps = {encoder.vps};
  config.sps = {encoder.sps};
  config.pps = {h265::Pps()};
  return *h265::MakeTrack(config);
}

TEST(H265Packetizer, Packs) {
  const auto packetizer = H265Packetizer::Create(CameraTrack(), {.max_packet_bytes = 64});
  ASSERT_TRUE(packetizer.ok());
  const auto trail = (*packetizer)->Pack(FrameOf(Hex(Prefixed({kTrail, "02022f"})), 0, 90'000));
  ASSERT_TRUE(trail.ok());
  // The lowest temporal id of the two.
  EXPECT_EQ(Lines(*trail), std::vector<std::string>{"0 m 600100030201d0000302022f"});

  std::string large = kIdr;
  for (int i = 0; i < 60; ++i) large += "55";
  const auto key = (*packetizer)->Pack(FrameOf(Hex(Prefixed({large})), 0, 90'000, kClosed));
  ASSERT_TRUE(key.ok());
  const auto lines = Lines(*key);
  ASSERT_GE(lines.size(), 4u);
  EXPECT_TRUE(lines[0].starts_with("0 - 40010c01")) << lines[0];
  EXPECT_TRUE(lines[lines.size() - 2].starts_with("0 - 620194ac55")) << lines[lines.size() - 2];
  EXPECT_TRUE(lines.back().starts_with("0 m 62015455")) << lines.back();
}

TEST(H265, WritesThenReads) {
  std::mt19937 random(5);
  for (int round = 0; round < 100; ++round) {
    auto packetizer =
        H265Packetizer::Create(CameraTrack(), {.max_packet_bytes = 64 + random() % 1400});
    H265Depacketizer depacketizer;
    std::vector<Frame> frames;
    std::vector<AccessUnit> units;
    uint16_t sequence = 0;
    uint32_t lost = 0;
    for (int i = 0; i < 12; ++i) {
      const bool key = i % 6 == 0;
      std::vector<uint8_t> payload;
      ByteWriter writer(payload);
      for (size_t slices = 1 + random() % 3, s = 0; s < slices; ++s) {
        const size_t size = random() % (random() % 4 == 0 ? 6000 : 60);
        writer.U32(static_cast<uint32_t>(4 + size));
        writer.U32((key ? 0x28010000u : 0x02010000u) | (s == 0 ? 0xac55u : 0x2c55u));
        for (size_t n = 0; n < size; ++n) writer.U8(static_cast<uint8_t>(1 + random() % 255));
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
    for (const AccessUnit& unit : units) {
      EXPECT_TRUE(SameBytes(unit.payload.bytes(),
                            frames[static_cast<size_t>(unit.timestamp / 3000)].payload.bytes()));
    }
    if (round % 2 == 0) EXPECT_EQ(units.size(), frames.size());
  }
}

}  // namespace
}  // namespace millrace::media::rtp
