#include "media/codec/h264/access_unit.h"

#include <optional>
#include <utility>

#include "media/base/bit_reader.h"
#include "media/codec/nal/sei.h"
#include "media/frame/frame.h"

namespace millrace::media::h264 {
namespace {

constexpr size_t kSeiRecoveryPoint = 6;   // ISO/IEC 14496-10 Table D-1
constexpr size_t kSliceHeaderBytes = 16;  // more than two Exp-Golomb codes need
constexpr size_t kSeiBytes = 4096;        // a recovery point comes early or not at all

// Whether the slice has only intra macroblocks, §7.4.3: types 2, 4 (SI), 7, 9.
bool IsIntra(Bytes nal) {
  const std::vector<uint8_t> rbsp = Unescape(nal, kSliceHeaderBytes);
  BitReader bits(rbsp);
  bits.UnsignedGolomb();  // first_mb_in_slice
  const uint32_t type = bits.UnsignedGolomb();
  return bits.ok() && type <= 9 && (type % 5 == 2 || type % 5 == 4);
}

// recovery_frame_cnt of the first recovery point message, §7.3.2.3.1 and D.1.8.
std::optional<uint32_t> RecoveryPoint(Bytes nal) {
  const std::vector<uint8_t> rbsp = Unescape(nal, kSeiBytes);
  const std::optional<Bytes> message = nal::FindSeiMessage(rbsp, kSeiRecoveryPoint);
  if (!message.has_value()) return std::nullopt;
  BitReader bits(*message);
  const uint32_t count = bits.UnsignedGolomb();
  if (!bits.ok()) return std::nullopt;
  return count;
}

bool IsDropped(NalType type) {
  return type == NalType::kAccessUnitDelimiter || type == NalType::kSps || type == NalType::kPps;
}

void Classify(const std::vector<Bytes>& nals, bool marked_key, AccessUnit& unit) {
  bool idr = false;
  bool all_intra = true;
  bool referenced = false;
  std::optional<uint32_t> recovery;
  for (Bytes nal : nals) {
    switch (TypeOf(nal)) {
      case NalType::kIdrSlice:
        idr = true;
        [[fallthrough]];
      case NalType::kSlice:
      case NalType::kPartitionA:
        unit.has_picture = true;
        referenced = referenced || RefIdcOf(nal) != 0;
        all_intra = all_intra && (idr || IsIntra(nal));
        break;
      case NalType::kSei:
        if (!recovery.has_value()) recovery = RecoveryPoint(nal);
        break;
      case NalType::kSps:
        unit.sps.push_back(nal);
        break;
      case NalType::kPps:
        unit.pps.push_back(nal);
        break;
      default:
        break;
    }
  }
  if (!unit.has_picture) return;
  if (idr) {
    unit.flags |= kClosedRandomAccess;
  } else if (all_intra && (recovery == 0u || marked_key)) {
    unit.flags |= kOpenRandomAccess;
  } else if (recovery.value_or(0) > 0) {
    unit.flags |= kGradualRefreshStart;
  }
  if (!referenced) unit.flags |= kNonReference;
}

AccessUnit Build(const Payload& input, const std::vector<Bytes>& nals, bool four_byte_lengths,
                 bool marked_key) {
  AccessUnit unit;
  Classify(nals, marked_key, unit);
  std::vector<Bytes> kept;
  kept.reserve(nals.size());
  for (Bytes nal : nals) {
    if (!IsDropped(TypeOf(nal))) kept.push_back(nal);
  }
  unit.payload = nal::LengthPrefixedPayload(input, kept, four_byte_lengths);
  return unit;
}

}  // namespace

absl::StatusOr<AccessUnit> ReadAccessUnit(const Payload& input, size_t length_size,
                                          bool marked_key) {
  auto nals = SplitLengthPrefixed(input.bytes(), length_size);
  if (!nals.ok()) {
    if (StartsWithStartCode(input.bytes())) return ReadAnnexBAccessUnit(input, marked_key);
    return nals.status();
  }
  return Build(input, *nals, length_size == 4, marked_key);
}

absl::StatusOr<AccessUnit> ReadAnnexBAccessUnit(const Payload& input, bool marked_key) {
  auto nals = SplitAnnexB(input.bytes());
  if (!nals.ok()) return nals.status();
  return Build(input, *nals, false, marked_key);
}

}  // namespace millrace::media::h264
