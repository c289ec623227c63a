#include "media/rtp/g726.h"

namespace millrace::media::rtp {

absl::Status G726Depacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  if (parameters_.bits_per_code < 2 || parameters_.bits_per_code > 5) {
    return RtpFault(RtpError::kUnsupportedConfig);
  }
  return EmitSamples(packet, parameters_.GroupSize(), parameters_.GroupCodes(), units);
}

}  // namespace millrace::media::rtp
