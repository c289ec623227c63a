#pragma once
// Video, sequence and picture parameter sets, as far as a relay needs them.

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"

namespace millrace::media::h265 {

// profile_tier_level(), ISO/IEC 23008-2 §7.3.3: the general part.
struct ProfileTierLevel {
  uint8_t profile_space = 0;  // 0 to 3
  bool high_tier = false;
  uint8_t profile_idc = 0;     // 1 Main, 2 Main 10, 3 Main Still Picture, 4 range extensions …
  uint32_t compatibility = 0;  // general_profile_compatibility_flag[0] is the most significant bit
  uint64_t constraints = 0;    // 48 bits: progressive, interlaced, non-packed, frame-only, …
  uint8_t level_idc = 0;       // 30 times the level: 93 is 3.1

  friend bool operator==(const ProfileTierLevel&, const ProfileTierLevel&) = default;
};

// ISO/IEC 23091-2 code points: 9, 16, 9 is BT.2020 with PQ, 9, 18, 9 with HLG; 2 is "unspecified".
struct Colour {
  uint8_t primaries = 2;
  uint8_t transfer = 2;
  uint8_t matrix = 2;
  bool full_range = false;

  friend bool operator==(const Colour&, const Colour&) = default;
};

// §7.3.2.1.
struct Vps {
  uint8_t id = 0;
  uint8_t sub_layers = 1;  // temporal, 1 to 7
  ProfileTierLevel profile;
  uint32_t frame_rate_num = 0;  // 0 where the set does not say
  uint32_t frame_rate_den = 0;
};

// §7.3.2.2 and Annex E.2.1.
struct Sps {
  uint8_t id = 0;
  uint8_t vps_id = 0;
  uint8_t sub_layers = 1;  // temporal, 1 to 7
  bool temporal_id_nesting = false;
  ProfileTierLevel profile;
  uint32_t chroma_format_idc = 1;
  uint32_t bit_depth_luma = 8;
  uint32_t bit_depth_chroma = 8;
  uint32_t width = 0;  // luma samples inside the conformance window
  uint32_t height = 0;
  uint32_t max_reorder_pictures = 0;
  bool field_pictures =
      false;  // each access unit is one field: height and rate are those of fields
  uint32_t frame_rate_num = 0;  // access units a second; 0 where the VUI does not say
  uint32_t frame_rate_den = 0;
  std::optional<Colour> colour;  // where the VUI describes it

  // Whether pts may differ from dts.
  bool MayReorder() const { return max_reorder_pictures > 0; }
};

// NAL units with their header. kVpsTruncated, kVpsOutOfRange. Timing that breaks off is ignored.
absl::StatusOr<Vps> ParseVps(Bytes nal);

// kSpsTruncated, kSpsOutOfRange. A VUI that breaks off is ignored: picture size and profile come
// before it.
absl::StatusOr<Sps> ParseSps(Bytes nal);

// The ids of a picture parameter set: which it is, which sequence parameter set it refers to.
struct PpsIds {
  uint32_t id = 0;
  uint32_t sps_id = 0;
};
absl::StatusOr<PpsIds> ParsePpsIds(Bytes nal);

}  // namespace millrace::media::h265
