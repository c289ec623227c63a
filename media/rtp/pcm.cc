#include "media/rtp/pcm.h"

#include <utility>
#include <vector>

namespace millrace::media::rtp {

absl::Status PcmDepacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  if (!parameters_.little_endian) return EmitSamples(packet, parameters_.GroupSize(), 1, units);
  const Bytes samples = packet.packet.payload.bytes();
  std::vector<uint8_t> turned(samples.begin(), samples.end());
  for (size_t i = 0; i + 1 < turned.size(); i += 2) std::swap(turned[i], turned[i + 1]);
  OrderedPacket other = packet;
  other.packet.payload = Payload::FromVector(std::move(turned));
  return EmitSamples(other, parameters_.GroupSize(), 1, units);
}

}  // namespace millrace::media::rtp
