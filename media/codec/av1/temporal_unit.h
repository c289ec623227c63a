#pragma once
// From what a protocol carried to the payload and flags of a Frame.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/payload.h"
#include "media/codec/av1/obu.h"

namespace millrace::media::av1 {

struct TemporalUnit {
  // OBUs, each with a size field, without temporal delimiters, sequence headers and padding. Shares
  // the owner of the input where what remains was contiguous and had size fields; then nothing was
  // copied.
  Payload payload;
  // kClosedRandomAccess: the first frame is a key frame that is shown. kOpenRandomAccess: a key
  // frame that is shown later, so that frames in between may need what came before it.
  uint16_t flags = 0;
  bool has_picture = false;  // false: no frame in it
  // The sequence header OBU that came in band, with a size field; empty without: see Updated.
  std::vector<uint8_t> sequence_header;
};

// `input` is in the low-overhead format. Which frames are referred to is not read: that takes the
// whole frame header, so kNonReference is never set. kObu…, kTooManyObus.
absl::StatusOr<TemporalUnit> ReadTemporalUnit(const Payload& input);

}  // namespace millrace::media::av1
