#pragma once
// A publisher as TimestampRepair sees it: milliseconds in, milliseconds out, on a clock that the
// test moves.

#include <cstdint>

#include "media/base/ticks.h"
#include "media/frame/timestamp_repair.h"

namespace millrace::media {

class RepairBench {
 public:
  using Kind = TimestampRepair::Kind;

  TimestampRepair::Output Video(int64_t dts_ms, int64_t composition_ms = 0) {
    return repair.Repair({.track = 1,
                          .kind = TrackKind::kVideo,
                          .frame_rate_num = 25,
                          .frame_rate_den = 1,
                          .dts_ns = dts_ms * kNsPerMs,
                          .pts_ns = (dts_ms + composition_ms) * kNsPerMs,
                          .arrival_ns = now_ms * kNsPerMs});
  }
  TimestampRepair::Output Audio(int64_t dts_ms) {
    return repair.Repair({.track = 2,
                          .kind = TrackKind::kAudio,
                          .sample_rate = sample_rate,
                          .samples_per_frame = 1024,
                          .dts_ns = dts_ms * kNsPerMs,
                          .pts_ns = dts_ms * kNsPerMs,
                          .arrival_ns = now_ms * kNsPerMs});
  }
  uint64_t count(Kind kind) const { return repair.count(kind); }
  uint64_t repairs() const {
    uint64_t sum = 0;
    for (size_t i = 0; i < TimestampRepair::kKinds; ++i) sum += repair.count(static_cast<Kind>(i));
    return sum;
  }

  TimestampRepair repair;
  uint32_t sample_rate = 48000;
  int64_t now_ms = 5'000'000;
};

inline int64_t DtsMs(const TimestampRepair::Output& output) { return MsFromNs(output.dts_ns); }
inline int64_t PtsMs(const TimestampRepair::Output& output) { return MsFromNs(output.pts_ns); }

}  // namespace millrace::media
