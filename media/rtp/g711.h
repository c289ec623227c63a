#pragma once
// PCMU and PCMA, RFC 3551 §4.5.14: a byte a sample, no payload header. The two laws differ in
// nothing here; rates other than 8 kHz and several channels occur.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "media/rtp/audio.h"

namespace millrace::media::rtp {

struct G711Parameters {
  uint32_t channels = 1;
};

class G711Depacketizer final : public WholePacketDepacketizer {
 public:
  explicit G711Depacketizer(G711Parameters parameters = {}) : parameters_(parameters) {}

 private:
  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) override;

  const G711Parameters parameters_;
};

class G711Packetizer final : public SamplesPacketizer {
 public:
  explicit G711Packetizer(PacketizerOptions options, G711Parameters parameters = {})
      : SamplesPacketizer(options, std::max<size_t>(parameters.channels, 1), 1) {}
};

}  // namespace millrace::media::rtp
