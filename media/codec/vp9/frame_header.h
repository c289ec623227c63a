#pragma once
// The uncompressed header of a VP9 frame, "VP9 Bitstream & Decoding Process Specification" §6.2.

#include <cstdint>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"

namespace millrace::media::vp9 {

struct FrameHeader {
  uint8_t profile = 0;               // 0 to 3
  bool show_existing_frame = false;  // nothing coded: a frame decoded before is shown
  bool key_frame = false;
  bool show_frame = false;
  bool intra_only = false;
  uint8_t refresh_frame_flags = 0;  // which of the eight references it replaces
  // Of a key frame only:
  uint8_t bit_depth = 8;    // 8, 10, 12
  uint8_t color_space = 0;  // §7.2.2: 0 unknown, 1 BT.601, 2 BT.709, 5 BT.2020, 7 sRGB …
  bool full_range = false;
  bool subsampling_x = true;
  bool subsampling_y = true;
  uint32_t width = 0;
  uint32_t height = 0;

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

// Of the first frame in `bytes`: a frame, or a superframe (Annex B). kFrame….
absl::StatusOr<FrameHeader> ParseFrameHeader(Bytes bytes);

// Frames in a superframe, by its index at the end (Annex B.2); 1 without one.
unsigned FramesIn(Bytes bytes);

// media::FrameFlag: kClosedRandomAccess for a key frame, kNonReference for a single frame that
// replaces no reference. What `header` was read of is `bytes`.
uint16_t FlagsOf(const FrameHeader& header, Bytes bytes);

}  // namespace millrace::media::vp9
