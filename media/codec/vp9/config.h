#pragma once
// VPCodecConfigurationRecord (vpcC), "VP Codec ISO Media File Format Binding", and the Track that
// follows from it and a key frame: the record does not say how large the pictures are.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/codec/vp9/frame_header.h"
#include "media/frame/track.h"

namespace millrace::media::vp9 {

struct Vp9Config {
  uint8_t profile = 0;             // 0 to 3
  uint8_t level = 0;               // ten times the level: 31 is 3.1; 0 is unknown
  uint8_t bit_depth = 8;           // 8, 10, 12
  uint8_t chroma_subsampling = 1;  // 0: 4:2:0 vertical, 1: 4:2:0 colocated, 2: 4:2:2, 3: 4:4:4
  bool full_range = false;
  uint8_t primaries = 2;  // ISO/IEC 23091-2 code points; 2 is "unspecified"
  uint8_t transfer = 2;
  uint8_t matrix = 2;

  friend bool operator==(const Vp9Config&, const Vp9Config&) = default;
};

// Bytes of version and flags in front of the record proper.
inline constexpr size_t kVersionAndFlagsSize = 4;

// Reads the body of a vpcC box, a FullBox: version 1 and flags stand in front of the record. Also
// takes the record without them, which is what some senders of Enhanced RTMP put into their
// sequence start.
absl::StatusOr<Vp9Config> ParseVp9Config(Bytes body);

// Writes the body of a vpcC box, version and flags included. What wants the record alone leaves out
// the first kVersionAndFlagsSize bytes.
std::vector<uint8_t> BuildVp9Config(const Vp9Config& config);

// What a key frame says about itself, for streams that announce no record. The level follows from
// the picture size alone, as if it were shown 30 times a second.
absl::StatusOr<Vp9Config> ConfigOf(const FrameHeader& key_frame);

// "vp09.PP.LL.DD": "vp09.00.10.08"; with the optional fields where one of them is not what leaving
// them out means.
std::string CodecString(const Vp9Config& config);

// Track 1; size from `key_frame`, config as BuildVp9Config. kNeedsKeyFrame where it is none.
absl::StatusOr<Track> MakeTrack(const Vp9Config& config, const FrameHeader& key_frame);

}  // namespace millrace::media::vp9
