#pragma once
// Chunks to messages (RTMP §5.3). Sans I/O; one per connection and direction.
//
// Leniencies, each seen in the field:
//  - A chunk stream may begin with fmt 1 (librtmp's ping); its delta counts from 0.
//  - Extended timestamps on fmt 3 chunks come in two habits: repeated (FMLE, FFmpeg, the
//  specification)
//    or not (rtmpdump, OBS before 30.1). Bytes that equal the extended field are a repetition.
//  - fmt 3 that begins a message after fmt 0 repeats the timestamp as its delta by the letter of
//    §5.3.1.2.4. Nobody means a delta of hours by that: beyond a second it counts as 0.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtmp/protocol/message.h"
#include "media/base/bytes.h"

namespace millrace::rtmp {

struct ChunkLimits {
  size_t max_message = 10u << 20;
  size_t max_partial = 16u << 20;  // announced lengths of all incomplete messages
  // With an incomplete message at once. Of the others the headers of as many are remembered, those
  // that were used last: 65,599 chunk streams cost no more memory than 64.
  size_t max_chunk_streams = 64;
};

class ChunkReader {
 public:
  explicit ChunkReader(const ChunkLimits& limits = {}) : limits_(limits) {}

  // Gives the next bytes of the connection. They are read in place and must stay valid until Next()
  // says "not yet"; only then may more be appended.
  void Append(media::Bytes bytes) { input_ = bytes; }

  // The next complete message, nothing where all bytes are used up, or the error that ends the
  // connection (and is repeated from then on). Set Chunk Size and Abort are obeyed and not
  // returned.
  absl::StatusOr<std::optional<Message>> Next();

  // How many are remembered.
  size_t chunk_streams() const { return streams_.size(); }

 private:
  struct ChunkStream {
    uint32_t id = 0;
    uint64_t last_used = 0;    // by `uses_`
    bool extended = false;     // the last header had an extended timestamp
    uint32_t field = 0;        // the last timestamp or delta as it was sent
    uint32_t delta = 0;        // what a fmt 3 chunk that begins a message adds
    int64_t timestamp_ms = 0;  // of the message that is being read, or was last
    uint32_t length = 0;
    uint8_t type = 0;
    uint32_t stream_id = 0;
    bool in_message = false;
    uint32_t received = 0;
    std::shared_ptr<uint8_t[]> body;
  };
  struct Header {
    uint8_t format = 0;
    uint32_t id = 0;
    size_t size = 0;  // basic and message header, without the extended timestamp
  };

  bool ReadHeader();
  bool ReadExtended(const Header& header, const ChunkStream* stream, uint32_t& field,
                    bool& extended, size_t& size);
  bool RepeatsTimestamp(const Header& header, const ChunkStream& stream, bool& repeats);
  bool BeginMessage(ChunkStream& stream);
  void ReadBody();
  std::optional<Message> FinishMessage(ChunkStream& stream);
  void Drop(ChunkStream& stream);
  int64_t Unwrap(uint32_t timestamp) const;
  ChunkStream* Find(uint32_t id);
  ChunkStream* Add(uint32_t id);
  bool Need(size_t size);
  void ConsumeCarry(size_t size);

  const ChunkLimits limits_;
  absl::Status status_;
  media::Bytes input_;
  // A header that arrived in pieces, and up to 4 bytes that were looked at behind it.
  std::array<uint8_t, 24> carry_{};
  size_t carry_size_ = 0;

  std::vector<std::unique_ptr<ChunkStream>> streams_;
  uint64_t uses_ = 0;
  bool forgot_ = false;             // the header of a chunk stream that may still be used
  ChunkStream* current_ = nullptr;  // whose chunk is being read
  size_t chunk_left_ = 0;
  uint32_t chunk_size_ = kDefaultChunkSize;
  size_t partial_ = 0;
  // The last media timestamp: what 32-bit timestamps are unwrapped against. One for the connection,
  // so that audio and video cannot end up on different sides of a wrap.
  std::optional<int64_t> reference_ms_;
};

}  // namespace millrace::rtmp
