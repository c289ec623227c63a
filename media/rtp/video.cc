#include "media/rtp/video.h"

#include <algorithm>
#include <utility>

#include "media/codec/nal/framing.h"

namespace millrace::media::rtp {
namespace {

constexpr size_t kLengthSize = 4;
constexpr size_t kMaxCarriedSets = 64;
constexpr size_t kMaxSetBytes = 65'535;  // what a configuration record can hold

bool HasStartCode(Bytes nal) {
  constexpr uint8_t kStartCode[] = {0, 0, 1};
  return std::search(nal.begin(), nal.end(), std::begin(kStartCode), std::end(kStartCode)) !=
         nal.end();
}

void AppendSets(const std::vector<std::vector<uint8_t>>& from,
                std::vector<std::vector<uint8_t>>& to) {
  for (const auto& set : from) {
    if (set.size() > kMaxSetBytes) continue;
    std::erase(to, set);  // repeats; the last one of an id is in force
    if (to.size() == kMaxCarriedSets) to.erase(to.begin());
    to.push_back(set);
  }
}

}  // namespace

std::vector<std::vector<uint8_t>> CopiesOf(const std::vector<Bytes>& sets) {
  std::vector<std::vector<uint8_t>> copies;
  for (Bytes set : sets) copies.emplace_back(set.begin(), set.end());
  return copies;
}

absl::Status VideoDepacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  BeginUnit(packet, units);
  if (absl::Status status = TakePayload(packet.packet.payload.bytes()); !status.ok()) return status;
  // A marker behind parameter sets alone ends nothing: the picture has the same timestamp.
  if (packet.packet.marker && !marker_untrusted_ && (unit_.has_picture || in_fragments())) {
    EndUnit(units);
    ended_timestamp_ = packet.timestamp;
  }
  return absl::OkStatus();
}

void VideoDepacketizer::BeginUnit(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  const bool lost = std::exchange(lost_, false);
  const bool same = unit_.open && unit_.timestamp == packet.timestamp;
  if (lost && unit_.open) {
    AbandonFragments();
    unit_.damaged = true;
  }
  if (unit_.open && !same) EndUnit(units);
  if (!unit_.open) {
    unit_.open = true;
    unit_.timestamp = packet.timestamp;
    unit_.lost_before = lost;
    unit_.continues = !lost && ended_timestamp_ == packet.timestamp;
  }
  unit_.arrival_ns = packet.arrival_ns;
}

absl::Status VideoDepacketizer::AddNal(Bytes nal) {
  if (in_fragments()) {  // its last fragment was not marked as such
    if (absl::Status status = EndNal(std::exchange(unit_.fragment_at, SIZE_MAX)); !status.ok()) {
      return status;
    }
  }
  const size_t at = unit_.nals.size();
  unit_.nals.resize(at + kLengthSize);
  if (absl::Status status = Append(nal); !status.ok()) {
    unit_.nals.resize(at);
    return status;
  }
  return EndNal(at);
}

absl::Status VideoDepacketizer::BeginFragments(Bytes header) {
  if (in_fragments()) {
    if (absl::Status status = EndNal(std::exchange(unit_.fragment_at, SIZE_MAX)); !status.ok()) {
      return status;
    }
  }
  unit_.fragment_at = unit_.nals.size();
  unit_.nals.resize(unit_.fragment_at + kLengthSize);
  return Append(header);
}

absl::Status VideoDepacketizer::AddFragment(Bytes piece, bool last) {
  if (absl::Status status = Append(piece); !status.ok()) return status;
  return last ? EndNal(std::exchange(unit_.fragment_at, SIZE_MAX)) : absl::OkStatus();
}

absl::Status VideoDepacketizer::MissedStart(Bytes header) {
  Note(header);
  const bool explained = unit_.damaged || unit_.lost_before;
  unit_.damaged = true;
  return explained ? absl::OkStatus() : RtpFault(RtpError::kFragmentWithoutStart);
}

absl::Status VideoDepacketizer::Append(Bytes bytes) {
  if (bytes.size() > limits_.max_unit_bytes ||
      unit_.nals.size() > limits_.max_unit_bytes - bytes.size()) {
    return RtpFault(RtpError::kUnitTooLarge);
  }
  unit_.nals.insert(unit_.nals.end(), bytes.begin(), bytes.end());
  return absl::OkStatus();
}

