#pragma once
// From what a protocol carried to the payload and flags of a Frame.

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "media/base/payload.h"
#include "media/codec/h265/config.h"

namespace millrace::media::h265 {

struct AccessUnit {
  // NAL units behind 4-byte lengths, without delimiters, parameter sets and units of enhancement
  // layers. Shares the owner of the input where what remains was contiguous and in that form
  // already; then nothing was copied.
  Payload payload;
  // kClosedRandomAccess: an IDR or BLA picture. kOpenRandomAccess: a CRA picture, or a recovery
  // point of 0 pictures. kGradualRefreshStart: a recovery point further on. kLeading: a RASL or
  // RADL picture. kNonReference: nothing refers to it.
  uint16_t flags = 0;
  bool has_picture = false;  // false: nothing to show in it (parameter sets or SEI alone)
  ParameterSets sets;        // that came in band: see Updated. They point into the input.
};

// `input` is length-prefixed with `length_size` bytes (1 to 4), or Annex B in spite of it: that is
// tried where it does not parse as such (some encoders). `sub_layers` as of SubLayersOf: a picture
// of a lower temporal sub-layer may be referred to by higher ones, whatever its type says. What the
// container says about key frames is not asked: here the unit types say it.
absl::StatusOr<AccessUnit> ReadAccessUnit(const Payload& input, size_t length_size,
                                          unsigned sub_layers = 1);

// The same of an Annex B access unit.
absl::StatusOr<AccessUnit> ReadAnnexBAccessUnit(const Payload& input, unsigned sub_layers = 1);

}  // namespace millrace::media::h265
