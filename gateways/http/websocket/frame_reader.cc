#include "gateways/http/websocket/frame_reader.h"

#include <algorithm>
#include <utility>

#include "media/base/fault.h"

namespace millrace::http {
namespace {

using media::Fault;

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kReserved = 0x70;
constexpr uint8_t kMasked = 0x80;
constexpr size_t kMaskSize = 4;
constexpr char kTooBig[] = "ws_too_big";

size_t LengthBytes(uint8_t second) {
  const uint8_t length = second & 0x7f;
  return length == 127 ? 8 : length == 126 ? 2 : 0;
}

// §7.4: codes that may stand in a Close frame.
bool MayBeSent(uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

CloseCode CloseCodeOf(const absl::Status& fault) {
  return media::FaultName(fault) == kTooBig ? CloseCode::kTooBig : CloseCode::kProtocolError;
}

size_t FrameReader::head_size() const {
  return head_read_ < 2 ? 2 : 2 + LengthBytes(head_[1]) + kMaskSize;
}

absl::StatusOr<std::optional<FrameEvent>> FrameReader::Consume(media::Bytes& bytes) {
  if (!failure_.ok()) return failure_;
  while (!bytes.empty()) {
    if (closed_) {
      bytes = {};
      break;
    }
    if (!in_payload_) {
      head_[head_read_++] = bytes.front();
      bytes = bytes.subspan(1);
      failure_ = CheckHead();
      if (!failure_.ok()) return failure_;
      if (head_read_ < head_size()) continue;
      failure_ = BeginPayload();
      if (!failure_.ok()) return failure_;
    }
    const size_t size = static_cast<size_t>(std::min<uint64_t>(bytes.size(), payload_left_));
    if (is_control()) {
      const uint8_t* mask = head_.data() + head_size() - kMaskSize;
      for (const uint8_t byte : bytes.first(size)) {
        control_.push_back(byte ^ mask[control_.size() % kMaskSize]);
      }
    }
    bytes = bytes.subspan(size);
    payload_left_ -= size;
    if (payload_left_ > 0) continue;
    auto event = EndFrame();
    if (!event.ok()) failure_ = event.status();
    if (!event.ok() || event->has_value()) return event;
  }
  return std::nullopt;
}

// Called for each byte of a head, so that what is wrong is known as early as it can be.
absl::Status FrameReader::CheckHead() {
  if (head_read_ == 1) {
    const uint8_t opcode = head_[0] & 15;
    if ((head_[0] & kReserved) != 0) return Fault("ws_reserved_bits");
    if ((opcode > 2 && opcode < 8) || opcode > 10) return Fault("ws_opcode");
    if (is_control()) {
      return (head_[0] & kFinal) != 0 ? absl::OkStatus() : Fault("ws_control_fragmented");
    }
    const bool continues = opcode == static_cast<uint8_t>(Opcode::kContinuation);
    if (continues != in_message_) return Fault("ws_fragments");
  } else if (head_read_ == 2) {
    if ((head_[1] & kMasked) == 0) return Fault("ws_unmasked");
    if (is_control() && (head_[1] & 0x7f) > kMaxControlPayload) {
      return Fault("ws_control_too_long");
    }
  }
  return absl::OkStatus();
}

absl::Status FrameReader::BeginPayload() {
  const size_t length_bytes = LengthBytes(head_[1]);
  payload_size_ = head_[1] & 0x7f;
  if (length_bytes > 0) {
    payload_size_ = 0;
    for (size_t i = 0; i < length_bytes; ++i) payload_size_ = payload_size_ << 8 | head_[2 + i];
    const uint64_t least = length_bytes == 2 ? 126 : 0x1'0000;
    if (payload_size_ < least) return Fault("ws_length");
  }
  if (!is_control()) {
    if (payload_size_ > max_message_ - message_size_) return Fault(kTooBig);
    message_size_ += payload_size_;
  }
  payload_left_ = payload_size_;
  in_payload_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<FrameEvent>> FrameReader::EndFrame() {
  in_payload_ = false;
  head_read_ = 0;
  if (!is_control()) {
    in_message_ = (head_[0] & kFinal) == 0;
    if (!in_message_) message_size_ = 0;
    return std::nullopt;
  }
  std::vector<uint8_t> payload = std::exchange(control_, {});
  switch (static_cast<Opcode>(head_[0] & 15)) {
    case Opcode::kPing:
      return PingReceived{std::move(payload)};
    case Opcode::kClose: {
      closed_ = true;
      if (payload.empty()) return CloseReceived{};
      if (payload.size() < 2) return Fault("ws_close_payload");
      const auto code = static_cast<uint16_t>(payload[0] << 8 | payload[1]);
      if (!MayBeSent(code)) return Fault("ws_close_payload");
      return CloseReceived{static_cast<CloseCode>(code)};
    }
    default:
      return std::nullopt;
  }
}

}  // namespace millrace::http
