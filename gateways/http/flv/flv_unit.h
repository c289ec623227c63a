#pragma once
// FLV tags, muxed once for all viewers of a stream.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "media/base/payload.h"
#include "media/flv/tags.h"
#include "runtime/stream/wire_unit.h"

namespace millrace::http {

// How units lie in the body of the answer.
enum class Framing {
  kPlain,      // the end of the connection is the end of the body (HTTP/1.0)
  kChunked,    // each unit is one chunk (RFC 9112 §7.1), so that an end is told from a break
  kWebSocket,  // each unit is one binary message (RFC 6455 §5.6)
};
// What ends a body in chunks.
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// A run of whole tags. On the wire: [file header] { tag header | prefix | payload | PreviousTagSize
// } … All small pieces between two payloads ("PreviousTagSize | tag header | prefix") lie together,
// so that a frame costs two pieces of a system call: those, copied to scratch for the viewer's
// timestamp, and the payload by reference. Immutable once Builder::Take() returned it.
class FlvUnit final : public stream::WireUnit {
 public:
  class Builder;

  // Does not depend on `base_ms`: a timestamp is 32 bits whatever its value.
  size_t Size(int64_t /*base_ms*/) const override { return size_; }
  // Timestamps before `base_ms` are sent as 0 (pictures that lead the viewer's first frame).
  bool Gather(size_t skip, int64_t base_ms, stream::IovecList& out) const override;
  size_t tags() const { return tags_.size(); }

 private:
  struct Tag {
    uint32_t small_begin = 0;  // in small_; ends where the next tag's begins
    uint32_t time_offset = 0;  // of the timestamp's four bytes within the small pieces
    int64_t timestamp_ms = 0;
    media::Payload payload;
  };

  std::vector<uint8_t> small_;
  std::vector<Tag> tags_;
  size_t trailer_begin_ = 0;  // in small_: what follows the last payload
  size_t size_ = 0;
};

class FlvUnit::Builder {
 public:
  // `tags`: how many will come, to allocate once.
  explicit Builder(size_t tags, Framing framing = Framing::kPlain);

  // Bytes in front of the first tag, before any Tag().
  void Head(media::Bytes bytes);
  // prefix.size() + payload.size() must be below 2^24, the payload not empty.
  void Add(media::flv::TagType type, int64_t timestamp_ms, media::Bytes prefix,
           media::Payload payload);
  // nullptr where no tag was added.
  stream::WireUnitPtr Take();

 private:
  std::shared_ptr<FlvUnit> unit_;
  const Framing framing_;
  size_t last_body_ = 0;
};

}  // namespace millrace::http
