#include "media/rtp/latm.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/media/rtp/payload_cases.h"

namespace millrace::media::rtp {
namespace {

using tests::Hex;

constexpr uint16_t kClosed = kClosedRandomAccess;

// 0 1 000000 0000 000, then the 16 bits of "1190" (LC, 48 kHz, stereo), 000 11111111 0 0.
constexpr char kConfig[] = "400023203fc0";

InBandConfig Handed(const char* config) {
  InBandConfig in_band;
  in_band.config = Hex(config);
  return in_band;
}

TEST(Latm, ReadsAndWritesConfigurations) {
  const struct {
    const char* name;
    std::vector<uint8_t> mux;
    std::vector<uint8_t> audio;
  } cases[] = {
      {"LC", Hex(kConfig), Hex("1190")},
      {"RFC 3016: 24 kHz stereo", Hex("400026203fc0"), Hex("1310")},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    BitReader bits(c.mux);
    const auto config = ReadLatmConfig(c.mux, bits);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(ToHex(config->audio_config), ToHex(c.audio));
    EXPECT_EQ(config->sub_frames, 1u);
    EXPECT_EQ(config->frame_bits, 0u);
    const auto written = BuildLatmConfig(c.audio);
    ASSERT_TRUE(written.ok());
    EXPECT_EQ(ToHex(*written), ToHex(c.mux));
  }
  // HE-AAC signalled in front, and a program_config_element: whatever is written can be read.
  for (const char* audio : {"2b098800", "2b118800", "1188", "f8e8300000"}) {
    const auto written = BuildLatmConfig(Hex(audio));
    if (!written.ok()) continue;
    BitReader bits(*written);
    const auto config = ReadLatmConfig(*written, bits);
    ASSERT_TRUE(config.ok()) << audio;
    EXPECT_TRUE(ToHex(Hex(audio)).starts_with(ToHex(config->audio_config).substr(0, 4))) << audio;
  }
  EXPECT_EQ(FaultName(BuildLatmConfig(Hex("00")).status()), "rtp_unsupported_config");
}

TEST(Latm, RefusesConfigurations) {
  const struct {
    const char* name;
    const char* hex;
    const char* fault;
  } cases[] = {
      {"cut", "4000", "rtp_payload_truncated"},
      {"two programs", "401023203fc0", "rtp_unsupported_config"},
      {"two layers", "400223203fc0", "rtp_unsupported_config"},
      {"different framing", "000023203fc0", "rtp_unsupported_config"},
      {"version of the future", "c0000000000000", "rtp_unsupported_config"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto bytes = Hex(c.hex);
    BitReader bits(bytes);
    EXPECT_EQ(FaultName(ReadLatmConfig(bytes, bits).status()), c.fault);
  }
}

TEST(LatmDepacketizer, OutOfBand) {
  const PayloadCase cases[] = {
      {"one",
       {{0, "03 210a0b", true}, {1024, "01 22", true}},
       {{0, "210a0b", kClosed, false, Handed("1190")}, {1024, "22", kClosed}}},
      {"two elements",
       {{0, "02 2101 01 22", true}},
       {{0, "2101", kClosed, false, Handed("1190")}, {1024, "22", kClosed}}},
      {"fragments",
       {{0, "05 2101"}, {0, "0203"}, {0, "04", true}},
       {{0, "2101020304", kClosed, false, Handed("1190")}}},
      {"no marker",
       {{0, "01 21"}, {1024, "01 22"}},
       {{0, "21", kClosed, false, Handed("1190")}, {1024, "22", kClosed}},
       {},
       true},
      {"a fragment lost",
       {{0, "05 2101"}, {0, "04", true, 1}, {1024, "01 22", true}},
       {{1024, "22", kClosed, true, Handed("1190")}}},
      {"the first fragment lost, of a sender that fragments",
       {{0, "05 2101"},
        {0, "020304", true},
        {1024, "0203", false, 1},
        {1024, "04", true},
        {2048, "01 22", true}},
       {{0, "2101020304", kClosed, false, Handed("1190")}, {2048, "22", kClosed, true}}},
      {"too short", {{0, "05 2101", true}}, {}, {"rtp_size_mismatch"}},
  };
  for (const PayloadCase& c : cases) {
    LatmDepacketizer depacketizer({.config_present = false, .config = Hex(kConfig)});
    ExpectUnits(c, depacketizer, {5, 0}, "latm");
  }
}

TEST(LatmDepacketizer, ManufacturersThatForgetTheConfiguration) {
  const PayloadCase c = {"missing config", {{0, "02 2101", true}}, {{0, "2101", kClosed}}};
  LatmDepacketizer depacketizer({.config_present = false});
  ExpectUnits(c, depacketizer, {5, 1}, "latm");
}

TEST(LatmDepacketizer, GStreamerEndsItsConfigurationEarly) {
  // rtpmp4apay, of what avenc_aac makes: an AudioSpecificConfig with a signal that there is no SBR.
  const PayloadCase c = {
      "bare configuration", {{0, "02 2101", true}}, {{0, "2101", kClosed, false, Handed("1208")}}};
  LatmDepacketizer depacketizer({.config_present = false, .config = Hex("40002410adca00")});
  ExpectUnits(c, depacketizer, {5, 0}, "latm");
}

TEST(LatmDepacketizer, InBand) {
  // A 0 (another configuration), kConfig's 44 bits, then length 2 and "2101"; then a 1 (the same).
  const PayloadCase cases[] = {
      {"in band",
       {{0, "200011901fe0110808", true}, {1024, "809100", true}},
       {{0, "2101", kClosed, false, Handed("1190")}, {1024, "22", kClosed}}},
      {"units before any configuration", {{0, "80 91 00", true}}, {}, {"rtp_missing_config"}},
      {"cut configuration", {{0, "200011", true}}, {}, {"rtp_payload_truncated"}},
  };
  for (const PayloadCase& c : cases) {
    LatmDepacketizer depacketizer;
    ExpectUnits(c, depacketizer, {5, 2}, "latm");
  }
}

TEST(Latm, WritesThenReads) {
  std::mt19937 random(13);
  for (int round = 0; round < 100; ++round) {
    LatmPacketizer packetizer({.clock_rate = 48000, .max_packet_bytes = 64 + random() % 600});
    LatmDepacketizer depacketizer({.config_present = false, .config = Hex(kConfig)});
    std::vector<Frame> frames;
    std::vector<AccessUnit> units;
    uint16_t sequence = 0;
    uint32_t lost = 0;
    for (int i = 0; i < 20; ++i) {
      std::vector<uint8_t> payload(1 + random() % (i % 4 == 0 ? 3000 : 400));
      for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random());
      frames.push_back(FrameOf(payload, i * 1024, 48000));
      const auto set = packetizer.Pack(frames.back());
      ASSERT_TRUE(set.ok());
      for (OrderedPacket& packet : tests::Sent(*set, sequence)) {
        if (round % 2 == 1 && packet.packet.marker && random() % 4 == 0) {
          ++lost;  // the last packet: its loss cannot be told from the bytes
          continue;
        }
        packet.lost = std::exchange(lost, 0);
        (void)depacketizer.Push(packet, units);
      }
    }
    for (const AccessUnit& unit : units) {
      EXPECT_TRUE(SameBytes(unit.payload.bytes(),
                            frames[static_cast<size_t>(unit.timestamp / 1024)].payload.bytes()));
    }
    if (round % 2 == 0) EXPECT_EQ(units.size(), frames.size());
  }
}

}  // namespace
}  // namespace millrace::media::rtp
