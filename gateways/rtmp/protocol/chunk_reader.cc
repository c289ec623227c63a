#include "gateways/rtmp/protocol/chunk_reader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "gateways/rtmp/protocol/errors.h"

namespace millrace::rtmp {
namespace {

using media::ByteReader;
using media::Bytes;

constexpr std::array<size_t, 4> kMessageHeaderSize = {11, 7, 3, 0};
// Longest delta that a fmt 3 chunk takes from the timestamp of a fmt 0 chunk before it.
constexpr uint32_t kMaxDeltaFromTimestamp = 1000;

// FFmpeg's FLV muxer writes 31 bits of its timestamps: a step of nearly 2^31 is none.
constexpr int64_t kHalf = int64_t{1} << 31;
constexpr int64_t kNearHalf = 60'000;

bool IsMedia(uint8_t type) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::kAudio:
    case MessageType::kVideo:
    case MessageType::kAggregate:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::StatusOr<std::optional<Message>> ChunkReader::Next() {
  while (status_.ok()) {
    if (current_ == nullptr && !ReadHeader()) {
      if (!status_.ok()) break;
      return std::nullopt;
    }
    ReadBody();
    if (chunk_left_ > 0) return std::nullopt;
    ChunkStream& stream = *std::exchange(current_, nullptr);
    if (stream.received < stream.length) continue;
    std::optional<Message> message = FinishMessage(stream);
    if (message.has_value()) return message;
  }
  return status_;
}

// Reads a whole chunk header or nothing: state changes only once all of it is there.
bool ChunkReader::ReadHeader() {
  if (!Need(1)) return false;
  Header header;
  header.format = carry_[0] >> 6;
  const uint8_t low = carry_[0] & 0x3F;
  const size_t basic = low == 0 ? 2 : low == 1 ? 3 : 1;  // §5.3.1.1
  if (!Need(basic)) return false;
  header.id = low;
  if (low == 0) header.id = 64u + carry_[1];
  if (low == 1) header.id = 64u + carry_[1] + 256u * carry_[2];
  header.size = basic + kMessageHeaderSize[header.format];
  if (!Need(header.size)) return false;

  ChunkStream* stream = Find(header.id);
  if (stream == nullptr) {
    // Once a header was forgotten, nobody knows what a delta counts from.
    if (header.format >= 2 || (header.format == 1 && forgot_)) {
      status_ = Fail(RtmpError::kChunkWithoutHeader, std::to_string(header.id));
      return false;
    }
  } else if (stream->in_message && header.format != 3) {
    status_ = Fail(RtmpError::kHeaderInsideMessage, std::to_string(header.id));
    return false;
  }

  ByteReader fields(Bytes(carry_).subspan(basic, header.size - basic));
  uint32_t field = header.format == 3 ? 0 : fields.U24();
  bool extended = false;
  size_t size = header.size;
  if (!ReadExtended(header, stream, field, extended, size)) return false;

  if (stream == nullptr) {
    stream = Add(header.id);
    if (stream == nullptr) return false;
  }
  stream->last_used = ++uses_;
  if (header.format <= 1) {
    stream->length = fields.U24();
    stream->type = fields.U8();
  }
  if (header.format == 0) {
    ByteReader little(Bytes(carry_).subspan(header.size - 4, 4));
    stream->stream_id = little.U32Little();
  }
  if (header.format != 3) {
    stream->field = field;
    stream->extended = extended;
    stream->delta = header.format == 0 && field > kMaxDeltaFromTimestamp ? 0 : field;
  }
  if (!stream->in_message) {
    const uint32_t timestamp =
        header.format == 0 ? field : static_cast<uint32_t>(stream->timestamp_ms) + stream->delta;
    stream->timestamp_ms = Unwrap(timestamp);
    if (!BeginMessage(*stream)) return false;
  }
  ConsumeCarry(size);
  current_ = stream;
  chunk_left_ = std::min<size_t>(chunk_size_, stream->length - stream->received);
  return true;
}

bool ChunkReader::ReadExtended(const Header& header, const ChunkStream* stream, uint32_t& field,
                               bool& extended, size_t& size) {
  if (header.format == 3) {
    if (!stream->extended) return true;
    bool repeats = false;
    if (!RepeatsTimestamp(header, *stream, repeats)) return false;
    if (repeats) size += 4;
    return true;
  }
  if (field != kExtendedTimestamp) return true;
  if (!Need(header.size + 4)) return false;
  field = ByteReader(Bytes(carry_).subspan(header.size, 4)).U32();
  extended = true;
  size += 4;
  return true;
}

// Looks at up to 4 bytes behind a fmt 3 header, and no further than the first that settles it: they
// may be the last bytes that the peer sends for a while. False where it takes more bytes to tell.
bool ChunkReader::RepeatsTimestamp(const Header& header, const ChunkStream& stream, bool& repeats) {
  const auto message_timestamp = static_cast<uint32_t>(stream.timestamp_ms);
  const std::array<uint32_t, 3> candidates = {
      stream.field, message_timestamp,
      stream.in_message ? message_timestamp : message_timestamp + stream.delta};
  uint32_t seen = 0;
  for (size_t i = 0; i < 4; ++i) {
    if (!Need(header.size + i + 1)) return false;
    seen = seen << 8 | carry_[header.size + i];
    const size_t shift = 8 * (3 - i);
    repeats = std::any_of(candidates.begin(), candidates.end(),
                          [&](uint32_t candidate) { return candidate >> shift == seen; });
    if (!repeats) return true;
  }
  return true;
}

bool ChunkReader::BeginMessage(ChunkStream& stream) {
  if (stream.length > limits_.max_message) {
    status_ = Fail(RtmpError::kMessageTooLong, std::to_string(stream.length));
    return false;
  }
  if (partial_ + stream.length > limits_.max_partial) {
    status_ = Fail(RtmpError::kPartialTooLarge, std::to_string(partial_ + stream.length));
    return false;
  }
  partial_ += stream.length;
  stream.in_message = true;
  stream.received = 0;
  // Left uninitialised: pages of a long message that never comes are never touched.
  if (stream.length > 0) stream.body = std::make_shared_for_overwrite<uint8_t[]>(stream.length);
  return true;
}

void ChunkReader::ReadBody() {
  uint8_t* const out = current_->body.get() + current_->received;
  const size_t carried = std::min(chunk_left_, carry_size_);
  if (carried > 0) {
    std::memcpy(out, carry_.data(), carried);
    ConsumeCarry(carried);
  }
  const size_t direct = std::min(chunk_left_ - carried, input_.size());
  if (direct > 0) {
    std::memcpy(out + carried, input_.data(), direct);
    input_ = input_.subspan(direct);
  }
  current_->received += static_cast<uint32_t>(carried + direct);
  chunk_left_ -= carried + direct;
}

// Nothing where the message was for the chunk layer itself (or was wrong).
std::optional<Message> ChunkReader::FinishMessage(ChunkStream& stream) {
  Message message;
  message.type = static_cast<MessageType>(stream.type);
  message.stream_id = stream.stream_id;
  message.timestamp_ms = stream.timestamp_ms;
  const Bytes bytes(stream.body.get(), stream.length);
  message.body = media::Payload(std::move(stream.body), bytes);
  Drop(stream);
  if (IsMedia(stream.type)) reference_ms_ = stream.timestamp_ms;

  if (message.type != MessageType::kSetChunkSize && message.type != MessageType::kAbort) {
    return message;
  }
  ByteReader reader(bytes);
  const uint32_t value = reader.U32();
  if (!reader.ok()) {
    status_ = Fail(RtmpError::kShortControl);
  } else if (message.type == MessageType::kAbort) {
    if (ChunkStream* aborted = Find(value); aborted != nullptr) Drop(*aborted);
  } else if (value == 0 || value > 0x7FFFFFFF) {
    status_ = Fail(RtmpError::kBadChunkSize, std::to_string(value));
  } else {
    chunk_size_ = value;
  }
  return std::nullopt;
}

void ChunkReader::Drop(ChunkStream& stream) {
  if (stream.in_message) partial_ -= stream.length;
  stream.in_message = false;
  stream.received = 0;
  stream.body.reset();
}

int64_t ChunkReader::Unwrap(uint32_t timestamp) const {
  if (!reference_ms_.has_value()) return timestamp;
  int64_t step = static_cast<int32_t>(timestamp - static_cast<uint32_t>(*reference_ms_));
  if (step < -kHalf + kNearHalf) step += kHalf;
  if (step > kHalf - kNearHalf) step -= kHalf;
  return *reference_ms_ + step;
}

ChunkReader::ChunkStream* ChunkReader::Find(uint32_t id) {
  for (const auto& stream : streams_) {
    if (stream->id == id) return stream.get();
  }
  return nullptr;
}

// Where there are too many, the one that was idle longest makes room.
ChunkReader::ChunkStream* ChunkReader::Add(uint32_t id) {
  if (streams_.size() < limits_.max_chunk_streams) {
    ChunkStream* const added = streams_.emplace_back(std::make_unique<ChunkStream>()).get();
    added->id = id;
    return added;
  }
  ChunkStream* oldest = nullptr;
  for (const auto& stream : streams_) {
    if (stream->in_message) continue;
    if (oldest == nullptr || stream->last_used < oldest->last_used) oldest = stream.get();
  }
  if (oldest == nullptr) {
    status_ = Fail(RtmpError::kTooManyChunkStreams, std::to_string(streams_.size()));
    return nullptr;
  }
  forgot_ = true;
  *oldest = ChunkStream{};
  oldest->id = id;
  return oldest;
}

// Brings the first `size` bytes that are not consumed yet into carry_.
bool ChunkReader::Need(size_t size) {
  if (carry_size_ < size) {
    const size_t moved = std::min(size - carry_size_, input_.size());
    if (moved > 0) std::memcpy(carry_.data() + carry_size_, input_.data(), moved);
    carry_size_ += moved;
    input_ = input_.subspan(moved);
  }
  return carry_size_ >= size;
}

void ChunkReader::ConsumeCarry(size_t size) {
  carry_size_ -= size;
  std::memmove(carry_.data(), carry_.data() + size, carry_size_);
}

}  // namespace millrace::rtmp
