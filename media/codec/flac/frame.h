#pragma once
// How long a FLAC frame lasts, RFC 9639 §9.1: its header says it.

#include <cstdint>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"

namespace millrace::media::flac {

// Samples a channel, 1 to 65536. Needs the header only. kFrameTruncated, kFrameSync,
// kFrameReserved.
absl::StatusOr<uint32_t> FrameSamples(Bytes frame);

}  // namespace millrace::media::flac
