#include "tests/support/live/ws_frames.h"

#include <algorithm>
#include <cstddef>

namespace millrace::live {
namespace {

constexpr uint8_t kBinary = 2, kClose = 8, kPing = 9, kPong = 10;
constexpr uint8_t kFinal = 0x80, kMasked = 0x80;
constexpr size_t kShortest = 125, kTwoBytes = 126, kMaxMessage = 64 << 20;
constexpr int kNoStatus = 1005;

// Any mask will do: nothing stands between these clients and the server.
void PutMasked(std::vector<uint8_t>& out, uint8_t opcode, std::span<const uint8_t> payload) {
  static constexpr uint8_t kMask[] = {0x12, 0x34, 0x56, 0x78};
  out.push_back(kFinal | opcode);
  out.push_back(static_cast<uint8_t>(kMasked | payload.size()));
  out.insert(out.end(), std::begin(kMask), std::end(kMask));
  for (size_t i = 0; i < payload.size(); ++i) {
    out.push_back(static_cast<uint8_t>(payload[i] ^ kMask[i % sizeof(kMask)]));
  }
}

}  // namespace

bool WsFrames::Measure(std::span<const uint8_t> bytes, size_t& head, size_t& payload) {
  if (bytes.size() < 2) return false;
  const size_t length = bytes[1];
  if ((bytes[0] & 0x70) != 0 || (bytes[0] & kFinal) == 0 || length >= kMasked) {
    error_ = "WebSocket frame that is masked, a fragment or extended";
    return false;
  }
  head = length <= kShortest ? 2 : length == kTwoBytes ? 4 : 10;
  if (bytes.size() < head) return false;
  uint64_t size = length;
  if (head > 2) {
    size = 0;
    for (size_t i = 2; i < head; ++i) size = size << 8 | bytes[i];
    if (size <= (head == 4 ? kShortest : 0xFFFFU) || size > kMaxMessage || bytes[0] >= 0x88) {
      error_ = "WebSocket frame with a wrong length";
      return false;
    }
  }
  payload = static_cast<size_t>(size);
  return bytes.size() - head >= payload;
}

bool WsFrames::Feed(std::span<const uint8_t> bytes, const OnPayload& on_payload,
                    std::vector<uint8_t>& output) {
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  size_t at = 0, head = 0, payload = 0;
  while (error_.empty() && Measure(std::span(pending_).subspan(at), head, payload)) {
    OnFrame(pending_[at] & 0x0F, std::span(pending_).subspan(at + head, payload), on_payload,
            output);
    at += head + payload;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(at));
  return error_.empty();
}

void WsFrames::OnFrame(uint8_t opcode, std::span<const uint8_t> payload,
                       const OnPayload& on_payload, std::vector<uint8_t>& output) {
  if (close_code_ != 0) {
    error_ = "WebSocket frame behind the close";
  } else if (opcode == kBinary) {
    on_payload(payload);
  } else if (opcode == kPing) {
    PutMasked(output, kPong, payload);
  } else if (opcode == kClose) {
    close_code_ = payload.size() < 2 ? kNoStatus : payload[0] << 8 | payload[1];
    if (payload.size() > 2) close_reason_.assign(payload.begin() + 2, payload.end());
    PutMasked(output, kClose, payload.first(std::min<size_t>(payload.size(), 2)));
  } else if (opcode != kPong) {
    error_ = "WebSocket frame of kind " + std::to_string(opcode);
  }
}

}  // namespace millrace::live
