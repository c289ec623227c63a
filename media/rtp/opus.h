#pragma once
// Opus, RFC 7587: a packet of each, nothing around it. The clock is always 48 kHz.

#include "media/rtp/audio.h"

namespace millrace::media::rtp {

class OpusDepacketizer final : public WholePacketDepacketizer {
 private:
  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) override;
};

// A frame is a packet, whatever its size: Opus cannot be cut.
class OpusPacketizer final : public Packetizer {
 public:
  explicit OpusPacketizer(PacketizerOptions options) : options_(options) {}

  absl::StatusOr<PacketSet> Pack(const Frame& frame) override;

 private:
  const PacketizerOptions options_;
};

}  // namespace millrace::media::rtp
