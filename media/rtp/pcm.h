#pragma once
// Linear PCM: L16 of RFC 3551 §4.5.11, L24 of RFC 3190, L8 of RFC 3551 §4.5.10; and other audio
// that is nothing but samples.

#include <algorithm>

#include "media/rtp/audio.h"

namespace millrace::media::rtp {

struct PcmParameters {
  uint32_t bytes_per_sample = 2;  // 1 (unsigned), 2 or 3 (signed, big-endian)
  uint32_t channels = 1;          // interleaved
  bool little_endian = false;     // Hikvision's "PCM": turned around, two bytes a sample

  size_t GroupSize() const { return std::max<size_t>(size_t{bytes_per_sample} * channels, 1); }
};

// Units have the byte order of the network.
class PcmDepacketizer final : public WholePacketDepacketizer {
 public:
  explicit PcmDepacketizer(PcmParameters parameters = {}) : parameters_(parameters) {}

 private:
  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) override;

  const PcmParameters parameters_;
};

class PcmPacketizer final : public SamplesPacketizer {
 public:
  explicit PcmPacketizer(PacketizerOptions options, PcmParameters parameters = {})
      : SamplesPacketizer(options, parameters.GroupSize(), 1) {}
};

}  // namespace millrace::media::rtp
