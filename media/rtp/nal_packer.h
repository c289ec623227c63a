#pragma once
// Length-prefixed NAL units to packets: what RFC 6184 and RFC 7798 share as senders.

#include <cstdint>
#include <span>
#include <vector>

#include "media/base/bytes.h"
#include "media/rtp/packetizer.h"

namespace millrace::media::rtp {

class NalPacker {
 public:
  struct Options {
    size_t nal_header_size = 1;
    bool aggregate = true;
    // false: larger units leave as one packet beyond the maximum (packetization-mode 0).
    bool fragment = true;
  };

  virtual ~NalPacker() = default;

  // Appends the packets of one access unit, marker on the last one. Each of `nals` is longer than
  // its header, has its 4-byte length right before it, and must outlive the set that is built.
  // False where a unit is beyond what a packet may hold and may not be fragmented.
  bool Pack(std::span<const Bytes> nals, size_t max_payload, PacketSetBuilder& builder) const;

 protected:
  explicit NalPacker(Options options) : options_(options) {}

  // The header that stands before aggregated units.
  virtual std::vector<uint8_t> AggregateHeader(std::span<const Bytes> nals) const = 0;
  // What replaces the header of `nal` in its fragments.
  virtual std::vector<uint8_t> FragmentHeader(Bytes nal, bool first, bool last) const = 0;

 private:
  void PackRun(std::span<const Bytes> nals, PacketSetBuilder& builder) const;
  void Fragment(Bytes nal, size_t max_payload, PacketSetBuilder& builder) const;

  const Options options_;
};

}  // namespace millrace::media::rtp
