#include "media/rtp/opus.h"

#include <utility>

#include "media/codec/opus/packet.h"
#include "media/frame/frame.h"

namespace millrace::media::rtp {

absl::Status OpusDepacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  const auto samples = opus::PacketSamples(packet.packet.payload.bytes());
  if (!samples.ok()) return RtpFault(RtpError::kBadUnit);
  AccessUnit unit;
  unit.timestamp = packet.timestamp;
  unit.arrival_ns = packet.arrival_ns;
  unit.duration = *samples;
  unit.flags = kClosedRandomAccess;
  unit.payload = packet.packet.payload;
  Emit(std::move(unit), units);
  return absl::OkStatus();
}

absl::StatusOr<PacketSet> OpusPacketizer::Pack(const Frame& frame) {
  constexpr size_t kMaxUdpPayload = 65'507 - kHeaderSize;
  if (frame.data().empty()) return RtpFault(RtpError::kBadUnit);
  if (frame.data().size() > kMaxUdpPayload) return RtpFault(RtpError::kUnitTooLarge);
  PacketSetBuilder builder(options_.payload_type, TicksFromNs(frame.pts_ns, options_.clock_rate));
  builder.Hold(frame.payload);
  builder.Begin();
  builder.Piece(frame.data());
  return builder.Finish();
}

}  // namespace millrace::media::rtp
