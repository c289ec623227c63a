#include "media/codec/opus/packet.h"

#include "media/base/fault.h"
#include "media/codec/opus/config.h"

namespace millrace::media::opus {
namespace {

constexpr uint32_t kMaxSamples = 5760;  // 120 ms

// Samples at 48 kHz of one frame of the configuration number, Table 2.
uint32_t FrameSamples(unsigned number) {
  constexpr uint32_t kSilk[] = {480, 960, 1920, 2880};  // 10, 20, 40, 60 ms
  if (number < 12) return kSilk[number % 4];
  if (number < 16) return kSilk[number % 2];  // hybrid
  return 120u << (number % 4);                // CELT: 2.5, 5, 10, 20 ms
}

}  // namespace

absl::StatusOr<uint32_t> PacketSamples(Bytes packet) {
  if (packet.empty()) return Fault(OpusErrorName(OpusError::kPacketEmpty));
  const uint8_t contents = packet[0];
  uint32_t frames = (contents & 3) == 0 ? 1 : 2;
  if ((contents & 3) == 3) {
    if (packet.size() < 2) return Fault(OpusErrorName(OpusError::kPacketTruncated));
    frames = packet[1] & 0x3f;
  }
  const uint32_t samples = frames * FrameSamples(contents >> 3);
  if (samples == 0 || samples > kMaxSamples) {
    return Fault(OpusErrorName(OpusError::kPacketDuration));
  }
  return samples;
}

}  // namespace millrace::media::opus
