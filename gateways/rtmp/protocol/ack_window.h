#pragma once
// When to acknowledge what was received (RTMP §5.4.3): once in each window, with the cumulative
// count of bytes, which wraps at 2^32.

#include <cstddef>
#include <cstdint>
#include <optional>

namespace millrace::rtmp {

class AckWindow {
 public:
  explicit AckWindow(uint32_t size) : size_(size) {}

  // Of the peer's Window Acknowledgement Size; 0 changes nothing.
  void SetSize(uint32_t size) {
    if (size > 0) size_ = size;
  }

  // Counts what was received; the sequence number to send where a window is full.
  std::optional<uint32_t> Receive(size_t bytes) {
    received_ += bytes;
    if (received_ - acknowledged_ < size_) return std::nullopt;
    acknowledged_ = received_;
    return static_cast<uint32_t>(received_);
  }

 private:
  uint32_t size_;
  uint64_t received_ = 0;
  uint64_t acknowledged_ = 0;
};

}  // namespace millrace::rtmp
