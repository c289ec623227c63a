#pragma once
// What the cases tables of the payload formats have in common.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "media/base/fault.h"
#include "media/frame/frame.h"
#include "media/rtp/depacketizer.h"
#include "media/rtp/packetizer.h"
#include "tests/support/hex.h"
#include "tests/support/rtp_script.h"
#include "tests/support/seeds.h"

namespace millrace::media::rtp {

inline std::string ToHex(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

inline bool SameBytes(Bytes a, Bytes b) { return std::ranges::equal(a, b); }

struct In {
  int64_t timestamp = 0;
  std::string payload;  // Hex()
  bool marker = false;
  uint32_t lost = 0;
  bool restart = false;
};

struct Out {
  int64_t timestamp = 0;
  std::string payload;  // Hex()
  uint16_t flags = 0;
  bool after_loss = false;
  InBandConfig in_band = {};
};

inline OrderedPacket PacketOf(const In& in) {
  OrderedPacket packet;
  packet.packet.marker = in.marker;
  packet.packet.timestamp = static_cast<uint32_t>(in.timestamp);
  packet.packet.payload = Payload::FromVector(tests::Hex(in.payload));
  packet.timestamp = in.timestamp;
  packet.lost = in.lost;
  packet.restart = in.restart;
  return packet;
}

struct PayloadCase {
  std::string name;
  std::vector<In> packets;
  std::vector<Out> units = {};
  std::vector<std::string> faults = {};  // by name, in order
  bool flush = false;                    // the source ends behind the last packet
};

// Feeds `c` to `depacketizer` and expects its units and faults. `selector` is what the fuzz target
// wants in front of the packets.
inline void ExpectUnits(const PayloadCase& c, Depacketizer& depacketizer,
                        std::initializer_list<uint8_t> selector, const std::string& codec) {
  SCOPED_TRACE(c.name);
  std::vector<OrderedPacket> packets;
  for (const In& in : c.packets) packets.push_back(PacketOf(in));
  std::vector<uint8_t> seed(selector);
  const std::vector<uint8_t> script = tests::WriteRtpScript(packets);
  seed.insert(seed.end(), script.begin(), script.end());
  tests::WriteSeed("rtp_depacketizer_fuzz", codec + " " + c.name, seed);

  std::vector<AccessUnit> units;
  std::vector<std::string> faults;
  for (const OrderedPacket& packet : packets) {
    const absl::Status status = depacketizer.Push(packet, units);
    if (!status.ok()) faults.push_back(FaultName(status));
  }
  if (c.flush) depacketizer.Flush(units);
  EXPECT_EQ(faults, c.faults);
  ASSERT_EQ(units.size(), c.units.size());
  for (size_t i = 0; i < units.size(); ++i) {
    SCOPED_TRACE("unit " + std::to_string(i));
    EXPECT_EQ(units[i].timestamp, c.units[i].timestamp);
    EXPECT_EQ(ToHex(units[i].payload.bytes()), ToHex(tests::Hex(c.units[i].payload)));
    EXPECT_EQ(units[i].flags, c.units[i].flags);
    EXPECT_EQ(units[i].after_loss, c.units[i].after_loss);
    EXPECT_TRUE(units[i].in_band == c.units[i].in_band);
  }
}

inline Frame FrameOf(std::vector<uint8_t> payload, int64_t timestamp, uint32_t clock_rate,
                     uint16_t flags = 0) {
  Frame frame;
  frame.flags = flags;
  frame.pts_ns = frame.dts_ns = NsFromTicks(timestamp, clock_rate);
  frame.payload = Payload::FromVector(std::move(payload));
  return frame;
}

// The packets as lines: "timestamp marker payload".
inline std::vector<std::string> Lines(const PacketSet& set) {
  uint16_t sequence = 0;
  std::vector<std::string> lines;
  for (const OrderedPacket& packet : tests::Sent(set, sequence)) {
    lines.push_back(std::to_string(packet.timestamp) + (packet.packet.marker ? " m " : " - ") +
                    ToHex(packet.packet.payload.bytes()));
  }
  return lines;
}

}  // namespace millrace::media::rtp
