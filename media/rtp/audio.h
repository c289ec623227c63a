#pragma once
// What the payload formats of audio share.

#include <cstddef>
#include <cstdint>

#include "media/rtp/depacketizer.h"
#include "media/rtp/packetizer.h"

namespace millrace::media::rtp {

// Formats of which each packet holds whole units: nothing is kept from one to the next, and of a
// loss only the mark on the next unit remains.
class WholePacketDepacketizer : public Depacketizer {
 protected:
  void Lose() override {}
  void Reset() override {}

  // A unit of as many whole groups of `bytes_per_group` as the payload has, each of which lasts for
  // `ticks_per_group`. kPayloadTruncated where there is none.
  absl::Status EmitSamples(const OrderedPacket& packet, size_t bytes_per_group,
                           uint32_t ticks_per_group, std::vector<AccessUnit>& units);
};

// Formats without any header of their own, where a frame may be cut anywhere between groups of
// bytes: samples.
class SamplesPacketizer : public Packetizer {
 public:
  // A frame is cut into packets of whole groups of `bytes_per_group`, each of which lasts for
  // `ticks_per_group`.
  SamplesPacketizer(PacketizerOptions options, size_t bytes_per_group, uint32_t ticks_per_group)
      : options_(options), bytes_per_group_(bytes_per_group), ticks_per_group_(ticks_per_group) {}

  absl::StatusOr<PacketSet> Pack(const Frame& frame) override;

 protected:
  const PacketizerOptions options_;

 private:
  const size_t bytes_per_group_;
  const uint32_t ticks_per_group_;
};

}  // namespace millrace::media::rtp
