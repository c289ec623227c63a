#pragma once
// Bounded readers and writers over bytes. A reader that fails once stays failed, so that a parser
// may read a whole structure and check `ok()` once at its end.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::media {

using Bytes = std::span<const uint8_t>;

inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads integers and slices from the front of bytes that it does not own. Big-endian unless named
// otherwise. After the first read past the end every further read yields zero or nothing.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t remaining() const { return ok_ ? bytes_.size() - position_ : 0; }
  bool done() const { return remaining() == 0; }

  uint8_t U8() { return static_cast<uint8_t>(BigEndian<1>()); }
  uint16_t U16() { return static_cast<uint16_t>(BigEndian<2>()); }
  uint32_t U24() { return static_cast<uint32_t>(BigEndian<3>()); }
  uint32_t U32() { return static_cast<uint32_t>(BigEndian<4>()); }
  uint64_t U64() { return BigEndian<8>(); }
  int32_t I24() {
    const uint32_t value = U24();
    return static_cast<int32_t>(value ^ 0x800000u) - 0x800000;
  }
  double F64() { return std::bit_cast<double>(U64()); }

  uint16_t U16Little() { return static_cast<uint16_t>(LittleEndian<2>()); }
  uint32_t U32Little() { return static_cast<uint32_t>(LittleEndian<4>()); }
  uint64_t U64Little() { return LittleEndian<8>(); }

  // The next `size` bytes, valid as long as the bytes given to the constructor; empty on failure.
  Bytes Take(size_t size) {
    if (!Need(size)) return {};
    Bytes taken = bytes_.subspan(position_, size);
    position_ += size;
    return taken;
  }
  Bytes Rest() { return Take(remaining()); }
  void Skip(size_t size) { Take(size); }
  // The next byte without consuming it; 0 at the end (check remaining() first).
  uint8_t Peek() const { return remaining() > 0 ? bytes_[position_] : uint8_t{0}; }
  void Fail() { ok_ = false; }

 private:
  bool Need(size_t size) {
    if (!ok_ || bytes_.size() - position_ < size) ok_ = false;
    return ok_;
  }
  template <size_t kSize>
  uint64_t BigEndian() {
    if (!Need(kSize)) return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < kSize; ++i) value = (value << 8) | bytes_[position_ + i];
    position_ += kSize;
    return value;
  }
  template <size_t kSize>
  uint64_t LittleEndian() {
    if (!Need(kSize)) return 0;
    uint64_t value = 0;
    for (size_t i = kSize; i-- > 0;) value = (value << 8) | bytes_[position_ + i];
    position_ += kSize;
    return value;
  }

  Bytes bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

// Appends to a vector that it does not own.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<uint8_t>& out) : out_(out) {}

  void U8(uint8_t value) { out_.push_back(value); }
  void U16(uint16_t value) { BigEndian<2>(value); }
  void U24(uint32_t value) { BigEndian<3>(value); }
  void U32(uint32_t value) { BigEndian<4>(value); }
  void U64(uint64_t value) { BigEndian<8>(value); }
  void F64(double value) { U64(std::bit_cast<uint64_t>(value)); }
  void U16Little(uint16_t value) { LittleEndian<2>(value); }
  void U32Little(uint32_t value) { LittleEndian<4>(value); }
  void U64Little(uint64_t value) { LittleEndian<8>(value); }
  void Append(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void Text(std::string_view text) { Append(AsBytes(text)); }
  size_t size() const { return out_.size(); }

 private:
  template <size_t kSize>
  void BigEndian(uint64_t value) {
    for (size_t i = kSize; i-- > 0;) out_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  template <size_t kSize>
  void LittleEndian(uint64_t value) {
    for (size_t i = 0; i < kSize; ++i) out_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }

  std::vector<uint8_t>& out_;
};

}  // namespace millrace::media
