#include "media/rtp/nal_packetizer.h"

#include <algorithm>
#include <utility>

#include "media/codec/nal/framing.h"
#include "media/rtp/errors.h"

namespace millrace::media::rtp {
namespace {

constexpr size_t kLengthSize = 4;
constexpr size_t kUnitLength = 2;  // before each unit of an aggregate
constexpr size_t kMaxUdpPayload = 65'507 - kHeaderSize;

absl::StatusOr<std::vector<Bytes>> Split(const Payload& payload) {
  return nal::SplitLengthPrefixed(payload.bytes(), kLengthSize,
                                  {"rtp_bad_unit", "rtp_too_many_units"});
}

}  // namespace

NalPacketizer::NalPacketizer(PacketizerOptions options, Format format,
                             const std::vector<Bytes>& parameter_sets)
    : options_(options),
      format_(format),
      parameter_sets_(Payload::FromVector(nal::JoinLengthPrefixed(parameter_sets))) {}

absl::StatusOr<PacketSet> NalPacketizer::Pack(const Frame& frame) {
  auto nals = Split(frame.payload);
  if (!nals.ok()) return RtpFault(RtpError::kBadUnit);
  std::erase_if(*nals, [this](Bytes nal) { return !IsNal(nal); });
  if (nals->empty()) return RtpFault(RtpError::kBadUnit);
  PacketSetBuilder builder(options_.payload_type, TicksFromNs(frame.pts_ns, options_.clock_rate));
  builder.Hold(frame.payload);
  if (frame.random_access() || (frame.flags & kGradualRefreshStart) != 0) {
    builder.Hold(parameter_sets_);
    auto all = Split(parameter_sets_);
    all->insert(all->end(), nals->begin(), nals->end());
    nals = std::move(all);
  }
  if (!PackUnits(*nals, builder)) return RtpFault(RtpError::kUnitTooLarge);
  return builder.Finish();
}

// Each of `nals` is longer than its header, and has its 4-byte length right before it. False where
// a unit is beyond what a packet may hold.
bool NalPacketizer::PackUnits(std::span<const Bytes> nals, PacketSetBuilder& builder) const {
  const size_t max_payload = options_.MaxPayload();
  size_t begin = 0;  // of the run that goes into one packet
  size_t size = format_.nal_header_size;
  const auto flush = [&](size_t end) {
    if (begin < end) PackRun(nals.subspan(begin, end - begin), builder);
    begin = end;
    size = format_.nal_header_size;
  };
  for (size_t i = 0; i < nals.size(); ++i) {
    const size_t added = kUnitLength + nals[i].size();
    if (!format_.aggregate || size + added > max_payload) flush(i);
    if (nals[i].size() > max_payload) {
      if (!format_.fragment && nals[i].size() > kMaxUdpPayload) return false;
      if (format_.fragment) {
        Fragment(nals[i], builder);
        begin = i + 1;
        continue;
      }
    }
    size += added;
  }
  flush(nals.size());
  if (!builder.empty()) builder.SetMarker();
  return true;
}

void NalPacketizer::PackRun(std::span<const Bytes> nals, PacketSetBuilder& builder) const {
  builder.Begin();
  if (nals.size() == 1) return builder.Piece(nals[0]);
  builder.Header(AggregateHeader(nals));
  // The low half of the 4-byte length in the payload is the length that an aggregate wants.
  for (Bytes nal : nals) builder.Piece({nal.data() - kUnitLength, nal.size() + kUnitLength});
}

void NalPacketizer::Fragment(Bytes nal, PacketSetBuilder& builder) const {
  const size_t room = options_.MaxPayload() - FragmentHeader(nal, true, false).size();
  const Bytes body = nal.subspan(format_.nal_header_size);
  for (size_t at = 0; at < body.size(); at += room) {
    const size_t size = std::min(room, body.size() - at);
    builder.Begin();
    builder.Header(FragmentHeader(nal, at == 0, at + size == body.size()));
    builder.Piece(body.subspan(at, size));
  }
}

}  // namespace millrace::media::rtp
