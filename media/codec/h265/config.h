#pragma once
// HEVCDecoderConfigurationRecord (hvcC), ISO/IEC 14496-15 §8.3.3.1, and the Track that follows from
// it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/codec/h265/parameter_sets.h"
#include "media/frame/track.h"

namespace millrace::media::h265 {

struct HevcConfig {
  uint8_t nal_length_size = 4;  // of the access units that belong to it: 1, 2 or 4
  // NAL units with their header, without start codes; at least one of each of the first three.
  std::vector<std::vector<uint8_t>> vps;
  std::vector<std::vector<uint8_t>> sps;
  std::vector<std::vector<uint8_t>> pps;
  std::vector<std::vector<uint8_t>> sei;  // for the whole stream: mastering display, light level

  friend bool operator==(const HevcConfig&, const HevcConfig&) = default;
};

// Parameter sets that came in band. They point into the access unit.
struct ParameterSets {
  std::vector<Bytes> vps;
  std::vector<Bytes> sps;
  std::vector<Bytes> pps;

  bool empty() const { return vps.empty() && sps.empty() && pps.empty(); }
};

// Reads a record. Profile, tier and level are taken from the first SPS, whatever the record says.
// Tolerated: Annex B parameter sets in place of a record (some encoders). NAL units of other types
// and layers are left out.
absl::StatusOr<HevcConfig> ParseHevcConfig(Bytes record);

// Writes a record; nal_length_size as in `config`, every array complete, parallelism and average
// frame rate left open. kConfigWithoutVps, kConfigWithoutSps, kConfigWithoutPps, kConfigTooLarge.
absl::StatusOr<std::vector<uint8_t>> BuildHevcConfig(const HevcConfig& config);

// ISO/IEC 14496-15 Annex E.3: "hvc1.1.6.L93.B0". Parameter sets are out of band only, hence hvc1.
std::string CodecString(const ProfileTierLevel& profile);

// The record after parameter sets that came in band: same ids are replaced, new ones are added.
// Nothing where that changes nothing.
std::optional<HevcConfig> Updated(const HevcConfig& config, const ParameterSets& sets);

// A record of nothing but parameter sets, for a stream that announces none: as if they had been
// announced. Nothing until each kind is there.
std::optional<HevcConfig> FromParameterSets(const ParameterSets& sets);

// Temporal sub-layers of the stream, 1 to 7: what ReadAccessUnit wants to know.
unsigned SubLayersOf(const HevcConfig& config);

// Track 1, its config rebuilt for 4-byte lengths, the form of every Frame. The frame rate is the
// SPS's or else the VPS's.
absl::StatusOr<Track> MakeTrack(const HevcConfig& config);

}  // namespace millrace::media::h265
