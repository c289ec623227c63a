#include "media/rtp/h264.h"

#include <algorithm>
#include <utility>

#include "media/codec/h264/access_unit.h"
#include "media/codec/h264/config.h"
#include "media/codec/h264/nal.h"

namespace millrace::media::rtp {
namespace {

// Payload structures, RFC 6184 Table 1.
constexpr uint8_t kStapA = 24;
constexpr uint8_t kStapB = 25;
constexpr uint8_t kMtap16 = 26;
constexpr uint8_t kMtap24 = 27;
constexpr uint8_t kFuA = 28;
constexpr uint8_t kFuB = 29;

constexpr uint8_t kStart = 0x80;
constexpr uint8_t kEnd = 0x40;

// Types 0 and above 23 are no NAL units: as a payload they would mean something else.
bool IsNalH264(Bytes nal) {
  const unsigned type = nal[0] & 0x1f;
  return type > 0 && type < kStapA;
}

}  // namespace

absl::Status H264Depacketizer::TakePayload(Bytes payload) {
  if (h264::StartsWithStartCode(payload)) return AddNal(payload);
  switch (payload[0] & 0x1f) {
    case kStapA:
      return TakeStapA(payload.subspan(1));
    case kFuA:
      return TakeFuA(payload);
    case kStapB:
    case kMtap16:
    case kMtap24:
    case kFuB:
      return RtpFault(RtpError::kUnsupportedAggregation);
    case 0:
    case 30:
    case 31:
      return absl::OkStatus();
    default:
      return AddNal(payload);
  }
}

absl::Status H264Depacketizer::TakeStapA(Bytes units) {
  ByteReader reader(units);
  while (!reader.done()) {
    // Some encoders pad with zeros: units of length 0, or half a length.
    if (reader.remaining() == 1 && reader.Peek() == 0) break;
    const Bytes nal = reader.Take(reader.U16());
    if (!reader.ok()) return RtpFault(RtpError::kAggregateTruncated);
    if (nal.empty()) continue;
    if (absl::Status status = AddNal(nal); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status H264Depacketizer::TakeFuA(Bytes payload) {
  if (payload.size() < 2) return RtpFault(RtpError::kPayloadTruncated);
  const uint8_t fu = payload[1];
  const uint8_t header[] = {static_cast<uint8_t>((payload[0] & 0xe0) | (fu & 0x1f))};
  if ((fu & kStart) != 0) {
    if (absl::Status status = BeginFragments(header); !status.ok()) return status;
  } else if (!in_fragments()) {
    return MissedStart(header);
  }
  return AddFragment(payload.subspan(2), (fu & kEnd) != 0);
}

VideoDepacketizer::NalKind H264Depacketizer::Classify(Bytes nal) const {
  NalKind kind;
  const h264::NalType type = h264::TypeOf(nal);
  kind.ignored = !IsNalH264(nal);
  kind.sps = type == h264::NalType::kSps;
  kind.picture = type >= h264::NalType::kSlice && type <= h264::NalType::kIdrSlice;
  kind.reference = h264::RefIdcOf(nal) != 0;
  // first_mb_in_slice is ue(v): 0 is a single 1. Partitions B and C begin with another field.
  const bool begins = type != h264::NalType::kPartitionB && type != h264::NalType::kPartitionC;
  kind.first_slice = begins && nal.size() > 1 && (nal[1] & 0x80) != 0;
  return kind;
}

absl::StatusOr<VideoDepacketizer::Read> H264Depacketizer::ReadUnit(const Payload& length_prefixed,
                                                                   bool marked_key) {
  auto unit = h264::ReadAccessUnit(length_prefixed, 4, marked_key);
  if (!unit.ok()) return RtpFault(RtpError::kBadUnit);
  Read read;
  read.payload = std::move(unit->payload);
  read.flags = unit->flags;
  read.has_picture = unit->has_picture;
  read.in_band.sps = CopiesOf(unit->sps);
  read.in_band.pps = CopiesOf(unit->pps);
  return read;
}

absl::StatusOr<std::unique_ptr<Packetizer>> H264Packetizer::Create(const Track& track,
                                                                   PacketizerOptions options,
                                                                   int packetization_mode) {
  const auto config = h264::ParseAvcConfig(track.config);
  if (!config.ok()) return config.status();
  std::vector<Bytes> sets;
  for (const auto* group : {&config->sps, &config->sps_extensions, &config->pps}) {
    sets.insert(sets.end(), group->begin(), group->end());
  }
  return std::unique_ptr<Packetizer>(new H264Packetizer(options, packetization_mode, sets));
}

H264Packetizer::H264Packetizer(PacketizerOptions options, int mode,
                               const std::vector<Bytes>& parameter_sets)
    : NalPacketizer(options, {.nal_header_size = 1, .aggregate = mode != 0, .fragment = mode != 0},
                    parameter_sets) {}

bool H264Packetizer::IsNal(Bytes nal) const { return IsNalH264(nal); }

std::vector<uint8_t> H264Packetizer::AggregateHeader(std::span<const Bytes> nals) const {
  // §5.7: F if any has it, the highest NRI of all.
  uint8_t forbidden = 0;
  uint8_t importance = 0;
  for (Bytes nal : nals) {
    forbidden = static_cast<uint8_t>(forbidden | (nal[0] & 0x80));
    importance = std::max<uint8_t>(importance, nal[0] & 0x60);
  }
  return {static_cast<uint8_t>(forbidden | importance | kStapA)};
}

std::vector<uint8_t> H264Packetizer::FragmentHeader(Bytes nal, bool first, bool last) const {
  return {static_cast<uint8_t>((nal[0] & 0xe0) | kFuA),
          static_cast<uint8_t>((first ? kStart : 0) | (last ? kEnd : 0) | (nal[0] & 0x1f))};
}

}  // namespace millrace::media::rtp