// The NAL unit whose length stands at `at` is whole.
absl::Status VideoDepacketizer::EndNal(size_t at) {
  const Bytes nal = Bytes(unit_.nals).subspan(at + kLengthSize);
  if (nal.empty()) {
    unit_.nals.resize(at);
    return absl::OkStatus();
  }
  // Some encoders put a byte stream into one packet. Within a NAL unit no start code can occur, so
  // what is small is searched for them; slices are not.
  if (nal::StartsWithStartCode(nal) || (!Classify(nal).picture && HasStartCode(nal))) {
    return SplitNal(at);
  }
  if (Classify(nal).ignored) {
    unit_.nals.resize(at);
    return absl::OkStatus();
  }
  if (unit_.count == limits_.max_nals) {
    unit_.nals.resize(at);
    return RtpFault(RtpError::kTooManyUnits);
  }
  ++unit_.count;
  for (size_t i = 0; i < kLengthSize; ++i) {
    unit_.nals[at + i] = static_cast<uint8_t>(nal.size() >> (8 * (kLengthSize - 1 - i)));
  }
  Note(nal);
  return absl::OkStatus();
}

absl::Status VideoDepacketizer::SplitNal(size_t at) {
  std::vector<uint8_t> stream = {0, 0, 1};
  stream.insert(stream.end(), unit_.nals.begin() + static_cast<std::ptrdiff_t>(at + kLengthSize),
                unit_.nals.end());
  unit_.nals.resize(at);
  const auto nals = nal::SplitAnnexB(stream, {"rtp_bad_unit", "rtp_too_many_units"});
  if (!nals.ok() || unit_.count + nals->size() > limits_.max_nals) {
    return RtpFault(RtpError::kTooManyUnits);
  }
  unit_.count += nals->size();
  ByteWriter writer(unit_.nals);
  for (Bytes nal : *nals) {
    if (Classify(nal).ignored) continue;
    writer.U32(static_cast<uint32_t>(nal.size()));
    writer.Append(nal);
    Note(nal);
  }
  return absl::OkStatus();
}

void VideoDepacketizer::AbandonFragments() {
  if (!in_fragments()) return;
  const size_t at = std::exchange(unit_.fragment_at, SIZE_MAX);
  const Bytes begun = Bytes(unit_.nals).subspan(at + kLengthSize);
  if (!begun.empty()) Note(begun);
  unit_.nals.resize(at);
}

void VideoDepacketizer::Note(Bytes nal) {
  const NalKind kind = Classify(nal);
  unit_.has_sps = unit_.has_sps || kind.sps;
  if (!kind.picture) return;
  if (!unit_.has_picture) {
    unit_.begins_clean = kind.first_slice;
    // A picture goes on behind a marker: from now on only timestamps end one.
    if (unit_.continues && !kind.first_slice) {
      marker_untrusted_ = true;
      unit_.damaged = true;
    }
  }
  unit_.has_picture = true;
  unit_.reference = unit_.reference || kind.reference;
}

void VideoDepacketizer::EndUnit(std::vector<AccessUnit>& units) {
  if (in_fragments() && !EndNal(std::exchange(unit_.fragment_at, SIZE_MAX)).ok()) {
    unit_.damaged = true;
  }
  // Between pictures anything may have been lost, also one that others refer to.
  if (unit_.lost_before) gate_.Damage();
  const bool damaged =
      unit_.damaged || (unit_.lost_before && unit_.has_picture && !unit_.begins_clean);
  if (damaged) {
    CountDamaged();
    if (unit_.reference || !unit_.has_picture) gate_.Damage();
  }
  const bool marked_key = unit_.has_sps || !carried_.sps.empty();
  absl::StatusOr<Read> read = Read{};
  if (!unit_.nals.empty()) {
    read = ReadUnit(Payload::FromVector(std::exchange(unit_.nals, {})), marked_key);
  }
  if (!read.ok()) {
    CountDamaged();
    gate_.Damage();
  } else if (damaged || !read->has_picture) {
    Carry(read->in_band);
  } else {
    Judge(*std::move(read), units);
  }
  unit_ = Unit();
}

void VideoDepacketizer::Judge(Read read, std::vector<AccessUnit>& units) {
  AccessUnit unit;
  unit.timestamp = unit_.timestamp;
  unit.arrival_ns = unit_.arrival_ns;
  unit.flags = read.flags;
  if (!gate_.Admit(unit_.timestamp, unit.flags)) {
    CountUndecodable();
    return Carry(read.in_band);
  }
  unit.payload = std::move(read.payload);
  Carry(read.in_band);
  unit.in_band = std::exchange(carried_, {});
  Emit(std::move(unit), units);
}

void VideoDepacketizer::Carry(const InBandConfig& in_band) {
  AppendSets(in_band.vps, carried_.vps);
  AppendSets(in_band.sps, carried_.sps);
  AppendSets(in_band.pps, carried_.pps);
}

void VideoDepacketizer::Lose() { lost_ = true; }

void VideoDepacketizer::Reset() {
  unit_ = Unit();
  carried_ = {};
  gate_.Reset();
  lost_ = false;
  ended_timestamp_.reset();
}

void VideoDepacketizer::Flush(std::vector<AccessUnit>& units) {
  if (!unit_.open) return;
  if (lost_ || in_fragments()) unit_.damaged = true;
  AbandonFragments();
  EndUnit(units);
}

}  // namespace millrace::media::rtp
