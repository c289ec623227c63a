#pragma once
// RTP packets, RFC 3550 §5.1 and §5.3.1.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/payload.h"
#include "media/rtp/errors.h"

namespace millrace::media::rtp {

inline constexpr size_t kHeaderSize = 12;  // without CSRCs and extension

struct Packet {
  bool marker = false;
  uint8_t payload_type = 0;  // 7 bits
  uint16_t sequence = 0;
  uint32_t timestamp = 0;
  uint32_t ssrc = 0;
  std::vector<uint32_t> csrcs;  // at most 15
  bool has_extension = false;
  uint16_t extension_profile = 0;
  Payload extension;  // whole 32-bit words, without the 4 bytes in front of them
  Payload payload;    // without padding; may be empty (browsers probe with padding alone)
};

// Slices share the owner of `wire`. kPacketTruncated, kPacketVersion, kPacketPadding.
absl::StatusOr<Packet> ParsePacket(const Payload& wire);

// The whole packet; csrcs beyond 15 and extension bytes beyond whole words are left out.
std::vector<uint8_t> BuildPacket(const Packet& packet);

// The fixed header of a packet without CSRCs, extension and padding.
void WriteHeader(bool marker, uint8_t payload_type, uint16_t sequence, uint32_t timestamp,
                 uint32_t ssrc, std::span<uint8_t, kHeaderSize> out);

// Tells the two apart where they share a port, RFC 5761 §4: payload types 64 to 95 are not used.
inline bool IsRtcp(Bytes wire) { return wire.size() >= 2 && wire[1] >= 192 && wire[1] <= 223; }

// Makes a 16-bit counter that wraps into one that does not, as Unwrap32 does.
class Unwrap16 {
 public:
  int64_t operator()(uint16_t value) {
    if (!started_) {
      started_ = true;
      last_ = value;
    } else {
      last_ += static_cast<int16_t>(static_cast<uint16_t>(value - static_cast<uint16_t>(last_)));
    }
    return last_;
  }

 private:
  bool started_ = false;
  int64_t last_ = 0;
};

}  // namespace millrace::media::rtp
