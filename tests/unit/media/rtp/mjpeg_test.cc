#include "media/rtp/mjpeg.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/media/rtp/payload_cases.h"

namespace millrace::media::rtp {
namespace {

using tests::Hex;

constexpr uint16_t kClosed = kClosedRandomAccess;

std::string Repeated(const std::string& text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

// An image of 16x8 pixels whose tables are all `luma` and `chroma`, with that scan.
std::string Image(const std::string& luma, const std::string& chroma, const std::string& scan,
                  const std::string& sampling = "22", const std::string& restart = "") {
  std::string tables;
  for (const HuffmanTable& table : StandardHuffmanTables()) {
    const auto size = static_cast<uint16_t>(3 + table.counts_and_values.size());
    const uint8_t header[] = {0xff, 0xc4, static_cast<uint8_t>(size >> 8),
                              static_cast<uint8_t>(size), table.destination};
    tables += ToHex(header) + ToHex(table.counts_and_values);
  }
  return "ffd8 ffdb0043 00" + luma + "ffdb0043 01" + chroma +
         (restart.empty() ? "" : "ffdd0004" + restart) + "ffc00011 08 0008 0010 03 01" + sampling +
         "00 021101 031101" + tables + "ffda000c 03 0100 0211 0311 003f00" + scan;
}

TEST(MjpegDepacketizer, Cases) {
  const std::string one = Repeated("01", 64);
  const std::string two = Repeated("02", 64);
  const std::string tables = "00000080" + one + two;
  const PayloadCase cases[] = {
      {"tables in band",
       {{0, "00 000000 01 ff 02 01" + tables + "aabbffd9", true}},
       {{0, Image(one, two, "aabbffd9"), kClosed}}},
      {"4:2:2, the end is missing",
       {{0, "00 000000 00 ff 02 01" + tables + "aabb", true}},
       {{0, Image(one, two, "aabbffd9", "21"), kClosed}}},
      {"one table for both",
       {{0, "00 000000 01 ff 02 01 00000040" + one + "aabb", true}},
       {{0, Image(one, one, "aabbffd9"), kClosed}}},
      {"fragments",
       {{0, "00 000000 01 ff 02 01" + tables + "aabb"},
        {0, "00 000002 01 ff 02 01 cc"},
        {0, "00 000003 01 ff 02 01 ddffd9", true}},
       {{0, Image(one, two, "aabbccddffd9"), kClosed}}},
      {"restart markers",
       {{0, "00 000000 41 ff 02 01 0003 ffff" + tables + "aa"},
        {0, "00 000001 41 ff 02 01 0003 ffff bb", true}},
       {{0, Image(one, two, "aabbffd9", "22", "0003"), kClosed}}},
      {"tables that need not be repeated",
       {{0, "00 000000 01 80 02 01" + tables + "aa", true},
        {3000, "00 000000 01 80 02 01 00000000 bb", true}},
       {{0, Image(one, two, "aaffd9"), kClosed}, {3000, Image(one, two, "bbffd9"), kClosed}}},
      {"a fragment lost",
       {{0, "00 000000 01 ff 02 01" + tables + "aabb"},
        {0, "00 000003 01 ff 02 01 dd", true, 1},
        {3000, "00 000000 01 ff 02 01" + tables + "aa", true}},
       {{3000, Image(one, two, "aaffd9"), kClosed, true}}},
      {"the first fragment lost",
       {{0, "00 000002 01 ff 02 01 cc", false, 1},
        {0, "00 000003 01 ff 02 01 dd", true},
        {3000, "00 000000 01 ff 02 01" + tables + "aa", true}},
       {{3000, Image(one, two, "aaffd9"), kClosed, true}}},
      {"the last fragment lost",
       {{0, "00 000000 01 ff 02 01" + tables + "aabb"},
        {3000, "00 000000 01 ff 02 01" + tables + "aa", true, 1}},
       {{3000, Image(one, two, "aaffd9"), kClosed, true}}},
      {"the end within an image", {{0, "00 000000 01 ff 02 01" + tables + "aabb"}}, {}, {}, true},
      {"tables that never came",
       {{0, "00 000000 01 80 02 01 00000000 bb", true}},
       {},
       {"rtp_missing_tables"}},
      {"dynamic tables must come",
       {{0, "00 000000 01 ff 02 01 00000000 bb", true}},
       {},
       {"rtp_missing_tables"}},
      {"tables of 16 bits",
       {{0, "00 000000 01 ff 02 01 00010080" + one + two + "aa", true}},
       {},
       {"rtp_unsupported_config"}},
      {"half a table",
       {{0, "00 000000 01 ff 02 01 00000020" + one + "aa", true}},
       {},
       {"rtp_size_mismatch"}},
      {"cut tables",
       {{0, "00 000000 01 ff 02 01 00000080" + one, true}},
       {},
       {"rtp_payload_truncated"}},
      {"cut header", {{0, "00 000000 01 ff 02", true}}, {}, {"rtp_payload_truncated"}},
      {"no size", {{0, "00 000000 01 ff 00 01" + tables + "aa", true}}, {}, {"rtp_missing_config"}},
      {"another type",
       {{0, "00 000000 02 ff 02 01" + tables + "aa", true}},
       {},
       {"rtp_reserved_type"}},
      {"a reserved Q", {{0, "00 000000 01 64 02 01 aa", true}}, {}, {"rtp_reserved_type"}},
      {"a fragment without start",
       {{0, "00 000002 01 ff 02 01 cc", true}},
       {},
       {"rtp_fragment_without_start"}},
      {"a gap between fragments",
       {{0, "00 000000 01 ff 02 01" + tables + "aabb"}, {0, "00 000003 01 ff 02 01 dd", true}},
       {},
       {"rtp_size_mismatch"}},
  };
  for (const PayloadCase& c : cases) {
    MjpegDepacketizer depacketizer;
    ExpectUnits(c, depacketizer, {10}, "mjpeg");
  }
}

// What other receivers make of a Q of 63.
TEST(MjpegDepacketizer, MakesQuantizationTables) {
  MjpegDepacketizer depacketizer;
  std::vector<AccessUnit> units;
  ASSERT_TRUE(depacketizer.Push(PacketOf({0, "00 000000 01 3f 02 01 0102", true}), units).ok());
  ASSERT_EQ(units.size(), 1u);
  EXPECT_EQ(ToHex(units[0].payload.bytes()),
            ToHex(Hex(Image("0c08090a09070c0a0a0a0d0d0c0e121e1312101012241a1b151e2b262d2c2a262929"
                            "2f35443a2f32403329293b513c4046494c4d4c2e39545a534a59444b4c49",
                            "0d0d0d1210122313132349312931" + Repeated("49", 50), "0102ffd9"))));
  EXPECT_EQ(QuantizationTablesOf(50)[0][0], 16);
  EXPECT_EQ(QuantizationTablesOf(1)[0][0], 255);
  EXPECT_EQ(QuantizationTablesOf(99)[0][0], 1);
}

TEST(MjpegDepacketizer, SizesBeyondWhatThePayloadCanSay) {
  MjpegDepacketizer depacketizer({.width = 3840, .height = 2160});
  std::vector<AccessUnit> units;
  ASSERT_TRUE(depacketizer.Push(PacketOf({0, "00 000000 01 3f 00 00 0102", true}), units).ok());
  ASSERT_EQ(units.size(), 1u);
  EXPECT_NE(ToHex(units[0].payload.bytes())
                .find("ffc00011080870"
                      "0f00"),
            std::string::npos);
}

TEST(MjpegPacketizer, WritesThenReads) {
  std::mt19937 random(17);
  const std::string one = Repeated("01", 64);
  const std::string two = Repeated("02", 64);
  for (size_t round = 0; round < 60; ++round) {
    std::string scan;
    for (size_t i = 0; i < round * 20 + 1; ++i) scan += "5a";
    scan += "ffd9";
    const std::vector<uint8_t> image =
        Hex(Image(one, two, scan, round % 2 == 0 ? "22" : "21", round % 3 == 0 ? "0004" : ""));
    MjpegPacketizer packetizer({.max_packet_bytes = 200 + random() % 1200});
    MjpegDepacketizer depacketizer;
    std::vector<AccessUnit> units;
    uint16_t sequence = 0;
    const auto set = packetizer.Pack(FrameOf(image, 3000, 90'000));
    ASSERT_TRUE(set.ok()) << set.status();
    for (const OrderedPacket& packet : tests::Sent(*set, sequence)) {
      ASSERT_TRUE(depacketizer.Push(packet, units).ok());
    }
    ASSERT_EQ(units.size(), 1u);
    EXPECT_EQ(units[0].timestamp, 3000);
    EXPECT_EQ(ToHex(units[0].payload.bytes()), ToHex(image));
  }
}

TEST(MjpegPacketizer, Refuses) {
  const std::string one = Repeated("01", 64);
  std::vector<uint8_t> progressive = Hex(Image(one, one, "aa"));
  for (size_t i = 0; i + 1 < progressive.size(); ++i) {
    if (progressive[i] == 0xff && progressive[i + 1] == 0xc0) progressive[i + 1] = 0xc2;
  }
  std::vector<uint8_t> huffman = Hex(Image(one, one, "aa"));
  for (size_t i = 0; i + 8 < huffman.size(); ++i) {
    if (huffman[i] == 0xff && huffman[i + 1] == 0xc4) huffman[i + 8] ^= 1;
  }
  const struct {
    const char* name;
    std::vector<uint8_t> image;
    const char* fault;
  } cases[] = {
      {"nothing", {}, "rtp_bad_unit"},
      {"no JPEG", Hex("00112233"), "rtp_bad_unit"},
      {"the beginning alone", Hex("ffd8"), "rtp_bad_unit"},
      {"no scan", Hex(Image(one, one, "")), "rtp_bad_unit"},
      {"4:4:4", Hex(Image(one, one, "aa", "11")), "rtp_unsupported_config"},
      {"progressive", progressive, "rtp_unsupported_config"},
      {"other Huffman tables", huffman, "rtp_unsupported_config"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    MjpegPacketizer packetizer({});
    EXPECT_EQ(FaultName(packetizer.Pack(FrameOf(c.image, 0, 90'000)).status()), c.fault);
  }
}

}  // namespace
}  // namespace millrace::media::rtp
