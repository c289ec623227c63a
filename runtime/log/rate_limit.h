#pragma once
// Keeps a client that sends rubbish from filling the log.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace millrace::log {

// At most `burst` lines in each `interval`. Thread-safe.
//
//   if (auto skipped = bad_input_.Allow(steady_clock::now())) {
//     logger.Warning("bad request", {{"error", name}, {"suppressed", *skipped}});
//   }
class RateLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  explicit RateLimit(uint32_t burst = 5,
                     std::chrono::milliseconds interval = std::chrono::seconds(10))
      : burst_(burst), interval_(interval) {}

  // Unset: say nothing. Otherwise how many calls were turned down since the last that was not.
  std::optional<uint64_t> Allow(TimePoint now);

 private:
  const uint32_t burst_;
  const std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::optional<TimePoint> began_;
  uint32_t used_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace millrace::log
