#pragma once
// Reads bit fields and Exp-Golomb codes, most significant bit first, from bytes that it does not
// own. Like ByteReader it stays failed after the first read past the end and then yields zeros.

#include <cstddef>
#include <cstdint>

#include "media/base/bytes.h"

namespace millrace::media {

class BitReader {
 public:
  explicit BitReader(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  void Fail() { ok_ = false; }
  // Whether it failed for want of bits rather than by Fail() or a code that cannot be.
  bool overrun() const { return overrun_; }
  size_t position() const { return position_; }
  size_t remaining() const { return ok_ ? bytes_.size() * 8 - position_ : 0; }

  // An unsigned field of `count` bits, at most 32.
  uint32_t Bits(unsigned count) {
    if (!Need(count) || count > 32) ok_ = false;
    if (!ok_) return 0;
    uint64_t value = 0;
    for (unsigned left = count; left > 0;) {
      const unsigned offset = position_ % 8;
      const unsigned take = left < 8 - offset ? left : 8 - offset;
      const unsigned byte = bytes_[position_ / 8];
      value = (value << take) | ((byte >> (8 - offset - take)) & ((1u << take) - 1));
      position_ += take;
      left -= take;
    }
    return static_cast<uint32_t>(value);
  }
  bool Flag() { return Bits(1) != 0; }
  void Skip(size_t count) {
    if (Need(count)) position_ += count;
  }

  // ue(v) and se(v) of ISO/IEC 14496-10 §9.1: up to 31 leading zeros, so values up to 2^32 - 2.
  uint32_t UnsignedGolomb() {
    unsigned zeros = 0;
    while (ok_ && !Flag()) {
      if (++zeros > 31) ok_ = false;
    }
    if (!ok_) return 0;
    const uint32_t tail = Bits(zeros);
    return ok_ ? (uint32_t{1} << zeros) - 1 + tail : 0;
  }
  int32_t SignedGolomb() {
    const uint32_t code = UnsignedGolomb();
    const int64_t magnitude = (static_cast<int64_t>(code) + 1) / 2;
    return static_cast<int32_t>((code & 1) != 0 ? magnitude : -magnitude);
  }

 private:
  bool Need(size_t count) {
    if (ok_ && remaining() < count) {
      overrun_ = true;
      ok_ = false;
    }
    return ok_;
  }

  Bytes bytes_;
  size_t position_ = 0;
  bool ok_ = true;
  bool overrun_ = false;
};

}  // namespace millrace::media
