#include "media/rtp/audio.h"

#include <algorithm>
#include <utility>

#include "media/frame/frame.h"

namespace millrace::media::rtp {

absl::Status WholePacketDepacketizer::EmitSamples(const OrderedPacket& packet,
                                                  size_t bytes_per_group, uint32_t ticks_per_group,
                                                  std::vector<AccessUnit>& units) {
  const Payload& payload = packet.packet.payload;
  const size_t groups = payload.size() / bytes_per_group;
  if (groups == 0) return RtpFault(RtpError::kPayloadTruncated);
  AccessUnit unit;
  unit.timestamp = packet.timestamp;
  unit.arrival_ns = packet.arrival_ns;
  unit.duration = static_cast<uint32_t>(groups) * ticks_per_group;
  unit.flags = kClosedRandomAccess;
  unit.payload = payload.Slice(0, groups * bytes_per_group);
  Emit(std::move(unit), units);
  return absl::OkStatus();
}

absl::StatusOr<PacketSet> SamplesPacketizer::Pack(const Frame& frame) {
  const Bytes data = frame.data();
  if (data.empty()) return RtpFault(RtpError::kBadUnit);
  PacketSetBuilder builder(options_.payload_type, TicksFromNs(frame.pts_ns, options_.clock_rate));
  builder.Hold(frame.payload);
  const size_t groups = std::max<size_t>(options_.MaxPayload() / bytes_per_group_, 1);
  const size_t room = groups * bytes_per_group_;
  for (size_t at = 0; at < data.size(); at += room) {
    builder.Begin(false, static_cast<uint32_t>(at / bytes_per_group_) * ticks_per_group_);
    builder.Piece(data.subspan(at, std::min(room, data.size() - at)));
  }
  return builder.Finish();
}

}  // namespace millrace::media::rtp
