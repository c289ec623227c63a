#pragma once
// AV1CodecConfigurationRecord (av1C), "AV1 Codec ISO Media File Format Binding" §2.3, and the Track
// that follows from it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/codec/av1/sequence_header.h"
#include "media/frame/track.h"

namespace millrace::media::av1 {

struct Av1Config {
  // The sequence header OBU with OBU header and size field: what a container that wants it in its
  // samples (ISO-BMFF sync samples, RTP) puts in front of a key frame.
  std::vector<uint8_t> sequence_header;
  // Metadata OBUs of the whole stream (HDR light levels), one behind the other, with size fields.
  std::vector<uint8_t> metadata;
  // Frames to decode before the first is shown, 1 to 16; nothing where the record does not say.
  std::optional<uint8_t> initial_presentation_delay;

  friend bool operator==(const Av1Config&, const Av1Config&) = default;
};

// Reads a record. Everything but the delay is taken from the sequence header, whatever the record
// says. Other OBUs than sequence header and metadata are left out. kConfig…, kObu….
absl::StatusOr<Av1Config> ParseAv1Config(Bytes record);

// The same of OBUs without the four bytes in front: what came in band.
absl::StatusOr<Av1Config> ConfigFromObus(Bytes obus);

// Writes a record. kConfigWithoutSequenceHeader, kSequenceHeader….
absl::StatusOr<std::vector<uint8_t>> BuildAv1Config(const Av1Config& config);

// The sequence header in `config`, parsed.
absl::StatusOr<SequenceHeader> SequenceHeaderOf(const Av1Config& config);

// "AV1 Codec ISO Media File Format Binding" §5: "av01.0.04M.08"; with the optional fields where one
// of them is not what leaving them out means.
std::string CodecString(const SequenceHeader& header);

// The record after a sequence header OBU (header and size field included) that came in band.
// Nothing where that changes nothing or it cannot be read.
std::optional<Av1Config> Updated(const Av1Config& config, Bytes sequence_header);

// Track 1. Width and height are the largest that the sequence header allows.
absl::StatusOr<Track> MakeTrack(const Av1Config& config);

}  // namespace millrace::media::av1
