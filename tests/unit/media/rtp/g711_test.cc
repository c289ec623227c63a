#include "media/rtp/g711.h"

#include <gtest/gtest.h>

#include "tests/unit/media/rtp/payload_cases.h"

namespace millrace::media::rtp {
namespace {

constexpr uint16_t kClosed = kClosedRandomAccess;

TEST(G711, Cases) {
  const PayloadCase cases[] = {
      {"packets", {{0, "d5d5d5"}, {3, "5555"}}, {{0, "d5d5d5", kClosed}, {3, "5555", kClosed}}},
      {"a loss",
       {{0, "d5d5d5"}, {6, "5555", false, 1}},
       {{0, "d5d5d5", kClosed}, {6, "5555", kClosed, true}}},
      {"silence between talk spurts",
       {{0, "d5", true}, {8000, "55", true}},
       {{0, "d5", kClosed}, {8000, "55", kClosed}}},
  };
  for (const PayloadCase& c : cases) {
    G711Depacketizer depacketizer;
    ExpectUnits(c, depacketizer, {2}, "g711");
  }
}

TEST(G711, LastsAsItsSamples) {
  std::vector<AccessUnit> units;
  G711Depacketizer stereo({.channels = 2});
  ASSERT_TRUE(stereo.Push(PacketOf({0, "d5d5555500"}), units).ok());
  ASSERT_EQ(units.size(), 1u);
  EXPECT_EQ(units[0].duration, 2u);
  EXPECT_EQ(units[0].payload.size(), 4u);
  EXPECT_EQ(FaultName(stereo.Push(PacketOf({2, "d5"}), units)), "rtp_payload_truncated");
}

TEST(G711, TheFirstUnitOfARestartSaysSo) {
  std::vector<AccessUnit> units;
  G711Depacketizer depacketizer;
  ASSERT_TRUE(depacketizer.Push(PacketOf({0, "d5"}), units).ok());
  ASSERT_TRUE(depacketizer.Push(PacketOf({77, "", false, 0, true}), units).ok());
  ASSERT_TRUE(depacketizer.Push(PacketOf({78, "d5"}), units).ok());
  ASSERT_TRUE(depacketizer.Push(PacketOf({79, "d5"}), units).ok());
  ASSERT_EQ(units.size(), 3u);
  EXPECT_FALSE(units[0].restart);
  EXPECT_TRUE(units[1].restart);
  EXPECT_FALSE(units[2].restart);
}

TEST(G711, CutsFramesAtSamples) {
  G711Packetizer packetizer({.payload_type = 8, .clock_rate = 8000, .max_packet_bytes = 64 + 1},
                            {.channels = 2});
  const auto set = packetizer.Pack(FrameOf(std::vector<uint8_t>(120, 0xd5), 800, 8000));
  ASSERT_TRUE(set.ok());
  ASSERT_EQ(set->size(), 3u);
  EXPECT_EQ(set->payload_type(), 8);
  EXPECT_EQ(set->payload_size(0), 52u);
  EXPECT_EQ(set->payload_size(2), 16u);
  EXPECT_EQ(set->timestamp(0), 800u);
  EXPECT_EQ(set->timestamp(1), 826u);
  EXPECT_EQ(set->timestamp(2), 852u);
  EXPECT_EQ(set->payload_bytes(), 120u);
}

}  // namespace
}  // namespace millrace::media::rtp
