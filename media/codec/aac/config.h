#pragma once
// AudioSpecificConfig, ISO/IEC 14496-3 §1.6.2.1, and the Track that follows from it.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/frame/track.h"

namespace millrace::media::aac {

// Every way in which AAC bytes can be wrong.
enum class AacError {
  kConfigTruncated,
  kConfigTooLarge,
  kReservedObjectType,
  kReservedSampleRate,
  kReservedChannels,
  kAdtsSync,
  kAdtsTruncated,
  kAdtsLength,  // a frame shorter than its header
};
const char* AacErrorName(AacError error);  // "aac_config_truncated" …

struct AacConfig {
  uint8_t object_type = 2;            // of the core: 1 Main, 2 LC, 3 SSR, 4 LTP …; never 5 or 29
  uint32_t sample_rate = 0;           // of the core, Hz
  uint8_t channel_configuration = 0;  // 0: the channels come from a program_config_element
  uint32_t channels = 0;              // of the core
  bool short_frame = false;  // 960 samples a frame rather than 1024 (480 and 512 for type 23)
  bool sbr = false;          // spectral band replication is signalled: HE-AAC
  bool ps = false;           // parametric stereo is signalled: HE-AAC v2
  uint32_t extension_sample_rate = 0;  // what comes out of SBR, Hz; 0 without

  // What a decoder puts out.
  uint32_t OutputSampleRate() const { return sbr ? extension_sample_rate : sample_rate; }
  uint32_t OutputChannels() const { return ps && channels == 1 ? 2 : channels; }
  // At OutputSampleRate(); 0 for object types whose frames this does not know.
  uint32_t SamplesPerFrame() const;

  friend bool operator==(const AacConfig&, const AacConfig&) = default;
};

// Reads the configuration with both ways to signal SBR and PS: hierarchical (object type 5 or 29 in
// front) and backward compatible (sync extensions 0x2b7 and 0x548 behind). Trailing bytes are
// ignored.
absl::StatusOr<AacConfig> ParseAacConfig(Bytes bytes);

// Writes object types with a GASpecificConfig; SBR and PS hierarchically. channel_configuration
// must not be 0.
std::vector<uint8_t> BuildAacConfig(const AacConfig& config);

// RFC 6381 §3.3: "mp4a.40.2", "mp4a.40.5", "mp4a.40.29".
std::string CodecString(const AacConfig& config);

// Track 2; `bytes` become its config as they are.
absl::StatusOr<Track> MakeTrack(Bytes bytes);

// The table of ISO/IEC 14496-3 Table 1.18; 0 where the index is reserved.
uint32_t SampleRateOf(unsigned index);
// The index of `rate` in it, or 15.
unsigned SampleRateIndex(uint32_t rate);
// Channels of a channelConfiguration, 0 where it is reserved (or 0).
uint32_t ChannelsOf(unsigned channel_configuration);

}  // namespace millrace::media::aac
