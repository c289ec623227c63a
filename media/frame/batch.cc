#include "media/frame/batch.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "media/base/fault.h"

namespace millrace::media {
namespace {

// Offsets in the batch header.
constexpr size_t kMagicAt = 0;
constexpr size_t kFlagsAt = 4;
constexpr size_t kStreamIdAt = 8;
constexpr size_t kTermAt = 16;
constexpr size_t kEpochAt = 24;
constexpr size_t kFirstSequenceAt = 32;
constexpr size_t kFrameCountAt = 40;
constexpr size_t kTrackSetVersionAt = 44;
constexpr size_t kGopAt = 48;
constexpr size_t kDtsEndAt = 56;  // 52..55: zero

// Offsets in a frame header.
constexpr size_t kFrameTrackAt = 0;  // 1: zero
constexpr size_t kFrameFlagsAt = 2;
constexpr size_t kFrameHeaderLenAt = 4;  // 6..7: zero
constexpr size_t kFramePayloadSizeAt = 8;
constexpr size_t kFrameGopAt = 12;
constexpr size_t kFrameSegmentAt = 16;
constexpr size_t kFrameDiscontinuitySequenceAt = 20;
constexpr size_t kFrameDtsAt = 24;
constexpr size_t kFramePtsAt = 32;
constexpr size_t kFrameDurationAt = 40;
constexpr size_t kFrameIngestAt = 48;
constexpr size_t kFrameSequenceAt = 56;

template <typename T>
T Load(const uint8_t* at) {
  using Unsigned = std::make_unsigned_t<T>;
  Unsigned value = 0;
  for (size_t i = sizeof(T); i-- > 0;) {
    value = static_cast<Unsigned>((static_cast<uint64_t>(value) << 8) | at[i]);
  }
  return static_cast<T>(value);
}

template <typename T>
void Store(uint8_t* at, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<uint8_t>(bits >> (8 * i));
}

const uint8_t* FrameHeaderAt(Bytes message, size_t index) {
  return message.data() + kBatchHeaderSize + index * kFrameHeaderSize;
}

}  // namespace

size_t EncodedBatchSize(std::span<const Frame> frames) {
  size_t size = kBatchHeaderSize + frames.size() * kFrameHeaderSize;
  for (const Frame& frame : frames) size += frame.payload.size();
  return size;
}

void EncodeBatch(const BatchHeader& header, std::span<const Frame> frames, std::span<uint8_t> out) {
  assert(!frames.empty() && frames.size() <= kMaxBatchFrames);
  assert(out.size() == EncodedBatchSize(frames));
  const Frame& first = frames.front();
  uint32_t flags = header.flags & ~static_cast<uint32_t>(kBatchDiscontinuity);
  if ((first.flags & kDiscontinuity) != 0) flags |= kBatchDiscontinuity;
  int64_t dts_end = first.dts_end_ns();
  for (const Frame& frame : frames) dts_end = std::max(dts_end, frame.dts_end_ns());

  uint8_t* at = out.data();
  std::memset(at, 0, kBatchHeaderSize + frames.size() * kFrameHeaderSize);
  Store(at + kMagicAt, kBatchMagic);
  Store(at + kFlagsAt, flags);
  Store(at + kStreamIdAt, header.stream_id);
  Store(at + kTermAt, header.term);
  Store(at + kEpochAt, header.epoch);
  Store(at + kFirstSequenceAt, first.sequence);
  Store(at + kFrameCountAt, static_cast<uint32_t>(frames.size()));
  Store(at + kTrackSetVersionAt, header.track_set_version);
  Store(at + kGopAt, first.gop);
  Store(at + kDtsEndAt, dts_end);

  at += kBatchHeaderSize;
  uint8_t* payload = at + frames.size() * kFrameHeaderSize;
  for (const Frame& frame : frames) {
    Store(at + kFrameTrackAt, frame.track);
    Store(at + kFrameFlagsAt, frame.flags);
    Store(at + kFrameHeaderLenAt, frame.header_len);
    Store(at + kFramePayloadSizeAt, static_cast<uint32_t>(frame.payload.size()));
    Store(at + kFrameGopAt, frame.gop);
    Store(at + kFrameSegmentAt, frame.segment);
    Store(at + kFrameDiscontinuitySequenceAt, frame.discontinuity_sequence);
    Store(at + kFrameDtsAt, frame.dts_ns);
    Store(at + kFramePtsAt, frame.pts_ns);
    Store(at + kFrameDurationAt, frame.duration_ns);
    Store(at + kFrameIngestAt, frame.ingest_wall_ns);
    Store(at + kFrameSequenceAt, frame.sequence);
    at += kFrameHeaderSize;
    if (!frame.payload.empty()) std::memcpy(payload, frame.payload.data(), frame.payload.size());
    payload += frame.payload.size();
  }
}

bool StartsAtRandomAccess(const TrackSet& tracks, const Frame& first) {
  if (!first.random_access()) return false;
  const Track* leading = tracks.FirstOf(TrackKind::kVideo);
  if (leading == nullptr) leading = tracks.FirstOf(TrackKind::kAudio);
  return leading == nullptr || leading->id == first.track;
}

absl::StatusOr<BatchHeader> DecodeBatchHeader(Bytes message) {
  if (message.size() < kBatchHeaderSize + kFrameHeaderSize) return Fault("batch_truncated");
  if (message.size() > kMaxBatchBytes) return Fault("batch_too_large");
  const uint8_t* at = message.data();
  if (Load<uint32_t>(at + kMagicAt) != kBatchMagic) return Fault("batch_magic");
  BatchHeader header;
  header.flags = Load<uint32_t>(at + kFlagsAt);
  header.stream_id = Load<uint64_t>(at + kStreamIdAt);
  header.term = Load<uint64_t>(at + kTermAt);
  header.epoch = Load<uint64_t>(at + kEpochAt);
  header.first_sequence = Load<uint64_t>(at + kFirstSequenceAt);
  header.frame_count = Load<uint32_t>(at + kFrameCountAt);
  header.track_set_version = Load<uint32_t>(at + kTrackSetVersionAt);
  header.gop = Load<uint32_t>(at + kGopAt);
  header.dts_end_ns = Load<int64_t>(at + kDtsEndAt);
  if (header.frame_count == 0 || header.frame_count > kMaxBatchFrames) {
    return Fault("batch_frame_count");
  }
  if (header.first_sequence == 0 || header.first_sequence > UINT64_MAX - kMaxBatchFrames) {
    return Fault("batch_sequence");
  }
  const size_t heads = kBatchHeaderSize + size_t{header.frame_count} * kFrameHeaderSize;
  if (message.size() < heads) return Fault("batch_truncated");
  size_t left = message.size() - heads;
  for (uint32_t i = 0; i < header.frame_count; ++i) {
    const uint8_t* frame = FrameHeaderAt(message, i);
    const size_t size = Load<uint32_t>(frame + kFramePayloadSizeAt);
    if (size > left) return Fault("batch_truncated");
    if (Load<uint16_t>(frame + kFrameHeaderLenAt) > size) {
      return Fault("batch_header_len");
    }
    if (Load<uint64_t>(frame + kFrameSequenceAt) != header.first_sequence + i) {
      return Fault("batch_sequence");
    }
    left -= size;
  }
  if (left != 0) return Fault("batch_trailing_bytes");
  return header;
}

Frame DecodeFrameHeader(Bytes message, size_t index) {
  const uint8_t* at = FrameHeaderAt(message, index);
  Frame frame;
  frame.track = at[kFrameTrackAt];
  frame.flags = Load<uint16_t>(at + kFrameFlagsAt);
  frame.header_len = Load<uint16_t>(at + kFrameHeaderLenAt);
  frame.gop = Load<uint32_t>(at + kFrameGopAt);
  frame.segment = Load<uint32_t>(at + kFrameSegmentAt);
  frame.discontinuity_sequence = Load<uint32_t>(at + kFrameDiscontinuitySequenceAt);
  frame.dts_ns = Load<int64_t>(at + kFrameDtsAt);
  frame.pts_ns = Load<int64_t>(at + kFramePtsAt);
  frame.duration_ns = Load<int64_t>(at + kFrameDurationAt);
  frame.ingest_wall_ns = Load<int64_t>(at + kFrameIngestAt);
  frame.sequence = Load<uint64_t>(at + kFrameSequenceAt);
  return frame;
}

absl::StatusOr<std::vector<Frame>> DecodeBatch(const Payload& message) {
  const absl::StatusOr<BatchHeader> header = DecodeBatchHeader(message.bytes());
  if (!header.ok()) return header.status();
  std::vector<Frame> frames;
  frames.reserve(header->frame_count);
  size_t offset = kBatchHeaderSize + size_t{header->frame_count} * kFrameHeaderSize;
  for (uint32_t i = 0; i < header->frame_count; ++i) {
    Frame frame = DecodeFrameHeader(message.bytes(), i);
    const size_t size = Load<uint32_t>(FrameHeaderAt(message.bytes(), i) + kFramePayloadSizeAt);
    frame.payload = message.Slice(offset, size);
    offset += size;
    frames.push_back(std::move(frame));
  }
  return frames;
}

void RestampBatch(std::span<uint8_t> message, uint64_t stream_id, uint64_t term) {
  assert(message.size() >= kBatchHeaderSize);
  Store(message.data() + kStreamIdAt, stream_id);
  Store(message.data() + kTermAt, term);
}

}  // namespace millrace::media
