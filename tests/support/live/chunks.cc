#include "tests/support/live/chunks.h"

#include <algorithm>

namespace millrace::live {
namespace {

constexpr uint32_t kExtended = 0xFFFFFF;
constexpr size_t kMaxMessage = 16 << 20;

void Big(std::vector<uint8_t>& out, uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<uint8_t>(value >> shift));
}

uint32_t ReadBig(const uint8_t* data, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | data[i];
  return value;
}

}  // namespace

void ChunkWriter::Write(std::vector<uint8_t>& out, uint8_t chunk_stream, uint8_t type,
                        uint32_t stream_id, uint32_t timestamp, std::span<const uint8_t> body) {
  Last& last = last_.at(chunk_stream);
  const bool delta = last.used && last.stream_id == stream_id && timestamp >= last.timestamp;
  const uint32_t time = delta ? timestamp - last.timestamp : timestamp;
  const bool extended = time >= kExtended;
  last = {true, stream_id, timestamp};

  out.push_back(static_cast<uint8_t>((delta ? 1 : 0) << 6 | chunk_stream));
  Big(out, extended ? kExtended : time, 3);
  Big(out, static_cast<uint32_t>(body.size()), 3);
  out.push_back(type);
  if (!delta) {
    for (int shift = 0; shift < 32; shift += 8)
      out.push_back(static_cast<uint8_t>(stream_id >> shift));
  }
  if (extended) Big(out, time, 4);
  for (size_t at = 0; at < body.size() || at == 0; at += chunk_size_) {
    if (at > 0) {
      out.push_back(static_cast<uint8_t>(3 << 6 | chunk_stream));
      if (extended) Big(out, time, 4);
    }
    const auto piece = body.subspan(at, std::min(chunk_size_, body.size() - at));
    out.insert(out.end(), piece.begin(), piece.end());
  }
}

void ChunkReader::Append(std::span<const uint8_t> bytes) {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  } else if (at_ > buffer_.size() / 2) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(at_));
    at_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<RtmpMessage> ChunkReader::Next() {
  std::optional<RtmpMessage> message;
  while (error_.empty() && !message && Chunk(message)) {
  }
  if (message) Obey(*message);
  return message;
}

bool ChunkReader::Chunk(std::optional<RtmpMessage>& message) {
  const uint8_t* data = buffer_.data() + at_;
  const size_t have = buffer_.size() - at_;
  if (have < 1) return false;
  const uint8_t fmt = data[0] >> 6;
  uint32_t id = data[0] & 63;
  size_t used = 1;
  if (id < 2) {
    const size_t more = id + 1;
    if (have < 1 + more) return false;
    id = 64 + data[1] + (more == 2 ? data[2] * 256U : 0U);
    used += more;
  }
  static constexpr std::array<size_t, 4> kHeader = {11, 7, 3, 0};
  if (have < used + kHeader[fmt]) return false;
  Partial& partial = partials_[id];
  Partial next = partial;
  next.body.clear();
  const bool begins = partial.body.empty();
  if (!begins && fmt != 3) {
    error_ = "a message is interrupted by another on its chunk stream";
    return false;
  }
  if (fmt < 3) {
    next.delta = ReadBig(data + used, 3);
    next.extended = next.delta == kExtended;
  }
  if (fmt < 2) {
    next.length = ReadBig(data + used + 3, 3);
    next.type = data[used + 6];
  }
  if (fmt == 0) {
    next.stream_id = 0;
    for (int i = 3; i >= 0; --i)
      next.stream_id = next.stream_id << 8 | data[used + 7 + static_cast<size_t>(i)];
  }
  used += kHeader[fmt];
  if (next.extended) {
    if (have < used + 4) return false;
    const uint32_t time = ReadBig(data + used, 4);
    if (fmt == 3 && time != next.delta && time != next.timestamp) {
      error_ = "a type-3 chunk of an extended message does not repeat its timestamp";
      return false;
    }
    if (fmt < 3) next.delta = time;
    used += 4;
  }
  if (next.length > kMaxMessage) {
    error_ = "message of " + std::to_string(next.length) + " bytes";
    return false;
  }
  const size_t piece = std::min(chunk_size_, next.length - partial.body.size());
  if (have < used + piece) return false;
  if (begins) next.timestamp = fmt == 0 ? next.delta : partial.timestamp + next.delta;
  next.body = std::move(partial.body);
  next.body.reserve(next.length);
  next.body.insert(next.body.end(), data + used, data + used + piece);
  partial = std::move(next);
  at_ += used + piece;
  if (partial.body.size() == partial.length) {
    message =
        RtmpMessage{partial.type, partial.stream_id, partial.timestamp, std::move(partial.body)};
    partial.body = {};
  }
  return true;
}

void ChunkReader::Obey(const RtmpMessage& message) {
  constexpr uint8_t kSetChunkSize = 1, kAbort = 2;
  if (message.body.size() < 4) return;
  if (message.type == kSetChunkSize) chunk_size_ = ReadBig(message.body.data(), 4) & 0x7FFFFFFF;
  if (message.type == kAbort) partials_[ReadBig(message.body.data(), 4)].body.clear();
  if (chunk_size_ == 0) error_ = "chunk size 0";
}

}  // namespace millrace::live
