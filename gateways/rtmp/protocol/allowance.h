#pragma once
// How often something may happen: a burst, refilled at a steady rate.

#include <algorithm>
#include <cstdint>

namespace millrace::rtmp {

class Allowance {
 public:
  // `burst` at once, and then `per_second`.
  Allowance(uint32_t burst, uint32_t per_second)
      : burst_(int64_t{burst} * 1000), per_second_(per_second), left_(burst_) {}

  // False where that is once too often. `now_ms` is monotonic.
  bool Take(int64_t now_ms) {
    if (now_ms > then_ms_) {
      // Whoever was silent longer than it takes to fill has a full burst, not more.
      const int64_t elapsed = std::min<int64_t>(now_ms - then_ms_, burst_);
      left_ = std::min(burst_, left_ + elapsed * per_second_);
      then_ms_ = now_ms;
    }
    if (left_ < 1000) return false;
    left_ -= 1000;
    return true;
  }

 private:
  const int64_t burst_;  // in thousandths, as is left_: a millisecond adds `per_second_` of them
  const int64_t per_second_;
  int64_t left_;
  int64_t then_ms_ = 0;
};

}  // namespace millrace::rtmp
