#include "media/rtp/packet.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"
#include "tests/unit/media/rtp/payload_cases.h"

namespace millrace::media::rtp {
namespace {

using tests::Hex;

TEST(Packet, ReadsAndWrites) {
  const struct {
    const char* name;
    const char* hex;
    const char* payload;
    size_t csrcs;
    const char* extension;  // nullptr: none
    bool marker;
    bool canonical;  // written again it is the same
  } cases[] = {
      {"plain", "80 60 0001 00000002 00000003 aabb", "aabb", 0, nullptr, false, true},
      {"marker", "80 e0 ffff ffffffff ffffffff aa", "aa", 0, nullptr, true, true},
      {"two sources", "82 60 0001 00000002 00000003 00000004 00000005 aa", "aa", 2, nullptr, false,
       true},
      {"extension", "90 60 0001 00000002 00000003 bede 0001 10ff0000 aa", "aa", 0, "10ff0000",
       false, true},
      {"empty extension", "90 60 0001 00000002 00000003 1000 0000 aa", "aa", 0, "", false, true},
      {"padding", "a0 60 0001 00000002 00000003 aa 000003", "aa", 0, nullptr, false, false},
      {"Chrome probes with padding alone", "a0 60 0001 00000002 00000003 0002", "", 0, nullptr,
       false, false},
      {"empty", "80 60 0001 00000002 00000003", "", 0, nullptr, false, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::vector<uint8_t> wire = Hex(c.hex);
    tests::WriteSeed("rtp_packet_fuzz", c.name, wire);
    const auto packet = ParsePacket(Payload::Copy(wire));
    ASSERT_TRUE(packet.ok()) << packet.status();
    EXPECT_EQ(packet->marker, c.marker);
    EXPECT_EQ(packet->payload_type, 96);
    EXPECT_EQ(packet->csrcs.size(), c.csrcs);
    EXPECT_EQ(packet->has_extension, c.extension != nullptr);
    if (c.extension != nullptr) EXPECT_EQ(ToHex(packet->extension.bytes()), c.extension);
    EXPECT_EQ(ToHex(packet->payload.bytes()), c.payload);
    if (c.canonical) EXPECT_EQ(BuildPacket(*packet), wire);
  }
}

TEST(Packet, Refuses) {
  const struct {
    const char* name;
    const char* hex;
    RtpError error;
  } cases[] = {
      {"nothing", "", RtpError::kPacketTruncated},
      {"cut header", "80 60 0001 00000002 000000", RtpError::kPacketTruncated},
      {"version 1", "40 60 0001 00000002 00000003 aa", RtpError::kPacketVersion},
      {"cut sources", "82 60 0001 00000002 00000003 00000004 0000", RtpError::kPacketTruncated},
      {"cut extension header", "90 60 0001 00000002 00000003 bede", RtpError::kPacketTruncated},
      {"extension beyond the end", "90 60 0001 00000002 00000003 bede 0002 00000000",
       RtpError::kPacketTruncated},
      {"padding of 0", "a0 60 0001 00000002 00000003 aa00", RtpError::kPacketPadding},
      {"padding beyond the payload", "a0 60 0001 00000002 00000003 aa03", RtpError::kPacketPadding},
      {"padding and no byte", "a0 60 0001 00000002 00000003", RtpError::kPacketPadding},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("rtp_packet_fuzz", std::string("refused ") + c.name, Hex(c.hex));
    const auto packet = ParsePacket(Payload::Copy(Hex(c.hex)));
    EXPECT_EQ(FaultName(packet.status()), RtpErrorName(c.error));
  }
}

TEST(Packet, TellsRtcp) {
  EXPECT_TRUE(IsRtcp(Hex("80 c8 0006")));
  EXPECT_FALSE(IsRtcp(Hex("80 60 0006")));
  EXPECT_FALSE(IsRtcp(Hex("80 e0 0006")));  // a marker, payload type 96
  EXPECT_FALSE(IsRtcp(Hex("80")));
}

TEST(Packet, UnwrapsSequenceNumbers) {
  Unwrap16 unwrap;
  EXPECT_EQ(unwrap(65534), 65534);
  EXPECT_EQ(unwrap(2), 65538);
  EXPECT_EQ(unwrap(65535), 65535);
  EXPECT_EQ(unwrap(0), 65536);
}

TEST(Ticks, SamplesComeBackExactly) {
  for (uint32_t rate : {8000u, 44100u, 48000u, 90000u}) {
    for (int64_t samples : {int64_t{0}, int64_t{1}, int64_t{1024}, int64_t{1'000'000'007},
                            int64_t{86'400} * 365 * rate}) {
      EXPECT_EQ(TicksFromNs(NsFromTicks(samples, rate), rate), samples);
      EXPECT_EQ(TicksFromNs(NsFromTicks(-samples, rate), rate), -samples);
    }
  }
  EXPECT_EQ(NsFromTicks(-1, 90'000), -11'112);  // rounded down
}

TEST(PacketSet, ViewersDifferInTheHeaderAlone) {
  PacketSetBuilder builder(97, int64_t{0x1'ffff'fff0});
  const Payload payload = Payload::FromVector(Hex("aabb"));
  builder.Hold(payload);
  builder.Begin();
  builder.Header({1, 2});
  builder.Piece(payload.bytes());
  builder.Begin(true, 0x20);
  builder.Piece(payload.bytes().first(1));
  const PacketSet set = builder.Finish();
  ASSERT_EQ(set.size(), 2u);
  EXPECT_EQ(set.payload_bytes(), 5u);
  EXPECT_EQ(set.payload_size(0), 4u);
  EXPECT_EQ(ToHex(set.pieces(0)[0]), "0102");
  EXPECT_EQ(set.pieces(0)[1].data(), payload.data());
  uint8_t header[kHeaderSize];
  set.WriteHeader(0, 65535, 1, 0xabcd, header);
  EXPECT_EQ(ToHex(header), "8061fffffffffff10000abcd");
  set.WriteHeader(1, 0, 1, 0xabcd, header);
  EXPECT_EQ(ToHex(header), "80e10000000000110000abcd");
}

}  // namespace
}  // namespace millrace::media::rtp
