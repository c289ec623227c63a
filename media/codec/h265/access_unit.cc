#include "media/codec/h265/access_unit.h"

#include <optional>
#include <utility>
#include <vector>

#include "media/base/bit_reader.h"
#include "media/codec/h265/nal.h"
#include "media/codec/nal/sei.h"
#include "media/frame/frame.h"

namespace millrace::media::h265 {
namespace {

constexpr size_t kSeiRecoveryPoint = 6;  // ISO/IEC 23008-2 §D.2.1
constexpr size_t kSeiBytes = 4096;       // a recovery point comes early or not at all

// recovery_poc_cnt of the first recovery point message, §7.3.5 and D.2.8.
std::optional<int32_t> RecoveryPoint(Bytes nal) {
  const std::vector<uint8_t> rbsp = Unescape(nal, kSeiBytes);
  const std::optional<Bytes> message = nal::FindSeiMessage(rbsp, kSeiRecoveryPoint);
  if (!message.has_value()) return std::nullopt;
  BitReader bits(*message);
  const int32_t count = bits.SignedGolomb();
  if (!bits.ok()) return std::nullopt;
  return count;
}

bool IsDropped(Bytes nal) {
  const NalType type = TypeOf(nal);
  return LayerOf(nal) != 0 || type == NalType::kVps || type == NalType::kSps ||
         type == NalType::kPps || type == NalType::kAccessUnitDelimiter;
}

// What the type of the first slice says, Table 7-1.
uint16_t FlagsOf(NalType type, std::optional<int32_t> recovery) {
  switch (type) {
    case NalType::kBlaWithLeading:
    case NalType::kBlaWithRadl:
    case NalType::kBla:
    case NalType::kIdrWithRadl:
    case NalType::kIdr:
      return kClosedRandomAccess;
    case NalType::kCra:
      return kOpenRandomAccess;
    case NalType::kRadlN:
    case NalType::kRadlR:
    case NalType::kRaslN:
    case NalType::kRaslR:
      return kLeading;
    default:
      break;
  }
  if (!recovery.has_value()) return 0;
  if (*recovery == 0) return kOpenRandomAccess;
  return *recovery > 0 ? kGradualRefreshStart : 0;
}

// Whether the type is one of a picture that its own sub-layer does not refer to.
bool IsSubLayerNonReference(NalType type) {
  const auto number = static_cast<unsigned>(type);
  return number < 16 && number % 2 == 0;
}

void Classify(const std::vector<Bytes>& nals, unsigned sub_layers, AccessUnit& unit) {
  std::optional<NalType> first;
  std::optional<int32_t> recovery;
  bool referenced = false;
  for (Bytes nal : nals) {
    if (LayerOf(nal) != 0) continue;
    const NalType type = TypeOf(nal);
    if (IsSlice(type)) {
      if (!first.has_value()) first = type;
      referenced =
          referenced || !IsSubLayerNonReference(type) || TemporalIdOf(nal) + 1 < sub_layers;
    } else if (type == NalType::kPrefixSei && !recovery.has_value()) {
      recovery = RecoveryPoint(nal);
    } else if (type == NalType::kVps) {
      unit.sets.vps.push_back(nal);
    } else if (type == NalType::kSps) {
      unit.sets.sps.push_back(nal);
    } else if (type == NalType::kPps) {
      unit.sets.pps.push_back(nal);
    }
  }
  unit.has_picture = first.has_value();
  if (!unit.has_picture) return;
  unit.flags = FlagsOf(*first, recovery);
  if (!referenced) unit.flags |= kNonReference;
}

AccessUnit Build(const Payload& input, const std::vector<Bytes>& nals, bool four_byte_lengths,
                 unsigned sub_layers) {
  AccessUnit unit;
  Classify(nals, sub_layers, unit);
  std::vector<Bytes> kept;
  kept.reserve(nals.size());
  for (Bytes nal : nals) {
    if (!IsDropped(nal)) kept.push_back(nal);
  }
  unit.payload = nal::LengthPrefixedPayload(input, kept, four_byte_lengths);
  return unit;
}

}  // namespace

absl::StatusOr<AccessUnit> ReadAccessUnit(const Payload& input, size_t length_size,
                                          unsigned sub_layers) {
  auto nals = SplitLengthPrefixed(input.bytes(), length_size);
  if (!nals.ok()) {
    if (nal::StartsWithStartCode(input.bytes())) return ReadAnnexBAccessUnit(input, sub_layers);
    return nals.status();
  }
  return Build(input, *nals, length_size == 4, sub_layers);
}

absl::StatusOr<AccessUnit> ReadAnnexBAccessUnit(const Payload& input, unsigned sub_layers) {
  auto nals = SplitAnnexB(input.bytes());
  if (!nals.ok()) return nals.status();
  return Build(input, *nals, false, sub_layers);
}

}  // namespace millrace::media::h265
