#pragma once
// MPEG audio of layers I to III, RFC 2250 §3.5: "MPA", static payload type 14. The clock is always
// 90 kHz.

#include <cstdint>
#include <optional>
#include <vector>

#include "media/rtp/audio.h"

namespace millrace::media::rtp {

// Whole frames, several in a packet, or fragments of one.
class MpegAudioDepacketizer final : public Depacketizer {
 public:
  MpegAudioDepacketizer() = default;

 private:
  absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) override;
  void Lose() override;
  void Reset() override;
  absl::Status TakeFragment(const OrderedPacket& packet, size_t offset,
                            std::vector<AccessUnit>& units);
  void EmitUnit(const OrderedPacket& packet, int64_t timestamp, uint32_t duration, Payload data,
                std::vector<AccessUnit>& units);

  // The fragmented frame in progress.
  std::vector<uint8_t> fragment_;
  size_t fragment_size_ = 0;  // 0: none
  int64_t fragment_timestamp_ = 0;
  uint32_t fragment_duration_ = 0;
  std::optional<int64_t> given_up_;  // timestamp of a frame whose other fragments are ignored
  bool lost_ = false;                // packets are missing before the next one
};

// A frame a packet, or fragments of one.
class MpegAudioPacketizer final : public Packetizer {
 public:
  explicit MpegAudioPacketizer(PacketizerOptions options) : options_(options) {}

  absl::StatusOr<PacketSet> Pack(const Frame& frame) override;

 private:
  const PacketizerOptions options_;
};

}  // namespace millrace::media::rtp
