#pragma once
// Messages to chunks (RTMP §5.3): what a server says beside media.

#include <cstdint>
#include <vector>

#include "gateways/rtmp/protocol/message.h"
#include "media/base/bytes.h"

namespace millrace::rtmp {

// Writes the 12 bytes of a fmt 0 header (one-byte chunk stream id), or 16 with an extended
// timestamp, to `out`, and returns how many.
size_t WriteMessageHeader(uint8_t chunk_stream, MessageType type, uint32_t message_stream,
                          uint32_t timestamp_ms, uint32_t length, uint8_t* out);

class ChunkWriter {
 public:
  // Appends one message: fmt 0, then fmt 3 chunks that repeat an extended timestamp.
  // `chunk_stream` is 2 to 63.
  void Write(uint8_t chunk_stream, MessageType type, uint32_t message_stream, uint32_t timestamp_ms,
             media::Bytes body, std::vector<uint8_t>& out) const;
  // Appends Set Chunk Size and uses `size` from then on.
  void SetChunkSize(uint32_t size, std::vector<uint8_t>& out);

 private:
  uint32_t chunk_size_ = kDefaultChunkSize;
};

}  // namespace millrace::rtmp
