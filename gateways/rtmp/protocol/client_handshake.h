#pragma once
// The client's half of the RTMP handshake (RTMP §5.2), the simple one, which every server takes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtmp/protocol/handshake.h"

namespace millrace::rtmp {

// C0 and C1 out, S0 and S1 in, C2 out, S2 in. S2 is not verified: a server that answers with a
// digest of its own need not repeat C1.
class ClientHandshake {
 public:
  explicit ClientHandshake(RandomBytes random) : random_(std::move(random)) {}

  // Appends C0 and C1 to `out`. First, once.
  void Begin(std::vector<uint8_t>& out);
  // Takes what belongs to the handshake off the front of `bytes` and appends C2 to `out` once S1 is
  // complete. True when S2 is complete too. Fault: rtmp_handshake_version.
  absl::StatusOr<bool> Consume(media::Bytes& bytes, std::vector<uint8_t>& out);

 private:
  RandomBytes random_;
  HandshakeInput input_;
};

}  // namespace millrace::rtmp
