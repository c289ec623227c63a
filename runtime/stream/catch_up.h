#pragma once
// How a viewer that starts behind the live edge gets there: which of the items that it is owed are
// due. No clock of its own: what comes for the stream moves its viewers on, and a coarse shared
// timer where nothing comes.

#include <cstdint>

#include "millrace/v1/config.pb.h"

namespace millrace::stream {

class CatchUp {
 public:
  // Less than this behind counts as live.
  static constexpr int64_t kNegligibleMs = 300;
  // `pace` hands out so much at once: what players want to hold before they show anything.
  static constexpr int64_t kHeadStartMs = 1'000;

  // The viewer begins at stream time `start_ms`, and items up to that are due at once; the stream
  // is at `edge_ms`. False where everything is.
  bool Begin(const v1::AppSettings& settings, int64_t start_ms, int64_t edge_ms, int64_t now_ns) {
    const bool behind = edge_ms - start_ms > kNegligibleMs;
    const bool gradual = settings.catch_up() == v1::pace || settings.catch_up() == v1::jump;
    if (!behind || !gradual) return false;
    jumps_ = settings.catch_up() == v1::jump;
    percent_ = jumps_ ? 100 : settings.catch_up_speed();
    start_ms_ = start_ms;
    start_ns_ = now_ns;
    edge_ms_ = edge_ms;
    return true;
  }
  // Who has everything up to this, and all that came since, has caught up.
  int64_t edge_ms() const { return edge_ms_; }
  // It goes on with the next random-access point, leaving out what is before.
  bool jumps() const { return jumps_; }
  int64_t ElapsedMs(int64_t now_ns) const { return (now_ns - start_ns_) / 1'000'000; }
  // Stream time up to which items may be sent.
  int64_t DueMs(int64_t now_ns) const {
    return start_ms_ + (jumps_ ? 0 : kHeadStartMs) + ElapsedMs(now_ns) * percent_ / 100;
  }

 private:
  bool jumps_ = false;
  uint32_t percent_ = 100;
  int64_t start_ms_ = 0;
  int64_t start_ns_ = 0;
  int64_t edge_ms_ = 0;
};

}  // namespace millrace::stream
