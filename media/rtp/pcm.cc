#include "media/rtp/pcm.h"

namespace millrace::media::rtp {

absl::Status PcmDepacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  return EmitSamples(packet, parameters_.GroupSize(), 1, units);
}

}  // namespace millrace::media::rtp
