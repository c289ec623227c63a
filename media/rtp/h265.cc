#include "media/rtp/h265.h"

#include <algorithm>
#include <utility>

#include "media/codec/h265/access_unit.h"
#include "media/codec/h265/config.h"
#include "media/codec/h265/nal.h"

namespace millrace::media::rtp {
namespace {

// Payload structures, RFC 7798 §4.4.
constexpr unsigned kAggregation = 48;
constexpr unsigned kFragmentation = 49;
constexpr unsigned kPaci = 50;

constexpr uint8_t kStart = 0x80;
constexpr uint8_t kEnd = 0x40;
constexpr size_t kHeader = h265::kNalHeaderSize;
constexpr size_t kDonl = 2;  // bytes of a decoding order number
constexpr size_t kDond = 1;  // of a difference

unsigned PayloadType(Bytes payload) { return (payload[0] >> 1) & 0x3f; }

// Types above 47 are no NAL units: as a payload they would mean something else.
bool IsNalH265(Bytes nal) { return nal.size() > kHeader && PayloadType(nal) < kAggregation; }

// The first byte of a header with another type.
uint8_t WithType(uint8_t first, unsigned type) {
  return static_cast<uint8_t>((first & 0x81) | type << 1);
}

}  // namespace

absl::Status H265Depacketizer::TakePayload(Bytes payload) {
  if (nal::StartsWithStartCode(payload)) return AddNal(payload);
  if (payload.size() < kHeader) return RtpFault(RtpError::kPayloadTruncated);
  switch (PayloadType(payload)) {
    case kAggregation:
      return TakeAggregate(payload.subspan(kHeader));
    case kFragmentation:
      return TakeFragment(payload);
    case kPaci:
      return RtpFault(RtpError::kUnsupportedAggregation);
    default:
      return PayloadType(payload) < kAggregation ? TakeSingle(payload) : absl::OkStatus();
  }
}

absl::Status H265Depacketizer::TakeSingle(Bytes payload) {
  if (!parameters_.donl) return AddNal(payload);
  if (payload.size() < kHeader + kDonl) return RtpFault(RtpError::kPayloadTruncated);
  if (absl::Status status = BeginFragments(payload.first(kHeader)); !status.ok()) return status;
  return AddFragment(payload.subspan(kHeader + kDonl), true);
}

absl::Status H265Depacketizer::TakeAggregate(Bytes units) {
  ByteReader reader(units);
  for (bool first = true; !reader.done(); first = false) {
    // Zeros behind the last unit are padding.
    if (reader.remaining() == 1 && reader.Peek() == 0) break;
    if (parameters_.donl) reader.Skip(first ? kDonl : kDond);
    const Bytes nal = reader.Take(reader.U16());
    if (!reader.ok()) return RtpFault(RtpError::kAggregateTruncated);
    if (nal.empty()) continue;
    if (absl::Status status = AddNal(nal); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status H265Depacketizer::TakeFragment(Bytes payload) {
  ByteReader reader(payload.subspan(kHeader));
  const uint8_t fu = reader.U8();
  const bool start = (fu & kStart) != 0;
  if (parameters_.donl && start) reader.Skip(kDonl);
  if (!reader.ok()) return RtpFault(RtpError::kPayloadTruncated);
  const uint8_t header[] = {WithType(payload[0], fu & 0x3f), payload[1]};
  if (start) {
    if (absl::Status status = BeginFragments(header); !status.ok()) return status;
  } else if (!in_fragments()) {
    return MissedStart(header);
  }
  return AddFragment(reader.Rest(), (fu & kEnd) != 0);
}

VideoDepacketizer::NalKind H265Depacketizer::Classify(Bytes nal) const {
  NalKind kind;
  if (nal.size() < kHeader || PayloadType(nal) >= kAggregation) {
    kind.ignored = true;
    return kind;
  }
  const auto type = static_cast<unsigned>(h265::TypeOf(nal));
  kind.sps = h265::TypeOf(nal) == h265::NalType::kSps;
  kind.picture = h265::IsSlice(h265::TypeOf(nal)) && h265::LayerOf(nal) == 0;
  kind.ignored = nal.size() == kHeader;
  kind.first_slice = nal.size() > kHeader && (nal[kHeader] & 0x80) != 0;
  // Even types up to 14 are not referred to within their sub-layer.
  kind.reference = type > 14 || type % 2 == 1 ||
                   h265::TemporalIdOf(nal) + 1 < std::max(parameters_.sub_layers, 1u);
  return kind;
}

absl::StatusOr<VideoDepacketizer::Read> H265Depacketizer::ReadUnit(const Payload& length_prefixed,
                                                                   bool marked_key) {
  auto unit = h265::ReadAccessUnit(length_prefixed, 4, parameters_.sub_layers);
  if (!unit.ok()) return RtpFault(RtpError::kBadUnit);
  Read read;
  read.payload = std::move(unit->payload);
  read.flags = unit->flags;
  read.has_picture = unit->has_picture;
  read.in_band.vps = CopiesOf(unit->sets.vps);
  read.in_band.sps = CopiesOf(unit->sets.sps);
  read.in_band.pps = CopiesOf(unit->sets.pps);
  return read;
}

absl::StatusOr<std::unique_ptr<Packetizer>> H265Packetizer::Create(const Track& track,
                                                                   PacketizerOptions options) {
  const auto config = h265::ParseHevcConfig(track.config);
  if (!config.ok()) return config.status();
  std::vector<Bytes> sets;
  for (const auto* group : {&config->vps, &config->sps, &config->pps, &config->sei}) {
    for (const auto& set : *group) {
      if (IsNalH265(set)) sets.emplace_back(set);
    }
  }
  return std::unique_ptr<Packetizer>(new H265Packetizer(options, sets));
}

H265Packetizer::H265Packetizer(PacketizerOptions options, const std::vector<Bytes>& parameter_sets)
    : NalPacketizer(options, {.nal_header_size = kHeader}, parameter_sets) {}

bool H265Packetizer::IsNal(Bytes nal) const { return IsNalH265(nal); }

std::vector<uint8_t> H265Packetizer::AggregateHeader(std::span<const Bytes> nals) const {
  // §4.4.2: F if any has it, the lowest layer and the lowest temporal sub-layer of all.
  uint8_t forbidden = 0;
  unsigned layer = 63;
  unsigned temporal = 7;
  for (Bytes nal : nals) {
    forbidden = static_cast<uint8_t>(forbidden | (nal[0] & 0x80));
    layer = std::min(layer, h265::LayerOf(nal));
    temporal = std::min(temporal, nal[1] & 7u);
  }
  return {static_cast<uint8_t>(forbidden | kAggregation << 1 | layer >> 5),
          static_cast<uint8_t>((layer & 31) << 3 | temporal)};
}

std::vector<uint8_t> H265Packetizer::FragmentHeader(Bytes nal, bool first, bool last) const {
  return {WithType(nal[0], kFragmentation), nal[1],
          static_cast<uint8_t>((first ? kStart : 0) | (last ? kEnd : 0) | PayloadType(nal))};
}

}  // namespace millrace::media::rtp
