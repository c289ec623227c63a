#pragma once
// WebSocket frames as clients send them (RFC 6455 §5): masked, perhaps in fragments.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gateways/http/websocket/frames.h"
#include "media/base/bytes.h"

namespace millrace::http {

struct PingReceived {
  std::vector<uint8_t> payload;
  friend bool operator==(const PingReceived&, const PingReceived&) = default;
};
struct CloseReceived {
  CloseCode code = CloseCode::kNoStatus;  // as it came; any number that a client may send
  friend bool operator==(const CloseReceived&, const CloseReceived&) = default;
};
using FrameEvent = std::variant<PingReceived, CloseReceived>;

// What clients say means nothing here: text, binary and pongs are checked and let go.
//
// Faults (final): ws_unmasked, ws_reserved_bits, ws_opcode, ws_length (not the shortest form),
// ws_control_fragmented, ws_control_too_long, ws_fragments (out of order), ws_close_payload,
// ws_too_big.
class FrameReader {
 public:
  // `max_message`: of a text or binary message, all fragments together.
  explicit FrameReader(uint64_t max_message = 64 * 1024) : max_message_(max_message) {}

  // Takes bytes off the front up to the next event. Unset: everything was taken, more is needed.
  // What comes behind a Close is let go.
  absl::StatusOr<std::optional<FrameEvent>> Consume(media::Bytes& bytes);

 private:
  static constexpr size_t kMaxHead = 14;

  size_t head_size() const;  // as far as it is known yet
  bool is_control() const { return (head_[0] & 8) != 0; }
  absl::Status CheckHead();
  absl::Status BeginPayload();
  absl::StatusOr<std::optional<FrameEvent>> EndFrame();

  const uint64_t max_message_;
  std::array<uint8_t, kMaxHead> head_{};
  size_t head_read_ = 0;
  bool in_payload_ = false;
  uint64_t payload_left_ = 0;
  uint64_t payload_size_ = 0;
  std::vector<uint8_t> control_;  // a control frame's payload, unmasked
  bool in_message_ = false;       // between the fragments of one
  uint64_t message_size_ = 0;
  bool closed_ = false;
  absl::Status failure_;
};

// What to close with after a fault of the reader.
CloseCode CloseCodeOf(const absl::Status& fault);

}  // namespace millrace::http
