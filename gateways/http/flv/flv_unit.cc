#include "gateways/http/flv/flv_unit.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateways/http/websocket/frames.h"
#include "media/flv/muxer.h"

namespace millrace::http {
namespace {

constexpr size_t kTimeOffset = 4;  // of the timestamp in a tag header
// A chunk's size with leading zeros, so that its place can be kept free: "0000029a\r\n".
constexpr size_t kChunkHeadSize = 10;
constexpr std::string_view kChunkEnd = "\r\n";

void Append(std::vector<uint8_t>& out, media::Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

FlvUnit::Builder::Builder(size_t tags, Framing framing)
    : unit_(std::make_shared<FlvUnit>()), framing_(framing) {
  constexpr size_t kSmall =
      media::flv::kPreviousTagSizeSize + media::flv::kTagHeaderSize + media::flv::kMaxPrefixSize;
  // What stands in front says how long the unit is: its place is kept free until that is known.
  static_assert(FrameHead::kMaxSize <= kChunkHeadSize);
  unit_->small_.reserve((tags + 1) * kSmall + kChunkHeadSize + kChunkEnd.size());
  if (framing_ != Framing::kPlain) unit_->small_.resize(kChunkHeadSize);
  unit_->tags_.reserve(tags);
}

void FlvUnit::Builder::Head(media::Bytes bytes) { Append(unit_->small_, bytes); }

void FlvUnit::Builder::Add(media::flv::TagType type, int64_t timestamp_ms, media::Bytes prefix,
                           media::Payload payload) {
  std::vector<uint8_t>& small = unit_->small_;
  Tag tag;
  // The first tag's small pieces begin with the head, where there is one.
  tag.small_begin = unit_->tags_.empty() ? 0 : static_cast<uint32_t>(small.size());
  if (!unit_->tags_.empty()) Append(small, media::flv::PreviousTagSize(last_body_));
  last_body_ = prefix.size() + payload.size();
  tag.time_offset = static_cast<uint32_t>(small.size() + kTimeOffset - tag.small_begin);
  tag.timestamp_ms = timestamp_ms;
  Append(small, media::flv::TagHeader(type, last_body_, 0));
  Append(small, prefix);
  unit_->size_ += payload.size();
  tag.payload = std::move(payload);
  unit_->tags_.push_back(std::move(tag));
}

stream::WireUnitPtr FlvUnit::Builder::Take() {
  if (unit_->tags_.empty()) return nullptr;
  unit_->trailer_begin_ = unit_->small_.size();
  Append(unit_->small_, media::flv::PreviousTagSize(last_body_));
  unit_->size_ += unit_->small_.size();
  if (framing_ == Framing::kChunked) {
    constexpr char kHex[] = "0123456789abcdef";
    const size_t chunk = unit_->size_ - kChunkHeadSize;
    for (size_t i = 0; i < 8; ++i) unit_->small_[i] = kHex[chunk >> (28 - 4 * i) & 15];
    std::memcpy(unit_->small_.data() + 8, kChunkEnd.data(), kChunkEnd.size());
    Append(unit_->small_, media::AsBytes(kChunkEnd));
    unit_->size_ += kChunkEnd.size();
  } else if (framing_ == Framing::kWebSocket) {
    const FrameHead head = MakeFrameHead(Opcode::kBinary, unit_->size_ - kChunkHeadSize);
    // It may be shorter than its place: the unit begins behind what is left over.
    const size_t unused = kChunkHeadSize - head.size;
    std::copy_n(head.bytes.begin(), head.size,
                unit_->small_.begin() + static_cast<std::ptrdiff_t>(unused));
    unit_->tags_.front().small_begin = static_cast<uint32_t>(unused);
    unit_->tags_.front().time_offset -= static_cast<uint32_t>(unused);
    unit_->size_ -= unused;
  }
  return std::exchange(unit_, nullptr);
}

bool FlvUnit::Gather(size_t skip, int64_t base_ms, stream::IovecList& out) const {
  const size_t trailer = trailer_begin_;
  for (size_t i = 0; i < tags_.size(); ++i) {
    const Tag& tag = tags_[i];
    const size_t end = i + 1 < tags_.size() ? tags_[i + 1].small_begin : trailer;
    const size_t small = end - tag.small_begin;
    if (skip < small) {
      uint8_t* bytes = out.Scratch(small);
      if (bytes == nullptr) return false;
      std::memcpy(bytes, small_.data() + tag.small_begin, small);
      // 24 low bits, then the upper 8 (Annex E.4.1).
      const auto time = static_cast<uint32_t>(std::max<int64_t>(tag.timestamp_ms - base_ms, 0));
      uint8_t* at = bytes + tag.time_offset;
      at[0] = static_cast<uint8_t>(time >> 16);
      at[1] = static_cast<uint8_t>(time >> 8);
      at[2] = static_cast<uint8_t>(time);
      at[3] = static_cast<uint8_t>(time >> 24);
      if (!out.Add(bytes + skip, small - skip)) return false;
      skip = 0;
    } else {
      skip -= small;
    }
    if (skip < tag.payload.size()) {
      if (!out.Add(tag.payload.data() + skip, tag.payload.size() - skip)) return false;
      skip = 0;
    } else {
      skip -= tag.payload.size();
    }
  }
  if (skip >= small_.size() - trailer) return true;
  return out.Add(small_.data() + trailer + skip, small_.size() - trailer - skip);
}

}  // namespace millrace::http
