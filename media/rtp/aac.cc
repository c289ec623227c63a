#include "media/rtp/aac.h"

#include <algorithm>
#include <utility>

#include "media/base/bit_reader.h"
#include "media/codec/aac/adts.h"
#include "media/codec/aac/config.h"
#include "media/frame/frame.h"

namespace millrace::media::rtp {
namespace {

constexpr size_t kMaxUnitsPerPacket = 256;
constexpr size_t kMaxInterleaved = 256;
constexpr size_t kMaxHbrUnit = (1 << 13) - 1;  // what sizeLength 13 can tell
constexpr size_t kMaxUnitBytes = 1 << 20;      // with larger ones

}  // namespace

uint32_t AacTicksPerUnit(Bytes config, uint32_t clock_rate) {
  const auto parsed = aac::ParseAacConfig(config);
  if (!parsed.ok() || parsed->SamplesPerFrame() == 0 || parsed->OutputSampleRate() == 0) {
    return 1024;
  }
  return static_cast<uint32_t>(uint64_t{parsed->SamplesPerFrame()} * clock_rate /
                               parsed->OutputSampleRate());
}

absl::Status AacDepacketizer::Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) {
  const bool lost = std::exchange(lost_, false);
  const Payload& payload = packet.packet.payload;
  ByteReader reader(payload.bytes());
  std::vector<AuHeader> headers;
  const bool has_headers = parameters_.size_length + parameters_.index_length +
                               parameters_.cts_delta_length + parameters_.dts_delta_length +
                               parameters_.stream_state_indication >
                           0;
  if (has_headers || parameters_.random_access_indication) {
    const size_t bits = reader.U16();
    const Bytes section = reader.Take((bits + 7) / 8);
    if (!reader.ok()) return RtpFault(RtpError::kPayloadTruncated);
    if (absl::Status status = ReadHeaders(section, bits, headers); !status.ok()) return status;
  } else {
    // Units of a constant size alone: as many as fit.
    if (parameters_.constant_size == 0) return RtpFault(RtpError::kUnsupportedConfig);
    const size_t count = payload.size() / parameters_.constant_size;
    if (count > kMaxUnitsPerPacket) return RtpFault(RtpError::kTooManyUnits);
    for (size_t i = 0; i < count; ++i) {
      headers.push_back({parameters_.constant_size, static_cast<int64_t>(i)});
    }
  }
  if (parameters_.auxiliary_data_size_length > 0) {
    BitReader bits(payload.bytes().subspan(reader.position()));
    const size_t size = bits.Bits(parameters_.auxiliary_data_size_length);
    bits.Skip(size);
    if (!bits.ok()) return RtpFault(RtpError::kPayloadTruncated);
    reader.Skip((bits.position() + 7) / 8);
  }
  if (headers.empty()) return RtpFault(RtpError::kPayloadTruncated);
  if (headers.size() == 1 && headers[0].size > 0 &&
      (fragment_size_ > 0 || headers[0].size > reader.remaining())) {
    if (given_up_ == packet.timestamp) return absl::OkStatus();
    if (fragment_size_ == 0) fragment_suspect_ = lost;
    return TakeFragment(packet, reader.Rest(), headers[0].size, units);
  }
  if (std::exchange(fragment_size_, 0) > 0) CountDamaged();
  for (const AuHeader& header : headers) {
    if (header.size > reader.remaining()) return RtpFault(RtpError::kSizeMismatch);
    const size_t at = reader.position();
    reader.Skip(header.size);
    if (header.size == 0) continue;
    EmitUnit(packet, packet.timestamp + header.index * parameters_.ticks_per_unit,
             payload.Slice(at, header.size), units);
  }
  return absl::OkStatus();
}

// §3.2.1.1: AU-headers, one behind the other.
absl::Status AacDepacketizer::ReadHeaders(Bytes section, size_t size,
                                          std::vector<AuHeader>& headers) const {
  BitReader bits(section);
  int64_t index = 0;
  while (bits.position() < size) {
    if (headers.size() == kMaxUnitsPerPacket) return RtpFault(RtpError::kTooManyUnits);
    const size_t begin = bits.position();
    AuHeader header;
    header.size = parameters_.size_length > 0 ? bits.Bits(parameters_.size_length)
                                              : parameters_.constant_size;
    const bool first = headers.empty();
    const uint32_t delta =
        bits.Bits(first ? parameters_.index_length : parameters_.index_delta_length);
    if (!first) index += 1 + (parameters_.max_displacement > 0 ? delta : 0);
    header.index = index;
    if (parameters_.cts_delta_length > 0 && bits.Flag()) bits.Skip(parameters_.cts_delta_length);
    if (parameters_.dts_delta_length > 0 && bits.Flag()) bits.Skip(parameters_.dts_delta_length);
    if (parameters_.random_access_indication) bits.Skip(1);
    bits.Skip(parameters_.stream_state_indication);
    if (!bits.ok() || bits.position() > size) return RtpFault(RtpError::kPayloadTruncated);
    if (bits.position() == begin) return RtpFault(RtpError::kUnsupportedConfig);
    headers.push_back(header);
  }
  return absl::OkStatus();
}

