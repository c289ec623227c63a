#pragma once
// How long an Opus packet lasts, RFC 6716 §3.1 and §3.2: the table-of-contents byte says it.

#include <cstdint>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"

namespace millrace::media::opus {

// Samples a channel at 48 kHz: 120 to 5760. kPacketEmpty, kPacketTruncated, kPacketDuration.
absl::StatusOr<uint32_t> PacketSamples(Bytes packet);

}  // namespace millrace::media::opus
