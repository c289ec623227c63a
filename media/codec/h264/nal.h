#pragma once
// NAL units: walking length-prefixed and Annex B access units, and converting between the two.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/codec/h264/errors.h"
#include "media/codec/nal/framing.h"

namespace millrace::media::h264 {

// nal_unit_type, ISO/IEC 14496-10 Table 7-1.
enum class NalType : uint8_t {
  kSlice = 1,
  kPartitionA = 2,
  kPartitionB = 3,
  kPartitionC = 4,
  kIdrSlice = 5,
  kSei = 6,
  kSps = 7,
  kPps = 8,
  kAccessUnitDelimiter = 9,
  kEndOfSequence = 10,
  kEndOfStream = 11,
  kFiller = 12,
  kSpsExtension = 13,
  kSubsetSps = 15,
};

using nal::kMaxNalsPerAccessUnit;

// Of a NAL unit with at least its header byte.
inline NalType TypeOf(Bytes nal) { return static_cast<NalType>(nal[0] & 0x1f); }
inline unsigned RefIdcOf(Bytes nal) { return (nal[0] >> 5) & 3; }

// NAL units, each a slice of `bytes`, without empty ones. `length_size` is 1 to 4. Zero padding
// behind the last unit is ignored. Fails as kNalTruncated, kTooManyNals.
absl::StatusOr<std::vector<Bytes>> SplitLengthPrefixed(Bytes bytes, size_t length_size);

// The same of an Annex B byte stream: 3- and 4-byte start codes, trailing zeros dropped. What comes
// before the first start code is ignored.
absl::StatusOr<std::vector<Bytes>> SplitAnnexB(Bytes bytes);

bool StartsWithStartCode(Bytes bytes);

// With a 4-byte length, or a 4-byte start code, before each unit.
std::vector<uint8_t> JoinLengthPrefixed(const std::vector<Bytes>& nals);
std::vector<uint8_t> JoinAnnexB(const std::vector<Bytes>& nals);

// Annex B to 4-byte lengths, and 1- to 4-byte lengths to Annex B.
absl::StatusOr<std::vector<uint8_t>> AnnexBToLengthPrefixed(Bytes bytes);
absl::StatusOr<std::vector<uint8_t>> LengthPrefixedToAnnexB(Bytes bytes, size_t length_size);

// The RBSP behind the header byte: emulation prevention bytes removed, at most `limit` bytes of
// input read.
std::vector<uint8_t> Unescape(Bytes nal, size_t limit = SIZE_MAX);

}  // namespace millrace::media::h264
