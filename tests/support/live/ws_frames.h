#pragma once
// A server's WebSocket frames, unwrapped (RFC 6455, clause 5): what the binary messages hold, and
// the answers that pings and the close demand. Strict: no fragments, no masks, no reserved bits,
// lengths in their shortest form.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace millrace::live {

// The nonce of the RFC's own example (clause 1.3) and the answer that it says belongs to it.
inline constexpr char kWebSocketKey[] = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr char kWebSocketAccept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

class WsFrames {
 public:
  using OnPayload = std::function<void(std::span<const uint8_t>)>;

  // Calls `on_payload` with each binary message, whole; puts answers behind `output`. False where
  // the server broke the protocol; error() says how.
  bool Feed(std::span<const uint8_t> bytes, const OnPayload& on_payload,
            std::vector<uint8_t>& output);
  const std::string& error() const { return error_; }
  // Status of the close frame (clause 7.4), 0 where none came, 1005 where it held none.
  int close_code() const { return close_code_; }
  const std::string& close_reason() const { return close_reason_; }

 private:
  // The size of the next frame, headers and all, and of its payload; false: not yet, or an error.
  bool Measure(std::span<const uint8_t> bytes, size_t& head, size_t& payload);
  void OnFrame(uint8_t opcode, std::span<const uint8_t> payload, const OnPayload& on_payload,
               std::vector<uint8_t>& output);

  std::vector<uint8_t> pending_;
  int close_code_ = 0;
  std::string close_reason_;
  std::string error_;
};

}  // namespace millrace::live
