#pragma once
// Leading pictures: shown before the random-access point that they follow in decoding order.

#include <cstdint>

#include "media/frame/frame.h"

namespace millrace::media {

// Give it the frames of one video track in decoding order.
class LeadingMarker {
 public:
  // `flags` of the frame, with kLeading added where it applies. After a point that is closed there
  // are none.
  uint16_t Mark(uint16_t flags, int64_t pts_ns) {
    if ((flags & kClosedRandomAccess) != 0) {
      open_ = false;
    } else if ((flags & kOpenRandomAccess) != 0) {
      open_ = true;
      point_pts_ns_ = pts_ns;
    } else if (open_ && pts_ns < point_pts_ns_) {
      flags |= kLeading;
    }
    return flags;
  }

 private:
  bool open_ = false;
  int64_t point_pts_ns_ = 0;
};

}  // namespace millrace::media
