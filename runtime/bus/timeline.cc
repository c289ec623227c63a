#include <algorithm>

#include "runtime/bus/client.h"

namespace millrace::bus {

void Timeline::Follow(std::span<const media::Frame> frames) {
  for (const media::Frame& frame : frames) {
    dts_end_ns = std::max(dts_end_ns, frame.dts_end_ns());
    pts_end_ns = std::max(pts_end_ns, frame.pts_end_ns());
  }
  const media::Frame& last = frames.back();
  last_sequence = last.sequence;
  next_segment = last.segment + 1;
  next_gop = last.gop + 1;
  discontinuity_sequence = last.discontinuity_sequence;
}

}  // namespace millrace::bus
