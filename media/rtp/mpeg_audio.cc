#include "media/rtp/mpeg_audio.h"

#include <algorithm>
#include <utility>

#include "media/codec/mp3/header.h"
#include "media/frame/frame.h"

namespace millrace::media::rtp {
namespace {

constexpr size_t kPayloadHeader = 4;  // must be zero (16), Frag_offset (16)

uint32_t DurationOf(const mp3::FrameHeader& header) {
  return static_cast<uint32_t>(uint64_t{header.samples} * 90'000 / header.sample_rate);
}

}  // namespace

absl::Status MpegAudioDepacketizer::Take(const OrderedPacket& packet,
                                         std::vector<AccessUnit>& units) {
  const bool lost = std::exchange(lost_, false);
  const Payload& payload = packet.packet.payload;
  ByteReader reader(payload.bytes());
  reader.Skip(2);
  const size_t offset = reader.U16();
  if (reader.remaining() == 0) return RtpFault(RtpError::kPayloadTruncated);
  if (offset > 0) {
    if (lost && fragment_size_ == 0) given_up_ = packet.timestamp;  // its beginning was lost
    if (given_up_ == packet.timestamp) return absl::OkStatus();
    if (fragment_size_ == 0) return RtpFault(RtpError::kFragmentWithoutStart);
    return TakeFragment(packet, offset, units);
  }
  if (std::exchange(fragment_size_, 0) > 0) CountDamaged();
  int64_t timestamp = packet.timestamp;
  while (reader.remaining() > 0) {
    const Bytes rest = payload.bytes().subspan(reader.position());
    const auto header = mp3::ParseFrameHeader(rest);
    if (!header.ok()) return RtpFault(RtpError::kBadUnit);
    if (header->frame_size > rest.size()) {
      // Only a frame alone in its packet may be cut.
      if (reader.position() != kPayloadHeader) return RtpFault(RtpError::kSizeMismatch);
      fragment_.assign(rest.begin(), rest.end());
      fragment_size_ = header->frame_size;
      fragment_timestamp_ = packet.timestamp;
      fragment_duration_ = DurationOf(*header);
      return absl::OkStatus();
    }
    EmitUnit(packet, timestamp, DurationOf(*header),
             payload.Slice(reader.position(), header->frame_size), units);
    timestamp += DurationOf(*header);
    reader.Skip(header->frame_size);
  }
  return absl::OkStatus();
}

absl::Status MpegAudioDepacketizer::TakeFragment(const OrderedPacket& packet, size_t offset,
                                                 std::vector<AccessUnit>& units) {
  const Bytes data = packet.packet.payload.bytes().subspan(kPayloadHeader);
  if (offset != fragment_.size() || data.size() > fragment_size_ - fragment_.size()) {
    return RtpFault(RtpError::kSizeMismatch);
  }
  fragment_.insert(fragment_.end(), data.begin(), data.end());
  if (fragment_.size() < fragment_size_) return absl::OkStatus();
  fragment_size_ = 0;
  EmitUnit(packet, packet.timestamp, fragment_duration_,
           Payload::FromVector(std::exchange(fragment_, {})), units);
  return absl::OkStatus();
}

void MpegAudioDepacketizer::EmitUnit(const OrderedPacket& packet, int64_t timestamp,
                                     uint32_t duration, Payload data,
                                     std::vector<AccessUnit>& units) {
  AccessUnit unit;
  unit.timestamp = timestamp;
  unit.arrival_ns = packet.arrival_ns;
  unit.duration = duration;
  unit.flags = kClosedRandomAccess;
  unit.payload = std::move(data);
  Emit(std::move(unit), units);
}

void MpegAudioDepacketizer::Lose() {
  if (std::exchange(fragment_size_, 0) > 0) {
    CountDamaged();
    given_up_ = fragment_timestamp_;
  }
  lost_ = true;
}

void MpegAudioDepacketizer::Reset() {
  fragment_size_ = 0;
  fragment_.clear();
  given_up_.reset();
  lost_ = false;
}

absl::StatusOr<PacketSet> MpegAudioPacketizer::Pack(const Frame& frame) {
  const Bytes data = frame.data();
  const auto header = mp3::ParseFrameHeader(data);
  if (!header.ok() || header->frame_size != data.size()) return RtpFault(RtpError::kBadUnit);
  PacketSetBuilder builder(options_.payload_type, TicksFromNs(frame.pts_ns, 90'000));
  builder.Hold(frame.payload);
  const size_t room = options_.MaxPayload() - kPayloadHeader;
  for (size_t at = 0; at < data.size(); at += room) {
    builder.Begin();
    builder.Header({0, 0, static_cast<uint8_t>(at >> 8), static_cast<uint8_t>(at)});
    builder.Piece(data.subspan(at, std::min(room, data.size() - at)));
  }
  return builder.Finish();
}

}  // namespace millrace::media::rtp
