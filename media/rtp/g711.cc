#include "media/rtp/g711.h"

#include <algorithm>
#include <utility>

#include "media/frame/frame.h"

namespace millrace::media::rtp {

absl::Status G711Depacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  const size_t channels = std::max<size_t>(parameters_.channels, 1);
  const Payload& payload = packet.packet.payload;
  const size_t samples = payload.size() / channels;
  if (samples == 0) return RtpFault(RtpError::kPayloadTruncated);
  AccessUnit unit;
  unit.timestamp = packet.timestamp;
  unit.arrival_ns = packet.arrival_ns;
  unit.duration = static_cast<uint32_t>(samples);
  unit.flags = kClosedRandomAccess;
  unit.payload = payload.Slice(0, samples * channels);
  Emit(std::move(unit), units);
  return absl::OkStatus();
}

}  // namespace millrace::media::rtp
