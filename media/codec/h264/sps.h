#pragma once
// Sequence and picture parameter sets, as far as a relay needs them.

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"

namespace millrace::media::h264 {

// ISO/IEC 14496-10 §7.3.2.1.1 and Annex E.
struct Sps {
  uint8_t profile_idc = 0;
  uint8_t constraints = 0;  // constraint_set flags and the reserved bits, as one byte
  uint8_t level_idc = 0;
  uint32_t id = 0;
  uint32_t chroma_format_idc = 1;
  uint32_t bit_depth_luma = 8;
  uint32_t bit_depth_chroma = 8;
  uint32_t width = 0;  // luma samples after cropping
  uint32_t height = 0;
  bool interlaced = false;  // fields may occur
  bool separate_colour_planes = false;
  uint32_t frame_rate_num = 0;  // 0 where the VUI does not say
  uint32_t frame_rate_den = 0;
  // How many pictures may precede a picture in decoding order and follow it in output order;
  // nothing where the parameter set leaves it open.
  std::optional<uint32_t> max_reorder_frames;

  // Whether pts may differ from dts.
  bool MayReorder() const { return max_reorder_frames.value_or(1) > 0; }
};

// `nal` with its header byte. Fails as kSpsTruncated, kSpsOutOfRange. A VUI that breaks off is
// ignored: some encoders cut it short, and picture size and profile come before it.
absl::StatusOr<Sps> ParseSps(Bytes nal);

// The ids of a picture parameter set: which it is, which sequence parameter set it refers to.
struct PpsIds {
  uint32_t id = 0;
  uint32_t sps_id = 0;
};
absl::StatusOr<PpsIds> ParsePpsIds(Bytes nal);

}  // namespace millrace::media::h264
