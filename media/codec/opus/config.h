#pragma once
// Opus: its identification header OpusHead (RFC 7845 §5.1), the dOps box of ISO-BMFF
// ("Encapsulation of Opus in ISO Base Media File Format" §4.3.2), which says the same, and the
// Track that follows.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/frame/track.h"

namespace millrace::media::opus {

// Every way in which Opus bytes can be wrong.
enum class OpusError {
  kHeadTruncated,
  kHeadMagic,  // OpusHead does not begin with its name
  kHeadVersion,
  kHeadChannels,  // a number of channels or streams, or a mapping, that cannot be
  kPacketEmpty,
  kPacketTruncated,
  kPacketDuration,  // no frame in it, or more than 120 ms
};
const char* OpusErrorName(OpusError error);  // "opus_head_truncated" …

inline constexpr uint32_t kSampleRate = 48000;  // what every decoder can put out

struct OpusConfig {
  uint8_t channels = 2;
  uint16_t pre_skip = 312;  // samples at 48 kHz to drop at the beginning; 312 is libopus's 6.5 ms
  uint32_t input_sample_rate = 48000;  // Hz; of the original, for information
  int16_t output_gain = 0;             // Q7.8 dB
  uint8_t mapping_family = 0;          // 0: mono or stereo; 1: Vorbis order; 255: none
  uint8_t streams = 1;                 // of mapping families other than 0
  uint8_t coupled_streams = 1;
  std::vector<uint8_t> mapping;  // one entry a channel; empty for family 0

  friend bool operator==(const OpusConfig&, const OpusConfig&) = default;
};

absl::StatusOr<OpusConfig> ParseOpusHead(Bytes bytes);
std::vector<uint8_t> BuildOpusHead(const OpusConfig& config);

// The body of a dOps box: big-endian, version 0, no magic.
absl::StatusOr<OpusConfig> ParseDops(Bytes body);
std::vector<uint8_t> BuildDops(const OpusConfig& config);

// RFC 6381 by the registration of "opus".
inline std::string CodecString() { return "opus"; }

// Track 2. Its config is OpusHead, whichever form the configuration came in: what Ogg, Matroska,
// MPEG-TS and Enhanced RTMP carry; an ISO-BMFF muxer makes it a dOps box by BuildDops. The sample
// rate is 48000. samples_per_frame is 0: an encoder may change it at any packet (see packet.h).
Track MakeTrack(const OpusConfig& config);

}  // namespace millrace::media::opus
