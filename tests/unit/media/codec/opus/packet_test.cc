#include "media/codec/opus/packet.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"

namespace millrace::media::opus {
namespace {

using tests::Hex;

TEST(Packet, Samples) {
  const struct {
    const char* name;
    std::vector<uint8_t> packet;
    uint32_t samples;
  } cases[] = {
      {"libopus hybrid 20 ms", Hex("7c87fcb4"), 960},
      {"libopus SILK 60 ms", Hex("18e0b88d"), 2880},
      {"libopus CELT 2.5 ms", Hex("e4700018"), 120},
      {"SILK 10 ms", Hex("00"), 480},
      {"SILK 40 ms", Hex("10"), 1920},
      {"hybrid 10 ms", Hex("60"), 480},
      {"CELT 5 ms", Hex("88"), 240},
      {"CELT 20 ms", Hex("f8"), 960},
      {"two of the same size", Hex("f9"), 1920},
      {"two of different sizes", Hex("fa"), 1920},
      {"six in one", Hex("fb06"), 5760},
      {"forty-eight in one, padded, variable", Hex("e3f0"), 5760},
  };
  for (const auto& c : cases) EXPECT_EQ(PacketSamples(c.packet).value_or(0), c.samples) << c.name;
}

TEST(Packet, RefusesByName) {
  EXPECT_EQ(FaultName(PacketSamples({}).status()), "opus_packet_empty");
  EXPECT_EQ(FaultName(PacketSamples(Hex("fb")).status()), "opus_packet_truncated");
  EXPECT_EQ(FaultName(PacketSamples(Hex("fb00")).status()), "opus_packet_duration");
  EXPECT_EQ(FaultName(PacketSamples(Hex("fb07")).status()), "opus_packet_duration");
}

}  // namespace
}  // namespace millrace::media::opus
