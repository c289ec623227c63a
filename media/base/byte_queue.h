#pragma once
// Bytes that arrived and were not parsed yet, always contiguous at the front.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/base/bytes.h"

namespace millrace::media {

// Not thread-safe. Views are valid until the next Append or Consume. The owner bounds its size:
// this class only reports it.
class ByteQueue {
 public:
  void Append(Bytes bytes) {
    if (head_ > 0 && head_ >= buffer_.size() - head_) Compact();
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
  Bytes view() const { return Bytes(buffer_).subspan(head_); }
  size_t size() const { return buffer_.size() - head_; }
  bool empty() const { return size() == 0; }

  // Drops `count` bytes from the front; at most size().
  void Consume(size_t count) {
    head_ += count < size() ? count : size();
    if (head_ == buffer_.size()) {
      buffer_.clear();
      head_ = 0;
    }
  }

 private:
  void Compact() {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }

  std::vector<uint8_t> buffer_;
  size_t head_ = 0;  // bytes of buffer_ that are consumed already
};

}  // namespace millrace::media
