#pragma once
// What viewers of one protocol share: bytes muxed once a stream, sent to each viewer with its own
// time base.

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace millrace::stream {

// The pieces of one system call: pointers into shared units, and a little scratch space for headers
// whose timestamp differs from viewer to viewer. Lives on the stack of the write loop; never
// allocates.
class IovecList {
 public:
  static constexpr size_t kMaxPieces = 512;
  static constexpr size_t kMaxScratch = 16 * 1024;

  // False where the list is full: send what there is and come back.
  bool Add(const uint8_t* data, size_t size) {
    if (count_ == kMaxPieces) return false;
    pieces_[count_++] = {const_cast<uint8_t*>(data), size};
    bytes_ += size;
    return true;
  }
  // `size` bytes that live as long as the list, or nullptr where scratch or pieces are used up.
  // Fill them and Add() them (whole or a tail of them).
  uint8_t* Scratch(size_t size) {
    if (count_ == kMaxPieces || kMaxScratch - scratch_used_ < size) return nullptr;
    uint8_t* at = scratch_.data() + scratch_used_;
    scratch_used_ += size;
    return at;
  }
  std::span<iovec> pieces() { return {pieces_.data(), count_}; }
  size_t bytes() const { return bytes_; }
  void Clear() { count_ = bytes_ = scratch_used_ = 0; }

 private:
  std::array<iovec, kMaxPieces> pieces_;
  std::array<uint8_t, kMaxScratch> scratch_;
  size_t count_ = 0;
  size_t bytes_ = 0;
  size_t scratch_used_ = 0;
};

// Immutable once built. `base_ms` is subtracted from the stream's timestamps, so that each viewer
// starts at 0. Size and bytes are a pure function of (unit, base_ms): a viewer's place is (unit,
// offset), also across a write that the socket took only in part.
class WireUnit {
 public:
  virtual ~WireUnit() = default;
  virtual size_t Size(int64_t base_ms) const = 0;
  // Appends the bytes from `skip` on. False where `out` filled up before the unit's end.
  virtual bool Gather(size_t skip, int64_t base_ms, IovecList& out) const = 0;
};

using WireUnitPtr = std::shared_ptr<const WireUnit>;

}  // namespace millrace::stream