// §3.2.3.2: each fragment bears the size of the whole unit; they share a timestamp.
absl::Status AacDepacketizer::TakeFragment(const OrderedPacket& packet, Bytes data, size_t size,
                                           std::vector<AccessUnit>& units) {
  if (size > kMaxUnitBytes) return RtpFault(RtpError::kUnitTooLarge);
  if (fragment_size_ > 0 && fragment_timestamp_ != packet.timestamp) {
    CountDamaged();
    fragment_size_ = 0;
  }
  if (fragment_size_ == 0) {
    if (size <= data.size()) {
      EmitUnit(packet, packet.timestamp, Payload::Copy(data.first(size)), units);
      return absl::OkStatus();
    }
    fragment_.clear();
    fragment_size_ = size;
    fragment_timestamp_ = packet.timestamp;
  }
  if (size != fragment_size_ || data.size() > fragment_size_ - fragment_.size()) {
    return RtpFault(RtpError::kSizeMismatch);
  }
  fragment_.insert(fragment_.end(), data.begin(), data.end());
  if (fragment_.size() < fragment_size_) {
    if (!packet.packet.marker) return absl::OkStatus();
    // The marker is on the last fragment: what is missing was lost, or never sent.
    if (!fragment_suspect_) return RtpFault(RtpError::kSizeMismatch);
    fragment_size_ = 0;
    CountDamaged();
    return absl::OkStatus();
  }
  fragment_size_ = 0;
  EmitUnit(packet, packet.timestamp, Payload::FromVector(std::exchange(fragment_, {})), units);
  return absl::OkStatus();
}

void AacDepacketizer::EmitUnit(const OrderedPacket& packet, int64_t timestamp, Payload data,
                               std::vector<AccessUnit>& units) {
  AccessUnit unit;
  unit.timestamp = timestamp;
  unit.duration = parameters_.ticks_per_unit;
  unit.arrival_ns = packet.arrival_ns;
  unit.flags = kClosedRandomAccess;
  unit.payload = std::move(data);
  if (aac::HasAdtsSync(unit.payload.bytes())) return EmitAdts(std::move(unit), units);
  Order(std::move(unit), units);
}

// Raw units cannot begin with twelve ones: that would be the start of an element of type END (7)
// with more behind it. So the sync word is proof enough where the lengths agree.
void AacDepacketizer::EmitAdts(AccessUnit unit, std::vector<AccessUnit>& units) {
  const Payload all = unit.payload;
  size_t at = 0;
  while (at < all.size()) {
    const auto header = aac::ParseAdtsHeader(all.bytes().subspan(at));
    if (!header.ok() || header->frame_size > all.size() - at) {
      if (at == 0) Order(std::move(unit), units);
      return;
    }
    AccessUnit frame = unit;
    frame.payload = all.Slice(at + header->header_size, header->frame_size - header->header_size);
    std::vector<uint8_t> config = aac::BuildAacConfig(header->config);
    if (config != adts_config_ && header->config.channel_configuration != 0) {
      adts_config_ = config;
      frame.in_band.config = std::move(config);
    }
    at += header->frame_size;
    unit.timestamp += parameters_.ticks_per_unit;
    if (!frame.payload.empty()) Order(std::move(frame), units);
  }
}

void AacDepacketizer::Order(AccessUnit unit, std::vector<AccessUnit>& units) {
  if (parameters_.max_displacement == 0) return Emit(std::move(unit), units);
  const auto later = std::upper_bound(
      interleaved_.begin(), interleaved_.end(), unit.timestamp,
      [](int64_t timestamp, const AccessUnit& held) { return timestamp < held.timestamp; });
  interleaved_.insert(later, std::move(unit));
  // A unit further away than the displacement can have nothing before it any more.
  const int64_t limit = interleaved_.back().timestamp - parameters_.max_displacement;
  while (interleaved_.front().timestamp < limit || interleaved_.size() > kMaxInterleaved) {
    Emit(std::move(interleaved_.front()), units);
    interleaved_.erase(interleaved_.begin());
  }
}

void AacDepacketizer::Lose() {
  if (std::exchange(fragment_size_, 0) > 0) {
    CountDamaged();
    given_up_ = fragment_timestamp_;
  }
  fragment_.clear();
  lost_ = true;
}

void AacDepacketizer::Reset() {
  fragment_size_ = 0;
  fragment_.clear();
  given_up_.reset();
  lost_ = false;
}

void AacDepacketizer::Flush(std::vector<AccessUnit>& units) {
  for (AccessUnit& unit : interleaved_) Emit(std::move(unit), units);
  interleaved_.clear();
}

absl::StatusOr<PacketSet> AacPacketizer::Pack(const Frame& frame) {
  const Bytes data = frame.data();
  if (data.empty()) return RtpFault(RtpError::kBadUnit);
  if (data.size() > kMaxHbrUnit) return RtpFault(RtpError::kUnitTooLarge);
  PacketSetBuilder builder(options_.payload_type, TicksFromNs(frame.pts_ns, options_.clock_rate));
  builder.Hold(frame.payload);
  // AU-headers-length of 16 bits, then AU-size (13) and AU-Index (3).
  const uint8_t header[] = {0, 16, static_cast<uint8_t>(data.size() >> 5),
                            static_cast<uint8_t>(data.size() << 3)};
  const size_t room = options_.MaxPayload() - sizeof(header);
  for (size_t at = 0; at < data.size(); at += room) {
    builder.Begin();
    builder.Header(header);
    builder.Piece(data.subspan(at, std::min(room, data.size() - at)));
  }
  builder.SetMarker();
  return builder.Finish();
}

}  // namespace millrace::media::rtp
