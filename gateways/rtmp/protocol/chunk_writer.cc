#include "gateways/rtmp/protocol/chunk_writer.h"

#include <algorithm>
#include <array>

namespace millrace::rtmp {
namespace {

void PutBigEndian(uint32_t value, size_t size, uint8_t* out) {
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(value >> (8 * (size - 1 - i)));
}

}  // namespace

size_t WriteMessageHeader(uint8_t chunk_stream, MessageType type, uint32_t message_stream,
                          uint32_t timestamp_ms, uint32_t length, uint8_t* out) {
  const bool extended = timestamp_ms >= kExtendedTimestamp;
  out[0] = chunk_stream;
  PutBigEndian(extended ? kExtendedTimestamp : timestamp_ms, 3, out + 1);
  PutBigEndian(length, 3, out + 4);
  out[7] = static_cast<uint8_t>(type);
  for (size_t i = 0; i < 4; ++i) out[8 + i] = static_cast<uint8_t>(message_stream >> (8 * i));
  if (!extended) return 12;
  PutBigEndian(timestamp_ms, 4, out + 12);
  return 16;
}

void ChunkWriter::Write(uint8_t chunk_stream, MessageType type, uint32_t message_stream,
                        uint32_t timestamp_ms, media::Bytes body, std::vector<uint8_t>& out) const {
  std::array<uint8_t, 16> header;
  const size_t header_size = WriteMessageHeader(chunk_stream, type, message_stream, timestamp_ms,
                                                static_cast<uint32_t>(body.size()), header.data());
  media::ByteWriter writer(out);
  writer.Append(media::Bytes(header).first(header_size));
  while (true) {
    const size_t size = std::min<size_t>(chunk_size_, body.size());
    writer.Append(body.first(size));
    body = body.subspan(size);
    if (body.empty()) return;
    writer.U8(static_cast<uint8_t>(0xC0 | chunk_stream));
    if (timestamp_ms >= kExtendedTimestamp) writer.U32(timestamp_ms);
  }
}

void ChunkWriter::SetChunkSize(uint32_t size, std::vector<uint8_t>& out) {
  std::vector<uint8_t> body;
  media::ByteWriter(body).U32(size);
  Write(kControlChunkStream, MessageType::kSetChunkSize, 0, 0, body, out);
  chunk_size_ = size;
}

}  // namespace millrace::rtmp
