#pragma once
// FLAC: STREAMINFO (RFC 9639 §8.2), the forms in which it comes, and the Track that follows.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/frame/track.h"

namespace millrace::media::flac {

// Every way in which FLAC bytes can be wrong.
enum class FlacError {
  kStreamInfoTruncated,
  kStreamInfoMissing,   // the first metadata block is another one
  kStreamInfoReserved,  // a block size or sample rate that cannot be
  kFrameTruncated,
  kFrameSync,
  kFrameReserved,
};
const char* FlacErrorName(FlacError error);  // "flac_stream_info_truncated" …

struct StreamInfo {
  uint16_t min_block_size = 4096;  // samples a channel, 16 to 65535
  uint16_t max_block_size = 4096;
  uint32_t min_frame_size = 0;  // bytes; 0 is unknown
  uint32_t max_frame_size = 0;
  uint32_t sample_rate = 48000;  // Hz
  uint8_t channels = 2;          // 1 to 8
  uint8_t bits_per_sample = 16;  // 4 to 32
  uint64_t total_samples = 0;    // 0 is unknown
  std::array<uint8_t, 16> md5 = {};

  friend bool operator==(const StreamInfo&, const StreamInfo&) = default;
};

// Reads the body of a dfLa box (version and flags, metadata blocks), the beginning of a native
// stream ("fLaC", metadata blocks: Ogg, Matroska, Enhanced RTMP), metadata blocks, or the 34 bytes
// of STREAMINFO alone. Blocks behind it are ignored.
absl::StatusOr<StreamInfo> ParseStreamInfo(Bytes bytes);

// The body of a dfLa box, "Encapsulation of FLAC in ISO Base Media File Format" §3.3.2, with this
// block alone.
std::vector<uint8_t> BuildDfla(const StreamInfo& info);

// "fLaC" and this block alone.
std::vector<uint8_t> BuildNativeHeader(const StreamInfo& info);

inline std::string CodecString() { return "fLaC"; }

// Track 2; its config is the body of a dfLa box. samples_per_frame is 0 where block sizes vary.
Track MakeTrack(const StreamInfo& info);

}  // namespace millrace::media::flac
