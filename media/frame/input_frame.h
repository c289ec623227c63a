#pragma once
// What protocols read, before timestamps are repaired and numbers stamped.

#include <cstdint>
#include <variant>

#include "media/base/payload.h"
#include "media/frame/track.h"

namespace millrace::media {

// One access unit in the form of Frame.
struct InputFrame {
  uint8_t track = 0;
  uint16_t flags = 0;  // FrameFlag, as far as the unit itself tells: random access, leading …
  int64_t dts_ns = 0;  // the sender's own clock, already unwrapped
  int64_t pts_ns = 0;
  Payload payload;
};

// In order: a track's first or changed configuration, and the units that it is of.
using InputItem = std::variant<Track, InputFrame>;

}  // namespace millrace::media
