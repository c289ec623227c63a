#include "gateways/rtmp/protocol/aggregate.h"

#include <algorithm>
#include <optional>

#include "gateways/rtmp/protocol/errors.h"
#include "media/base/bytes.h"

namespace millrace::rtmp {
namespace {

constexpr size_t kMaxAggregated = 4096;
constexpr size_t kAggregateHeaderSize = 11;

}  // namespace

absl::Status SplitAggregate(const Message& message,
                            const std::function<void(const Message&)>& each) {
  media::ByteReader reader(message.body.bytes());
  std::optional<uint32_t> first;
  for (size_t count = 0; reader.remaining() >= kAggregateHeaderSize; ++count) {
    if (count == kMaxAggregated) return Fail(RtmpError::kBadAggregate, "too many messages");
    const auto type = static_cast<MessageType>(reader.U8());
    const uint32_t size = reader.U24();
    uint32_t timestamp = reader.U24();
    timestamp |= static_cast<uint32_t>(reader.U8()) << 24;
    reader.Skip(3);  // message stream id
    const size_t start = reader.position();
    if (size > reader.remaining()) return Fail(RtmpError::kBadAggregate, "size");
    reader.Skip(size);
    reader.Skip(std::min<size_t>(4, reader.remaining()));  // back pointer
    if (!first.has_value()) first = timestamp;

    Message part;
    part.type = type;
    part.timestamp_ms = message.timestamp_ms + static_cast<int32_t>(timestamp - *first);
    part.body = message.body.Slice(start, size);
    each(part);
  }
  return absl::OkStatus();
}

}  // namespace millrace::rtmp
