#pragma once
// An FLV byte stream into tags. Sans I/O: bytes in, events out.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "absl/status/statusor.h"
#include "media/base/byte_queue.h"
#include "media/base/payload.h"
#include "media/base/ticks.h"
#include "media/flv/tags.h"

namespace millrace::media::flv {

// The flags are the sender's claim: what really comes is known from sequence headers alone.
struct FileHeader {
  bool has_audio = false;
  bool has_video = false;
};

// One tag with its whole body, for ParseVideoTagBody and its like, or FrameReader. Tags of unknown
// type are skipped.
struct Tag {
  TagType type = TagType::kScript;
  int64_t timestamp_ms = 0;  // 32 bits on the wire, unwrapped
  Payload body;
};

using Event = std::variant<FileHeader, Tag>;

struct DemuxerOptions {
  size_t max_tag_bytes = 10u << 20;
};

// Not thread-safe. Holds at most one tag and what was appended behind it: append in pieces and
// drain Next between them.
class Demuxer {
 public:
  explicit Demuxer(DemuxerOptions options = {}) : options_(options) {}

  void Append(Bytes bytes);
  // An event; nothing: append more; an error, which stays: FlvError of the framing. PreviousTagSize
  // fields are not checked (several writers get them wrong).
  absl::StatusOr<std::optional<Event>> Next();
  size_t buffered() const { return queue_.size(); }

 private:
  absl::StatusOr<std::optional<Event>> Fail(FlvError error);
  absl::StatusOr<std::optional<Event>> ReadHeader();
  absl::StatusOr<std::optional<Event>> ReadTag();

  const DemuxerOptions options_;
  ByteQueue queue_;
  absl::Status error_;
  bool header_done_ = false;
  size_t skip_ = 0;  // bytes still to be thrown away before the next tag
  Unwrap32 unwrap_;
};

}  // namespace millrace::media::flv
