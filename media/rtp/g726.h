#pragma once
// G.726, RFC 3551 §4.5.4: codes of 2 to 5 bits, packed from the least significant bit on; "AAL2-"
// names pack from the most significant one. One channel, 8 kHz.

#include "media/rtp/audio.h"

namespace millrace::media::rtp {

struct G726Parameters {
  uint32_t bits_per_code = 4;  // 2, 3, 4, 5 for 16, 24, 32, 40 kbit/s
  // Which end codes are packed from: a matter of what decodes them, payloads are not rewritten.
  bool aal2 = false;

  // Bytes after which codes begin with a byte again, and the codes in them.
  size_t GroupSize() const { return bits_per_code % 2 == 0 ? 1 : bits_per_code; }
  uint32_t GroupCodes() const {
    return static_cast<uint32_t>(GroupSize() * 8 / (bits_per_code == 0 ? 1 : bits_per_code));
  }
};

class G726Depacketizer final : public WholePacketDepacketizer {
 public:
  explicit G726Depacketizer(G726Parameters parameters = {}) : parameters_(parameters) {}

 private:
  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) override;

  const G726Parameters parameters_;
};

class G726Packetizer final : public SamplesPacketizer {
 public:
  explicit G726Packetizer(PacketizerOptions options, G726Parameters parameters = {})
      : SamplesPacketizer(options, parameters.GroupSize(), parameters.GroupCodes()) {}
};

}  // namespace millrace::media::rtp
