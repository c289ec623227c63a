#pragma once
// Open bitstream units in the low-overhead format (AV1 specification §5.2 and §5.3).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/codec/av1/errors.h"

namespace millrace::media::av1 {

// obu_type, §6.2.2.
enum class ObuType : uint8_t {
  kSequenceHeader = 1,
  kTemporalDelimiter = 2,
  kFrameHeader = 3,
  kTileGroup = 4,
  kMetadata = 5,
  kFrame = 6,
  kRedundantFrameHeader = 7,
  kTileList = 8,
  kPadding = 15,
};

inline constexpr size_t kMaxObusPerTemporalUnit = 4096;

struct Obu {
  ObuType type = ObuType::kPadding;
  bool has_size = true;
  Bytes whole;    // header, size field where there is one, payload
  Bytes payload;  // behind them
};

// Every OBU, slices of `bytes`. One without a size field reaches to the end, so it is the last one.
// kObuForbiddenBit, kObuTruncated, kTooManyObus.
absl::StatusOr<std::vector<Obu>> SplitObus(Bytes bytes);

// Writes the unit, with a size field whether it had one or not.
void AppendSized(ByteWriter& writer, const Obu& obu);

}  // namespace millrace::media::av1
