#pragma once
// Immutable, reference-counted bytes: what a frame carries from the first byte read to the last
// written.

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "media/base/bytes.h"

namespace millrace::media {

// A slice of bytes together with a share in whatever owns them (a vector, a ZeroMQ message, a cache
// block). Copying a Payload never copies bytes. Safe to hand to other threads: nobody writes any
// more.
class Payload {
 public:
  Payload() = default;
  // `bytes` must stay valid and unchanged as long as `owner` lives.
  Payload(std::shared_ptr<const void> owner, Bytes bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  static Payload FromVector(std::vector<uint8_t> bytes) {
    auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
    Bytes view(*owner);
    return Payload(std::move(owner), view);
  }
  static Payload Copy(Bytes bytes) { return FromVector({bytes.begin(), bytes.end()}); }

  Bytes bytes() const { return bytes_; }
  const uint8_t* data() const { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  const std::shared_ptr<const void>& owner() const { return owner_; }

  // A part of this payload with the same owner. `offset + length` must not exceed size().
  Payload Slice(size_t offset, size_t length) const {
    return Payload(owner_, bytes_.subspan(offset, length));
  }

 private:
  std::shared_ptr<const void> owner_;
  Bytes bytes_;
};

}  // namespace millrace::media
