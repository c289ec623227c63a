#include "media/codec/flac/frame.h"

#include <bit>

#include "media/base/bit_reader.h"
#include "media/base/fault.h"
#include "media/codec/flac/config.h"

namespace millrace::media::flac {
namespace {

absl::Status Error(FlacError error) { return Fault(FlacErrorName(error)); }

// Skips the frame or sample number, coded like UTF-8 in up to seven bytes.
void SkipNumber(BitReader& bits) {
  const auto first = static_cast<uint8_t>(bits.Bits(8));
  const int ones = std::countl_one(first);
  if (ones == 1 || ones == 8) return bits.Fail();
  if (ones > 1) bits.Skip(8 * static_cast<size_t>(ones - 1));
}

}  // namespace

absl::StatusOr<uint32_t> FrameSamples(Bytes frame) {
  BitReader bits(frame);
  const uint32_t sync = bits.Bits(15);  // with a zero behind it
  bits.Flag();                          // blocking strategy
  const uint32_t code = bits.Bits(4);
  const uint32_t rate = bits.Bits(4);
  const uint32_t channels = bits.Bits(4);
  const uint32_t depth = bits.Bits(3);
  const bool reserved = bits.Flag();
  if (!bits.ok()) return Error(FlacError::kFrameTruncated);
  if (sync != 0x7ffc) return Error(FlacError::kFrameSync);
  if (code == 0 || rate == 15 || channels > 10 || depth == 3 || reserved) {
    return Error(FlacError::kFrameReserved);
  }
  SkipNumber(bits);
  uint32_t samples = 0;
  if (code == 1) {
    samples = 192;
  } else if (code <= 5) {
    samples = 144u << code;
  } else if (code <= 7) {
    samples = bits.Bits(code == 6 ? 8 : 16) + 1;
  } else {
    samples = 1u << code;
  }
  if (bits.overrun()) return Error(FlacError::kFrameTruncated);
  if (!bits.ok()) return Error(FlacError::kFrameReserved);
  return samples;
}

}  // namespace millrace::media::flac
