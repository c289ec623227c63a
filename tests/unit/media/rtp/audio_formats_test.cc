// Formats whose packets are little more than their bytes: Opus, PCM, G.726, MPEG audio.

#include <gtest/gtest.h>

#include <random>

#include "media/rtp/g726.h"
#include "media/rtp/mpeg_audio.h"
#include "media/rtp/opus.h"
#include "media/rtp/pcm.h"
#include "tests/unit/media/rtp/payload_cases.h"

namespace millrace::media::rtp {
namespace {

using tests::Hex;

constexpr uint16_t kClosed = kClosedRandomAccess;

TEST(Opus, Cases) {
  const PayloadCase cases[] = {
      // Table of contents: configuration 31 (CELT, 20 ms), stereo, one frame.
      {"packets",
       {{0, "fc aabb", true}, {960, "fc cc"}},
       {{0, "fcaabb", kClosed}, {960, "fccc", kClosed}}},
      {"a loss",
       {{0, "fc aabb"}, {1920, "fc cc", false, 1}},
       {{0, "fcaabb", kClosed}, {1920, "fccc", kClosed, true}}},
      {"no frame in it", {{0, "ff 00"}}, {}, {"rtp_bad_unit"}},
  };
  for (const PayloadCase& c : cases) {
    OpusDepacketizer depacketizer;
    ExpectUnits(c, depacketizer, {6}, "opus");
  }
}

TEST(Opus, LastsAsItsTableOfContentsSays) {
  std::vector<AccessUnit> units;
  OpusDepacketizer depacketizer;
  ASSERT_TRUE(depacketizer.Push(PacketOf({0, "fcaabb"}), units).ok());
  ASSERT_TRUE(depacketizer.Push(PacketOf({960, "18aabb"}), units).ok());  // SILK, 60 ms
  EXPECT_EQ(units[0].duration, 960u);
  EXPECT_EQ(units[1].duration, 2880u);
}

TEST(Opus, APacketIsNeverCut) {
  OpusPacketizer packetizer({.clock_rate = 48000, .max_packet_bytes = 64});
  const auto set = packetizer.Pack(FrameOf(std::vector<uint8_t>(500, 0xfc), 960, 48000));
  ASSERT_TRUE(set.ok());
  ASSERT_EQ(set->size(), 1u);
  EXPECT_EQ(set->payload_size(0), 500u);
  EXPECT_EQ(set->timestamp(0), 960u);
}

TEST(Pcm, Cases) {
  const PayloadCase cases[] = {
      {"stereo", {{0, "0001 0002 0003 0004"}}, {{0, "0001000200030004", kClosed}}},
      {"half a sample behind", {{0, "0001 0002 0003"}}, {{0, "00010002", kClosed}}},
      {"less than a sample", {{0, "0001 00"}}, {}, {"rtp_payload_truncated"}},
  };
  for (const PayloadCase& c : cases) {
    PcmDepacketizer depacketizer({.channels = 2});
    ExpectUnits(c, depacketizer, {7}, "pcm");
  }
  std::vector<AccessUnit> units;
  PcmDepacketizer l24({.bytes_per_sample = 3, .channels = 2});
  ASSERT_TRUE(l24.Push(PacketOf({0, "000001 000002 000003 000004"}), units).ok());
  EXPECT_EQ(units[0].duration, 2u);
}

TEST(Pcm, HikvisionsIsTurnedAround) {
  PcmDepacketizer depacketizer({.channels = 1, .little_endian = true});
  std::vector<AccessUnit> units;
  ASSERT_TRUE(depacketizer.Push(PacketOf({0, "0100 fe7f 03"}), units).ok());
  ASSERT_EQ(units.size(), 1u);
  const Bytes samples = units[0].payload.bytes();
  EXPECT_EQ(std::vector<uint8_t>(samples.begin(), samples.end()), tests::Hex("0001 7ffe"));
}

TEST(Pcm, CutsFramesAtSamples) {
  PcmPacketizer packetizer({.clock_rate = 44100, .max_packet_bytes = 64}, {.channels = 2});
  const auto set = packetizer.Pack(FrameOf(std::vector<uint8_t>(108), 441, 44100));
  ASSERT_TRUE(set.ok());
  ASSERT_EQ(set->size(), 3u);
  EXPECT_EQ(set->payload_size(0), 52u);
  EXPECT_EQ(set->timestamp(1), 441u + 13);
  EXPECT_EQ(set->timestamp(2), 441u + 26);
}

TEST(G726, Cases) {
  const PayloadCase cases[] = {
      {"32 kbit/s", {{0, "aabbcc"}}, {{0, "aabbcc", kClosed}}},
      {"a loss",
       {{0, "aabbcc"}, {12, "dd", false, 1}},
       {{0, "aabbcc", kClosed}, {12, "dd", kClosed, true}}},
  };
  for (const PayloadCase& c : cases) {
    G726Depacketizer depacketizer;
    ExpectUnits(c, depacketizer, {8, 4}, "g726");
  }
}

TEST(G726, LastsAsItsCodes) {
  const struct {
    uint32_t bits;
    uint32_t codes;
    size_t size;
  } cases[] = {{2, 60, 15}, {3, 40, 15}, {4, 30, 15}, {5, 24, 15}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.bits);
    std::vector<AccessUnit> units;
    G726Depacketizer depacketizer({.bits_per_code = c.bits});
    ASSERT_TRUE(depacketizer.Push(PacketOf({0, "000102030405060708090a0b0c0d0e"}), units).ok());
    EXPECT_EQ(units[0].duration, c.codes);
    EXPECT_EQ(units[0].payload.size(), c.size);
  }
  std::vector<AccessUnit> units;
  G726Depacketizer wrong({.bits_per_code = 8});
  EXPECT_EQ(FaultName(wrong.Push(PacketOf({0, "00"}), units)), "rtp_unsupported_config");
}

TEST(G726, CutsFramesAtBytes) {
  G726Packetizer packetizer({.clock_rate = 8000, .max_packet_bytes = 64}, {.bits_per_code = 3});
  const auto set = packetizer.Pack(FrameOf(std::vector<uint8_t>(60), 0, 8000));
  ASSERT_TRUE(set.ok());
  ASSERT_EQ(set->size(), 2u);
  EXPECT_EQ(set->payload_size(0), 51u);
  EXPECT_EQ(set->timestamp(1), 136u);
}

// MPEG-1 layer III, 32 kbit/s, 48 kHz: 96 bytes, 1152 samples.
std::vector<uint8_t> Mp3Frame(uint8_t fill) {
  std::vector<uint8_t> frame(96, fill);
  frame[0] = 0xff;
  frame[1] = 0xfb;
  frame[2] = 0x14;
  frame[3] = 0x00;
  return frame;
}

TEST(MpegAudio, Cases) {
  const std::string a = ToHex(Mp3Frame(1));
  const std::string b = ToHex(Mp3Frame(2));
  const PayloadCase cases[] = {
      {"one", {{0, "00000000" + a, true}}, {{0, a, kClosed}}},
      {"two", {{0, "00000000" + a + b}}, {{0, a, kClosed}, {2160, b, kClosed}}},
      {"fragments",
       {{0, "00000000" + a.substr(0, 100)},
        {0, "00000032" + a.substr(100, 40)},
        {0, "00000046" + a.substr(140)}},
       {{0, a, kClosed}}},
      {"a fragment lost",
       {{0, "00000000" + a.substr(0, 100)},
        {0, "00000046" + a.substr(140), false, 1},
        {2160, "00000000" + b}},
       {{2160, b, kClosed, true}}},
      {"the first fragment lost",
       {{0, "00000032" + a.substr(100, 40), false, 1},
        {0, "00000046" + a.substr(140)},
        {2160, "00000000" + b}},
       {{2160, b, kClosed, true}}},
      {"the last fragment lost",
       {{0, "00000000" + a.substr(0, 100)}, {2160, "00000000" + b, false, 1}},
       {{2160, b, kClosed, true}}},
      {"a fragment without start",
       {{0, "00000032" + a.substr(100)}},
       {},
       {"rtp_fragment_without_start"}},
      {"a gap between fragments",
       {{0, "00000000" + a.substr(0, 100)}, {0, "00000046" + a.substr(140)}},
       {},
       {"rtp_size_mismatch"}},
      {"cut",
       {{0, "000000"}, {0, "00000000"}},
       {},
       {"rtp_payload_truncated", "rtp_payload_truncated"}},
      {"no frame", {{0, "00000000 00112233"}}, {}, {"rtp_bad_unit"}},
      {"half a frame behind a whole one",
       {{0, "00000000" + a + b.substr(0, 50)}},
       {{0, a, kClosed}},
       {"rtp_size_mismatch"}},
  };
  for (const PayloadCase& c : cases) {
    MpegAudioDepacketizer depacketizer;
    ExpectUnits(c, depacketizer, {9}, "mpeg_audio");
  }
}

TEST(MpegAudio, WritesThenReads) {
  for (size_t mtu = 64; mtu < 140; ++mtu) {
    MpegAudioPacketizer packetizer({.max_packet_bytes = mtu});
    MpegAudioDepacketizer depacketizer;
    std::vector<AccessUnit> units;
    uint16_t sequence = 0;
    for (uint8_t i = 0; i < 4; ++i) {
      const auto set = packetizer.Pack(FrameOf(Mp3Frame(i), 2160 * i, 90'000));
      ASSERT_TRUE(set.ok());
      for (const OrderedPacket& packet : tests::Sent(*set, sequence)) {
        ASSERT_TRUE(depacketizer.Push(packet, units).ok());
      }
    }
    ASSERT_EQ(units.size(), 4u);
    EXPECT_EQ(units[3].timestamp, 6480);
    EXPECT_EQ(units[3].duration, 2160u);
    EXPECT_TRUE(SameBytes(units[3].payload.bytes(), Mp3Frame(3)));
  }
  MpegAudioPacketizer packetizer({});
  EXPECT_EQ(FaultName(packetizer.Pack(FrameOf(Hex("fffb1400"), 0, 90'000)).status()),
            "rtp_bad_unit");
}

}  // namespace
}  // namespace millrace::media::rtp
