#pragma once
// The media message of the bus: frames of one stream in one contiguous part (contract:
// proto/README.md).
//
//   header (64 bytes) | frame headers (64 bytes each) | payloads, in frame order, without padding
//
// All integers are little-endian. A random-access point of the leading track (video where there is
// video) is always the first frame of its batch, so that a batch boundary is where a reader may
// start.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "media/frame/frame.h"
#include "media/frame/track.h"

namespace millrace::media {

inline constexpr uint32_t kBatchMagic = 0x3142524d;  // "MRB1" in memory
inline constexpr size_t kBatchHeaderSize = 64;
inline constexpr size_t kFrameHeaderSize = 64;
inline constexpr size_t kMaxBatchBytes = 64u << 20;  // of the whole message
inline constexpr size_t kMaxBatchFrames = 4096;

enum BatchFlag : uint32_t {
  kBatchRandomAccess = 1 << 0,   // the first frame is where a reader may start
  kBatchDiscontinuity = 1 << 1,  // the first frame carries kDiscontinuity
};

struct BatchHeader {
  uint64_t stream_id = 0;  // as the router granted it
  uint64_t epoch = 0;
  uint64_t term = 0;
  uint64_t first_sequence = 0;
  uint32_t frame_count = 0;
  uint32_t flags = 0;
  uint32_t track_set_version = 0;
  uint32_t gop = 0;        // of the first frame
  int64_t dts_end_ns = 0;  // the largest dts + duration of the frames
  uint64_t last_sequence() const { return first_sequence + frame_count - 1; }
};

// Bytes that EncodeBatch would write for `frames`.
size_t EncodedBatchSize(std::span<const Frame> frames);

// Writes header, frame headers and payloads into `out`, which must have EncodedBatchSize() bytes.
// frame_count, first_sequence, kBatchDiscontinuity, gop and dts_end_ns are taken from `frames`,
// which must not be empty and must have consecutive sequence numbers. kBatchRandomAccess is taken
// from `header.flags`: every audio frame is a random-access point, and only the caller knows which
// track leads (StartsAtRandomAccess).
void EncodeBatch(const BatchHeader& header, std::span<const Frame> frames, std::span<uint8_t> out);

// True where a reader may start at `first`, the first frame of a batch: a random-access point of
// the leading track, which is the first video track, else the first audio track, else any.
bool StartsAtRandomAccess(const TrackSet& tracks, const Frame& first);

// The header alone, with all counts and lengths checked against the size of `message`; what the
// router reads. Faults: batch_truncated, batch_too_large, batch_magic, batch_frame_count,
// batch_sequence, batch_header_len, batch_trailing_bytes.
absl::StatusOr<BatchHeader> DecodeBatchHeader(Bytes message);

// One frame of a batch whose header was decoded, without its payload; `index` is below frame_count.
Frame DecodeFrameHeader(Bytes message, size_t index);

// All frames; payloads are slices of `message` and share its owner. Nothing is copied.
absl::StatusOr<std::vector<Frame>> DecodeBatch(const Payload& message);

// Overwrites stream id and term in an encoded batch that nobody else reads yet (replay to a new
// owner).
void RestampBatch(std::span<uint8_t> message, uint64_t stream_id, uint64_t term);

}  // namespace millrace::media
