#pragma once
// ADTS, ISO/IEC 13818-7 §6.2: AAC frames that carry their configuration with them.

#include <cstddef>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/codec/aac/config.h"

namespace millrace::media::aac {

struct AdtsHeader {
  AacConfig config;
  size_t header_size = 7;  // 9 with a checksum
  size_t frame_size = 0;   // header included
};

// Whether `bytes` begin like an ADTS frame.
bool HasAdtsSync(Bytes bytes);

// Needs the header only, not the whole frame. kAdtsSync, kAdtsTruncated, kAdtsLength, kReserved….
absl::StatusOr<AdtsHeader> ParseAdtsHeader(Bytes bytes);

}  // namespace millrace::media::aac
