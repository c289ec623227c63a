#include "media/codec/av1/temporal_unit.h"

#include <utility>

#include "media/base/bit_reader.h"
#include "media/codec/av1/sequence_header.h"
#include "media/frame/frame.h"

namespace millrace::media::av1 {
namespace {

bool IsDropped(ObuType type) {
  return type == ObuType::kTemporalDelimiter || type == ObuType::kSequenceHeader ||
         type == ObuType::kPadding;
}

// uncompressed_header(), §5.9.2, as far as show_frame.
uint16_t FlagsOf(Bytes frame_header, bool reduced_header) {
  if (reduced_header) return kClosedRandomAccess;
  BitReader bits(frame_header);
  if (bits.Flag()) return 0;  // show_existing_frame
  const bool key = bits.Bits(2) == 0;
  const bool shown = bits.Flag();
  if (!bits.ok() || !key) return 0;
  return shown ? kClosedRandomAccess : kOpenRandomAccess;
}

void Classify(const std::vector<Obu>& obus, TemporalUnit& unit) {
  bool reduced_header = false;
  for (const Obu& obu : obus) {
    switch (obu.type) {
      case ObuType::kSequenceHeader: {
        const auto header = ParseSequenceHeader(obu.payload);
        if (!header.ok() || !unit.sequence_header.empty()) break;
        reduced_header = header->reduced_header;
        ByteWriter writer(unit.sequence_header);
        AppendSized(writer, obu);
        break;
      }
      case ObuType::kFrameHeader:
      case ObuType::kFrame:
        if (!unit.has_picture) unit.flags = FlagsOf(obu.payload, reduced_header);
        unit.has_picture = true;
        break;
      default:
        break;
    }
  }
}

Payload Keep(const Payload& input, const std::vector<Obu>& kept) {
  if (kept.empty()) return {};
  bool contiguous = kept.back().has_size;
  for (size_t i = 1; i < kept.size() && contiguous; ++i) {
    contiguous = kept[i].whole.data() == kept[i - 1].whole.data() + kept[i - 1].whole.size();
  }
  if (contiguous) {
    const auto begin = static_cast<size_t>(kept.front().whole.data() - input.data());
    const auto end = static_cast<size_t>(kept.back().whole.data() - input.data());
    return input.Slice(begin, end + kept.back().whole.size() - begin);
  }
  std::vector<uint8_t> out;
  out.reserve(input.size() + 8);
  ByteWriter writer(out);
  for (const Obu& obu : kept) AppendSized(writer, obu);
  return Payload::FromVector(std::move(out));
}

}  // namespace

absl::StatusOr<TemporalUnit> ReadTemporalUnit(const Payload& input) {
  auto obus = SplitObus(input.bytes());
  if (!obus.ok()) return obus.status();
  TemporalUnit unit;
  Classify(*obus, unit);
  std::erase_if(*obus, [](const Obu& obu) { return IsDropped(obu.type); });
  unit.payload = Keep(input, *obus);
  return unit;
}

}  // namespace millrace::media::av1
