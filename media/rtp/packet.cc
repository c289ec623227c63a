#include "media/rtp/packet.h"

#include <algorithm>

namespace millrace::media::rtp {
namespace {

constexpr uint8_t kVersion = 2;
constexpr size_t kMaxCsrcs = 15;

}  // namespace

absl::StatusOr<Packet> ParsePacket(const Payload& wire) {
  ByteReader reader(wire.bytes());
  const uint8_t first = reader.U8();
  const uint8_t second = reader.U8();
  Packet packet;
  packet.marker = (second & 0x80) != 0;
  packet.payload_type = second & 0x7f;
  packet.sequence = reader.U16();
  packet.timestamp = reader.U32();
  packet.ssrc = reader.U32();
  if (!reader.ok()) return RtpFault(RtpError::kPacketTruncated);
  if (first >> 6 != kVersion) return RtpFault(RtpError::kPacketVersion);
  for (unsigned i = first & 15; i > 0; --i) packet.csrcs.push_back(reader.U32());
  if ((first & 0x10) != 0) {
    packet.has_extension = true;
    packet.extension_profile = reader.U16();
    const size_t size = size_t{4} * reader.U16();
    const size_t at = reader.position();
    reader.Skip(size);
    if (reader.ok()) packet.extension = wire.Slice(at, size);
  }
  if (!reader.ok()) return RtpFault(RtpError::kPacketTruncated);
  size_t size = reader.remaining();
  if ((first & 0x20) != 0) {
    const size_t padding = size > 0 ? wire.bytes().back() : 0;
    if (padding == 0 || padding > size) return RtpFault(RtpError::kPacketPadding);
    size -= padding;
  }
  packet.payload = wire.Slice(reader.position(), size);
  return packet;
}

std::vector<uint8_t> BuildPacket(const Packet& packet) {
  const size_t csrcs = std::min(packet.csrcs.size(), kMaxCsrcs);
  std::vector<uint8_t> out(kHeaderSize);
  WriteHeader(packet.marker, packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc,
              std::span<uint8_t, kHeaderSize>(out.data(), kHeaderSize));
  out[0] = static_cast<uint8_t>(out[0] | (packet.has_extension ? 0x10 : 0) | csrcs);
  ByteWriter writer(out);
  for (size_t i = 0; i < csrcs; ++i) writer.U32(packet.csrcs[i]);
  if (packet.has_extension) {
    const size_t words = packet.extension.size() / 4;
    writer.U16(packet.extension_profile);
    writer.U16(static_cast<uint16_t>(words));
    writer.Append(packet.extension.bytes().first(words * 4));
  }
  writer.Append(packet.payload.bytes());
  return out;
}

void WriteHeader(bool marker, uint8_t payload_type, uint16_t sequence, uint32_t timestamp,
                 uint32_t ssrc, std::span<uint8_t, kHeaderSize> out) {
  out[0] = kVersion << 6;
  out[1] = static_cast<uint8_t>((marker ? 0x80 : 0) | (payload_type & 0x7f));
  out[2] = static_cast<uint8_t>(sequence >> 8);
  out[3] = static_cast<uint8_t>(sequence);
  for (unsigned i = 0; i < 4; ++i) {
    out[4 + i] = static_cast<uint8_t>(timestamp >> (24 - 8 * i));
    out[8 + i] = static_cast<uint8_t>(ssrc >> (24 - 8 * i));
  }
}

}  // namespace millrace::media::rtp
