#pragma once
// What tags come to.

#include <cstdint>
#include <variant>

#include "media/base/payload.h"
#include "media/frame/track.h"

namespace millrace::media::flv {

// One access unit in the form of media::Frame, its times still those of the sender's clock.
struct ReadFrame {
  uint8_t track = 0;
  uint16_t flags = 0;  // media::FrameFlag, as far as the unit itself tells
  int64_t dts_ns = 0;
  int64_t pts_ns = 0;
  Payload payload;
};

using Item = std::variant<Track, ReadFrame>;

}  // namespace millrace::media::flv
