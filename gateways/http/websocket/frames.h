#pragma once
// WebSocket frames as a server sends them: never masked (RFC 6455 §5.1).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "media/base/bytes.h"

namespace millrace::http {

enum class Opcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

// §7.4.1.
enum class CloseCode : uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kNoStatus = 1005,  // never sent: a Close without a code
  kPolicy = 1008,
  kTooBig = 1009,
};

inline constexpr size_t kMaxControlPayload = 125;  // §5.5

// The head of one unfragmented frame: as few bytes as its length allows (§5.2), 10 at most.
struct FrameHead {
  static constexpr size_t kMaxSize = 10;
  std::array<uint8_t, kMaxSize> bytes{};
  size_t size = 0;
};
FrameHead MakeFrameHead(Opcode opcode, uint64_t payload_size);

// `payload`: a ping's, at most 125 bytes.
std::vector<uint8_t> PongFrame(media::Bytes payload);
// `reason` is UTF-8; what does not fit (123 bytes) is left out, whole characters at a time.
// kNoStatus makes an empty frame.
std::vector<uint8_t> CloseFrame(CloseCode code, std::string_view reason);

}  // namespace millrace::http
