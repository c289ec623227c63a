// Any bytes as chunks, whole and byte by byte: the same messages and the same error, within the
// limits.

#include <cstdlib>
#include <string>
#include <vector>

#include "gateways/rtmp/protocol/chunk_reader.h"

namespace {

using millrace::media::Bytes;
using millrace::rtmp::ChunkLimits;
using millrace::rtmp::ChunkReader;

constexpr ChunkLimits kLimits = {.max_message = 4096, .max_partial = 8192, .max_chunk_streams = 6};

// Messages as text, then the error.
std::vector<std::string> Run(Bytes bytes, size_t piece_size) {
  std::vector<std::string> seen;
  ChunkReader reader(kLimits);
  for (size_t at = 0; at < bytes.size(); at += piece_size) {
    reader.Append(bytes.subspan(at, std::min(piece_size, bytes.size() - at)));
    while (true) {
      const auto message = reader.Next();
      if (!message.ok()) {
        seen.emplace_back(message.status().message());
        return seen;
      }
      if (!message->has_value()) break;
      const Bytes body = (*message)->body.bytes();
      if (body.size() > kLimits.max_message) std::abort();
      seen.push_back(std::to_string(static_cast<int>((*message)->type)) + " " +
                     std::to_string((*message)->stream_id) + " " +
                     std::to_string((*message)->timestamp_ms) + " " +
                     std::string(millrace::media::AsText(body)));
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 64 * 1024) return 0;
  const Bytes bytes(data, size);
  const auto whole = Run(bytes, std::max<size_t>(size, 1));
  if (Run(bytes, 1) != whole || Run(bytes, 7) != whole) std::abort();
  return 0;
}
