#pragma once
// NAL units of H.265, ISO/IEC 23008-2 §7.3.1: their two-byte header, and walking access units.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/codec/h265/errors.h"
#include "media/codec/nal/framing.h"

namespace millrace::media::h265 {

// nal_unit_type, Table 7-1. Types below 32 are slices; below 16 the even ones are of pictures that
// no other picture of their sub-layer refers to.
enum class NalType : uint8_t {
  kTrailN = 0,
  kTrailR = 1,
  kRadlN = 6,
  kRadlR = 7,
  kRaslN = 8,
  kRaslR = 9,
  kBlaWithLeading = 16,
  kBlaWithRadl = 17,
  kBla = 18,
  kIdrWithRadl = 19,
  kIdr = 20,
  kCra = 21,
  kVps = 32,
  kSps = 33,
  kPps = 34,
  kAccessUnitDelimiter = 35,
  kEndOfSequence = 36,
  kEndOfBitstream = 37,
  kFiller = 38,
  kPrefixSei = 39,
  kSuffixSei = 40,
};

inline constexpr size_t kNalHeaderSize = 2;

// Of a NAL unit with at least its header.
inline NalType TypeOf(Bytes nal) { return static_cast<NalType>((nal[0] >> 1) & 0x3f); }
inline unsigned LayerOf(Bytes nal) { return ((nal[0] & 1u) << 5) | (nal[1] >> 3); }
// TemporalId. The header bears it plus one; the forbidden 0 counts as 0.
inline unsigned TemporalIdOf(Bytes nal) {
  const unsigned plus1 = nal[1] & 7u;
  return plus1 > 0 ? plus1 - 1 : 0;
}
inline bool IsSlice(NalType type) { return static_cast<unsigned>(type) < 32; }

// As in media/codec/nal, without units that are shorter than their header. kNalTruncated,
// kTooManyNals.
absl::StatusOr<std::vector<Bytes>> SplitLengthPrefixed(Bytes bytes, size_t length_size);
absl::StatusOr<std::vector<Bytes>> SplitAnnexB(Bytes bytes);

// The RBSP behind the header, at most `limit` bytes of input read.
std::vector<uint8_t> Unescape(Bytes nal, size_t limit = SIZE_MAX);

}  // namespace millrace::media::h265
