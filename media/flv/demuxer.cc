#include "media/flv/demuxer.h"

#include <algorithm>

#include "media/base/fault.h"

namespace millrace::media::flv {
namespace {

constexpr size_t kFileHeaderSize = 9;
constexpr size_t kMaxFileHeaderSize = 64 * 1024;
constexpr size_t kTagHeaderSize = 11;
constexpr size_t kPreviousTagSize = 4;

}  // namespace

absl::StatusOr<std::optional<Event>> Demuxer::Fail(FlvError error) {
  error_ = Fault(FlvErrorName(error));
  queue_ = ByteQueue();
  return error_;
}

void Demuxer::Append(Bytes bytes) {
  if (!error_.ok()) return;
  const size_t skipped = std::min(skip_, bytes.size());  // non-zero only while the queue is empty
  skip_ -= skipped;
  queue_.Append(bytes.subspan(skipped));
}

absl::StatusOr<std::optional<Event>> Demuxer::Next() {
  if (!error_.ok()) return error_;
  return header_done_ ? ReadTag() : ReadHeader();
}

absl::StatusOr<std::optional<Event>> Demuxer::ReadHeader() {
  const Bytes view = queue_.view();
  constexpr uint8_t kSignature[] = {'F', 'L', 'V'};
  const size_t known = std::min(view.size(), sizeof(kSignature));
  if (!std::equal(view.begin(), view.begin() + static_cast<std::ptrdiff_t>(known), kSignature)) {
    return Fail(FlvError::kBadSignature);
  }
  if (view.size() < kFileHeaderSize) return std::nullopt;
  ByteReader reader(view);
  reader.Skip(3);
  if (reader.U8() != 1) return Fail(FlvError::kBadVersion);
  const uint8_t flags = reader.U8();
  const size_t offset = reader.U32();
  if (offset < kFileHeaderSize || offset > kMaxFileHeaderSize)
    return Fail(FlvError::kBadHeaderSize);
  const size_t drop = offset + kPreviousTagSize;
  const size_t now = std::min(drop, view.size());
  queue_.Consume(now);
  skip_ = drop - now;
  header_done_ = true;
  return FileHeader{(flags & 4) != 0, (flags & 1) != 0};
}

absl::StatusOr<std::optional<Event>> Demuxer::ReadTag() {
  while (queue_.size() >= kTagHeaderSize) {
    const Bytes view = queue_.view();
    ByteReader reader(view);
    const uint8_t first = reader.U8();
    const size_t size = reader.U24();
    const uint32_t low = reader.U24();
    const uint32_t timestamp = low | static_cast<uint32_t>(reader.U8()) << 24;
    if (size > options_.max_tag_bytes) return Fail(FlvError::kTagTooLarge);
    if ((first & 0x20) != 0) return Fail(FlvError::kEncryptedTag);
    const auto type = static_cast<TagType>(first & 0x1f);
    const size_t end = kTagHeaderSize + size;
    const bool known =
        type == TagType::kAudio || type == TagType::kVideo || type == TagType::kScript;
    if (known && view.size() < end) return std::nullopt;
    std::optional<Event> event;
    if (known) {
      event = Tag{type, unwrap_(timestamp), Payload::Copy(view.subspan(kTagHeaderSize, size))};
    }
    const size_t drop = end + kPreviousTagSize;
    const size_t now = std::min(drop, view.size());
    queue_.Consume(now);
    skip_ = drop - now;
    if (event.has_value()) return event;
  }
  return std::nullopt;
}

}  // namespace millrace::media::flv
