#include "runtime/log/rate_limit.h"

#include <utility>

namespace millrace::log {

std::optional<uint64_t> RateLimit::Allow(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!began_ || now - *began_ >= interval_) {
    began_ = now;
    used_ = 0;
  }
  if (used_ == burst_) {
    ++suppressed_;
    return std::nullopt;
  }
  ++used_;
  return std::exchange(suppressed_, 0);
}

}  // namespace millrace::log
