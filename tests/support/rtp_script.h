#pragma once
// RTP packets of one source as one string of bytes: a fuzz input, and the seed that an entry of a
// cases table becomes.
//
//   per packet: flags (1 marker, 2 a packet is lost before it, 4 restart) | timestamp step, 16 bit,
//   signed | size, 16 bit | payload

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "media/base/bytes.h"
#include "media/rtp/depacketizer.h"
#include "media/rtp/packetizer.h"

namespace millrace::tests {

inline std::vector<media::rtp::OrderedPacket> ReadRtpScript(media::Bytes script) {
  std::vector<media::rtp::OrderedPacket> packets;
  media::ByteReader reader(script);
  int64_t timestamp = 0;
  while (!reader.done()) {
    media::rtp::OrderedPacket packet;
    const uint8_t flags = reader.U8();
    timestamp += static_cast<int16_t>(reader.U16());
    const size_t size = reader.U16();
    packet.packet.payload = media::Payload::Copy(reader.Take(std::min(size, reader.remaining())));
    packet.packet.marker = (flags & 1) != 0;
    packet.packet.timestamp = static_cast<uint32_t>(timestamp);
    packet.timestamp = timestamp;
    packet.lost = (flags & 2) != 0 ? 1 : 0;
    packet.restart = (flags & 4) != 0;
    packets.push_back(std::move(packet));
  }
  return packets;
}

inline std::vector<uint8_t> WriteRtpScript(std::span<const media::rtp::OrderedPacket> packets) {
  std::vector<uint8_t> script;
  media::ByteWriter writer(script);
  int64_t timestamp = 0;
  for (const auto& packet : packets) {
    writer.U8(static_cast<uint8_t>((packet.packet.marker ? 1 : 0) | (packet.lost > 0 ? 2 : 0) |
                                   (packet.restart ? 4 : 0)));
    writer.U16(static_cast<uint16_t>(packet.timestamp - timestamp));
    writer.U16(static_cast<uint16_t>(packet.packet.payload.size()));
    writer.Append(packet.packet.payload.bytes());
    timestamp = packet.timestamp;
  }
  return script;
}

// What a viewer gets of `set`: each packet written, and parsed again.
inline std::vector<media::rtp::OrderedPacket> Sent(const media::rtp::PacketSet& set,
                                                   uint16_t& sequence) {
  std::vector<media::rtp::OrderedPacket> packets;
  for (size_t i = 0; i < set.size(); ++i) {
    std::vector<uint8_t> wire(media::rtp::kHeaderSize);
    set.WriteHeader(i, sequence++, 0, 1,
                    std::span<uint8_t, media::rtp::kHeaderSize>(wire.data(), wire.size()));
    for (media::Bytes piece : set.pieces(i)) wire.insert(wire.end(), piece.begin(), piece.end());
    auto packet = media::rtp::ParsePacket(media::Payload::FromVector(std::move(wire)));
    if (!packet.ok()) continue;
    media::rtp::OrderedPacket ordered;
    ordered.timestamp = packet->timestamp;
    ordered.packet = *std::move(packet);
    packets.push_back(std::move(ordered));
  }
  return packets;
}

}  // namespace millrace::tests
