#include "media/rtp/g711.h"

namespace millrace::media::rtp {

absl::Status G711Depacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  return EmitSamples(packet, std::max<size_t>(parameters_.channels, 1), 1, units);
}

}  // namespace millrace::media::rtp
