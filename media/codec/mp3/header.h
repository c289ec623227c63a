#pragma once
// MPEG audio frame headers, ISO/IEC 11172-3 §2.4.1.3 and 2.4.2.3, 13818-3 §2.4.2.3 (low sampling
// rates), and the Track that follows from one. Layers I to III, MPEG-1, -2 and "2.5".

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/frame/track.h"

namespace millrace::media::mp3 {

// Every way in which MPEG audio bytes can be wrong.
enum class Mp3Error {
  kHeaderTruncated,
  kHeaderSync,
  kHeaderReserved,  // a version, layer, bit rate or sample rate that does not exist
  kFreeFormat,      // the header does not tell the bit rate, hence not the size
};
const char* Mp3ErrorName(Mp3Error error);  // "mp3_header_truncated" …

enum class Version : uint8_t { kMpeg25 = 0, kMpeg2 = 2, kMpeg1 = 3 };  // as in the header

struct FrameHeader {
  Version version = Version::kMpeg1;
  uint8_t layer = 3;         // 1 to 3
  uint32_t bit_rate = 0;     // bits a second
  uint32_t sample_rate = 0;  // Hz
  uint32_t channels = 0;     // 1 or 2
  uint32_t samples = 0;      // a channel: 384, 576 or 1152
  size_t frame_size = 0;     // header included

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

// Needs the four bytes of the header only.
absl::StatusOr<FrameHeader> ParseFrameHeader(Bytes bytes);

// RFC 6381 §3.3 with the object types of ISO/IEC 14496-1: "mp4a.6B" for MPEG-1, "mp4a.69" for the
// low sampling rates.
std::string CodecString(const FrameHeader& header);

// Track 2. Its config is empty: there is no record, each frame says all that a decoder needs.
Track MakeTrack(const FrameHeader& header);

}  // namespace millrace::media::mp3
