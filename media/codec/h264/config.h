#pragma once
// AVCDecoderConfigurationRecord (avcC), ISO/IEC 14496-15 §5.3.3.1, and the Track that follows from
// it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/codec/h264/sps.h"
#include "media/frame/track.h"

namespace millrace::media::h264 {

struct AvcConfig {
  uint8_t nal_length_size = 4;  // of the access units that belong to it: 1 to 4
  // NAL units with their header byte, without start codes; at least one of each.
  std::vector<std::vector<uint8_t>> sps;
  std::vector<std::vector<uint8_t>> pps;
  std::vector<std::vector<uint8_t>> sps_extensions;

  friend bool operator==(const AvcConfig&, const AvcConfig&) = default;
};

// Reads a record. Profile and level are taken from the first SPS, whatever the record says.
// Tolerated: a missing trailer of the high profiles, and Annex B parameter sets in place of a
// record (some encoders).
absl::StatusOr<AvcConfig> ParseAvcConfig(Bytes record);

// Writes a record; nal_length_size as in `config`. The trailer of the high profiles follows from
// the SPS. kConfigWithoutSps, kConfigWithoutPps, kConfigTooLarge.
absl::StatusOr<std::vector<uint8_t>> BuildAvcConfig(const AvcConfig& config);

// RFC 6381 §3.3: "avc1.PPCCLL".
std::string CodecString(const Sps& sps);

// The record after parameter sets that came in band: same ids are replaced, new ones are added.
// Nothing where that changes nothing.
std::optional<AvcConfig> Updated(const AvcConfig& config, const std::vector<Bytes>& sps,
                                 const std::vector<Bytes>& pps);

// Track 1, its config rebuilt for 4-byte lengths, the form of every Frame.
absl::StatusOr<Track> MakeTrack(const AvcConfig& config);

}  // namespace millrace::media::h264
