#pragma once
// Time units. Inside Millrace time is int64 nanoseconds; protocols count in ticks of their own.

#include <cstdint>

namespace millrace::media {

inline constexpr int64_t kNsPerMs = 1'000'000;
inline constexpr int64_t kNsPerSecond = 1'000'000'000;

// The nearest millisecond, halves up. The one conversion for dts and pts alike, so that timestamps
// which came as milliseconds leave as the same ones.
inline constexpr int64_t MsFromNs(int64_t ns) {
  const int64_t shifted = ns + kNsPerMs / 2;
  const int64_t quotient = shifted / kNsPerMs;
  return quotient - (shifted % kNsPerMs < 0 ? 1 : 0);
}

// Time of `samples` samples at `rate` Hz, rounded down; exact to 64 bits over centuries.
inline constexpr int64_t NsFromSamples(int64_t samples, uint32_t rate) {
  return samples / rate * kNsPerSecond + samples % rate * kNsPerSecond / rate;
}

// Makes a 32-bit counter that wraps into a 64-bit one that does not. The first value is taken as it
// is; each later one is the nearest to the one before, so steps back are possible.
class Unwrap32 {
 public:
  int64_t operator()(uint32_t value) {
    if (!started_) {
      started_ = true;
      last_ = value;
    } else {
      last_ += static_cast<int32_t>(value - static_cast<uint32_t>(last_));
    }
    return last_;
  }

 private:
  bool started_ = false;
  int64_t last_ = 0;
};

}  // namespace millrace::media
