#pragma once
// The sequence header OBU, AV1 specification §5.5.

#include <cstdint>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"

namespace millrace::media::av1 {

struct SequenceHeader {
  uint8_t profile = 0;          // 0 Main, 1 High, 2 Professional
  bool still_picture = false;   // the whole stream is one picture
  bool reduced_header = false;  // frame headers are of the short form: every frame is a key frame
  uint8_t level_idx = 0;        // seq_level_idx of operating point 0: 4 * (X - 2) + Y for X.Y
  uint8_t tier = 0;             // of operating point 0: 0 Main, 1 High
  uint8_t bit_depth = 8;        // 8, 10, 12
  bool monochrome = false;
  bool subsampling_x = true;
  bool subsampling_y = true;
  uint8_t chroma_sample_position = 0;
  uint8_t primaries = 2;  // ISO/IEC 23091-2 code points; 2 is "unspecified"
  uint8_t transfer = 2;
  uint8_t matrix = 2;
  bool full_range = false;
  uint32_t width = 0;  // the largest a frame may have
  uint32_t height = 0;
  uint32_t frame_rate_num = 0;  // 0 unless the header says that pictures are equally far apart
  uint32_t frame_rate_den = 0;

  friend bool operator==(const SequenceHeader&, const SequenceHeader&) = default;
};

// `payload` of the OBU, without its header. kSequenceHeaderTruncated, kSequenceHeaderReserved.
absl::StatusOr<SequenceHeader> ParseSequenceHeader(Bytes payload);

}  // namespace millrace::media::av1
