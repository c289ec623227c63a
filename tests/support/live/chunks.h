#pragma once
// RTMP's chunk stream (Adobe's RTMP 1.0, section 5.3), both directions, for the test clients.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::live {

struct RtmpMessage {
  uint8_t type = 0;
  uint32_t stream_id = 0;
  uint32_t timestamp = 0;  // ms
  std::vector<uint8_t> body;
};

// Writes as encoders do: a full header first, then deltas (fmt 1) as long as time does not go back.
class ChunkWriter {
 public:
  void set_chunk_size(size_t size) { chunk_size_ = size; }
  void Write(std::vector<uint8_t>& out, uint8_t chunk_stream, uint8_t type, uint32_t stream_id,
             uint32_t timestamp, std::span<const uint8_t> body);

 private:
  struct Last {
    bool used = false;
    uint32_t stream_id = 0;
    uint32_t timestamp = 0;
  };
  size_t chunk_size_ = 128;
  std::array<Last, 64> last_;
};

// Append bytes, then take messages until there is none. Chunk size changes and aborts are obeyed
// within.
class ChunkReader {
 public:
  void Append(std::span<const uint8_t> bytes);
  std::optional<RtmpMessage> Next();
  const std::string& error() const { return error_; }  // final, where it is not empty

 private:
  struct Partial {
    uint32_t timestamp = 0;
    uint32_t delta = 0;
    uint32_t length = 0;
    uint8_t type = 0;
    uint32_t stream_id = 0;
    bool extended = false;
    std::vector<uint8_t> body;
  };
  // One chunk off the buffer; false where it is not all there yet.
  bool Chunk(std::optional<RtmpMessage>& message);
  void Obey(const RtmpMessage& message);

  size_t chunk_size_ = 128;
  std::vector<uint8_t> buffer_;
  size_t at_ = 0;
  std::map<uint32_t, Partial> partials_;
  std::string error_;
};

}  // namespace millrace::live
