#pragma once
// Every way in which VP9 bytes can be wrong.

namespace millrace::media::vp9 {

enum class Vp9Error {
  kConfigTruncated,
  kConfigVersion,
  kConfigReserved,  // a profile or bit depth that does not exist
  kFrameTruncated,
  kFrameMarker,  // not a VP9 frame: the first two bits are not 10
  kFrameReserved,
  kFrameSync,      // the sync code of a key frame is missing
  kNeedsKeyFrame,  // a track was asked for of a frame that does not bear its size
};
const char* Vp9ErrorName(Vp9Error error);  // "vp9_config_truncated" …

}  // namespace millrace::media::vp9
