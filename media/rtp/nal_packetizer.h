#pragma once
// Length-prefixed NAL units to packets: what RFC 6184 and RFC 7798 share as senders.

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/rtp/packetizer.h"

namespace millrace::media::rtp {

// The track's parameter sets stand before each point where a decoder may start.
class NalPacketizer : public Packetizer {
 public:
  // kUnitTooLarge where a NAL unit is beyond what a packet may hold and may not be fragmented.
  absl::StatusOr<PacketSet> Pack(const Frame& frame) final;

 protected:
  struct Format {
    size_t nal_header_size = 1;
    bool aggregate = true;
    // false: larger units leave as one packet beyond the maximum (packetization-mode 0).
    bool fragment = true;
  };

  NalPacketizer(PacketizerOptions options, Format format, const std::vector<Bytes>& parameter_sets);

  // Whether the unit may be a payload: those of other types would mean something else.
  virtual bool IsNal(Bytes nal) const = 0;
  // The header that stands before aggregated units.
  virtual std::vector<uint8_t> AggregateHeader(std::span<const Bytes> nals) const = 0;
  // What replaces the header of `nal` in its fragments.
  virtual std::vector<uint8_t> FragmentHeader(Bytes nal, bool first, bool last) const = 0;

 private:
  // Appends the packets of one access unit, marker on the last one.
  bool PackUnits(std::span<const Bytes> nals, PacketSetBuilder& builder) const;
  void PackRun(std::span<const Bytes> nals, PacketSetBuilder& builder) const;
  void Fragment(Bytes nal, PacketSetBuilder& builder) const;

  const PacketizerOptions options_;
  const Format format_;
  const Payload parameter_sets_;  // behind 4-byte lengths
};

}  // namespace millrace::media::rtp
