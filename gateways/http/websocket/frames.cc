#include "gateways/http/websocket/frames.h"

#include <algorithm>

namespace millrace::http {
namespace {

constexpr uint8_t kFinal = 0x80;

std::vector<uint8_t> ControlFrame(Opcode opcode, media::Bytes payload) {
  payload = payload.first(std::min(payload.size(), kMaxControlPayload));
  const FrameHead head = MakeFrameHead(opcode, payload.size());
  std::vector<uint8_t> frame(head.bytes.begin(),
                             head.bytes.begin() + static_cast<std::ptrdiff_t>(head.size));
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

}  // namespace

FrameHead MakeFrameHead(Opcode opcode, uint64_t payload_size) {
  FrameHead head;
  head.bytes[0] = kFinal | static_cast<uint8_t>(opcode);
  size_t length_bytes = 0;
  if (payload_size < 126) {
    head.bytes[1] = static_cast<uint8_t>(payload_size);
  } else if (payload_size <= 0xffff) {
    head.bytes[1] = 126;
    length_bytes = 2;
  } else {
    head.bytes[1] = 127;
    length_bytes = 8;
  }
  for (size_t i = 0; i < length_bytes; ++i) {
    head.bytes[2 + i] = static_cast<uint8_t>(payload_size >> (8 * (length_bytes - 1 - i)));
  }
  head.size = 2 + length_bytes;
  return head;
}

std::vector<uint8_t> PongFrame(media::Bytes payload) {
  return ControlFrame(Opcode::kPong, payload);
}

std::vector<uint8_t> CloseFrame(CloseCode code, std::string_view reason) {
  if (code == CloseCode::kNoStatus) return ControlFrame(Opcode::kClose, {});
  size_t size = std::min(reason.size(), kMaxControlPayload - 2);
  // Never between the bytes of one character.
  while (size < reason.size() && size > 0 && (static_cast<uint8_t>(reason[size]) & 0xc0) == 0x80) {
    --size;
  }
  std::vector<uint8_t> payload = {static_cast<uint8_t>(static_cast<uint16_t>(code) >> 8),
                                  static_cast<uint8_t>(static_cast<uint16_t>(code))};
  payload.insert(payload.end(), reason.begin(), reason.begin() + static_cast<std::ptrdiff_t>(size));
  return ControlFrame(Opcode::kClose, payload);
}

}  // namespace millrace::http
