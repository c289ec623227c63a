#pragma once
// From what a protocol carried to the payload and flags of a Frame.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/payload.h"
#include "media/codec/h264/nal.h"

namespace millrace::media::h264 {

struct AccessUnit {
  // NAL units behind 4-byte lengths, without delimiters and parameter sets. Shares the owner of the
  // input where what remains was contiguous and in that form already; then nothing was copied.
  Payload payload;
  // kClosedRandomAccess: an IDR picture. kOpenRandomAccess: intra slices only and a recovery point
  // of 0 frames. kGradualRefreshStart: a recovery point further on. kNonReference: no slice is
  // referred to.
  uint16_t flags = 0;
  bool has_picture = false;  // false: nothing to show in it (parameter sets or SEI alone)
  // Parameter sets that came in band: see h264::Updated. They point into the input.
  std::vector<Bytes> sps;
  std::vector<Bytes> pps;
};

// `input` is length-prefixed with `length_size` bytes (1 to 4), or Annex B in spite of it: that is
// tried where it does not parse as such (some encoders). `marked_key`: the container calls it a key
// frame, which makes a picture of intra slices an open random-access point where the encoder sends
// neither IDR nor SEI.
absl::StatusOr<AccessUnit> ReadAccessUnit(const Payload& input, size_t length_size,
                                          bool marked_key);

// The same of an Annex B access unit.
absl::StatusOr<AccessUnit> ReadAnnexBAccessUnit(const Payload& input, bool marked_key);

}  // namespace millrace::media::h264
