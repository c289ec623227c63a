#pragma once
// NAL units as H.264 and H.265 share them: walking length-prefixed and Annex B access units,
// joining them again, removing emulation prevention. Which header a unit has is the codec's
// business.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/base/payload.h"

namespace millrace::media::nal {

inline constexpr size_t kMaxNalsPerAccessUnit = 4096;

// The codec's names of what can be wrong with its units.
struct FaultNames {
  const char* truncated;  // a length beyond the end
  const char* too_many;   // more than kMaxNalsPerAccessUnit
};

// NAL units, each a slice of `bytes`, without empty ones. `length_size` is 1 to 4. Zero padding
// behind the last unit is ignored.
absl::StatusOr<std::vector<Bytes>> SplitLengthPrefixed(Bytes bytes, size_t length_size,
                                                       const FaultNames& names);

// The same of an Annex B byte stream (ISO/IEC 14496-10 and 23008-2): 3- and 4-byte start codes,
// trailing zeros dropped. What comes before the first start code is ignored.
absl::StatusOr<std::vector<Bytes>> SplitAnnexB(Bytes bytes, const FaultNames& names);

bool StartsWithStartCode(Bytes bytes);

// With a 4-byte length, or a 4-byte start code, before each unit.
std::vector<uint8_t> JoinLengthPrefixed(const std::vector<Bytes>& nals);
std::vector<uint8_t> JoinAnnexB(const std::vector<Bytes>& nals);

// `kept`, slices of `input` in order, behind 4-byte lengths. Shares the owner of `input` where they
// stand there in that form already and next to each other (`four_byte_lengths`: `input` is in that
// form); else copies.
Payload LengthPrefixedPayload(const Payload& input, const std::vector<Bytes>& kept,
                              bool four_byte_lengths);

// The RBSP behind `header_size` bytes: emulation prevention bytes removed, at most `limit` bytes of
// input read.
std::vector<uint8_t> Unescape(Bytes nal, size_t header_size, size_t limit = SIZE_MAX);

}  // namespace millrace::media::nal
