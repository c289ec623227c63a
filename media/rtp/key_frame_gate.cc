#include "media/rtp/key_frame_gate.h"

#include "media/frame/frame.h"

namespace millrace::media::rtp {

bool KeyFrameGate::Admit(int64_t timestamp, uint16_t& flags) {
  constexpr uint16_t kKey = kClosedRandomAccess | kOpenRandomAccess | kGradualRefreshStart;
  flags = leading_.Mark(flags, timestamp);
  if ((flags & kKey) != 0) {
    resumed_open_ = (waiting_ || corrupt_) && (flags & kClosedRandomAccess) == 0;
    waiting_ = false;
    corrupt_ = false;
  } else if (waiting_) {
    if (!waiting_since_.has_value()) waiting_since_ = timestamp;
    if (timestamp - *waiting_since_ < max_drop_ticks_) return false;
    waiting_ = false;
    corrupt_ = true;
  }
  waiting_since_.reset();
  if (corrupt_) flags |= kCorrupt;
  return !(resumed_open_ && (flags & kLeading) != 0);
}

void KeyFrameGate::Reset() {
  leading_ = {};
  waiting_ = false;
  waiting_since_.reset();
  corrupt_ = false;
  resumed_open_ = false;
}

}  // namespace millrace::media::rtp
