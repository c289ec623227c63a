// Any bytes as a client's WebSocket frames, whole, byte by byte and in sevens: the same events and
// the same fault, within the limits; and every answer to them is a frame that fits its head.

#include <algorithm>
#include <string>
#include <vector>

#include "gateways/http/websocket/frame_reader.h"
#include "media/base/fault.h"
#include "tests/support/require.h"

namespace {

using namespace millrace::http;
using millrace::media::Bytes;
using millrace::tests::Require;

void CheckAnswer(const std::vector<uint8_t>& frame) {
  Require(frame.size() >= 2 && frame[1] <= kMaxControlPayload && frame.size() == 2u + frame[1],
          "an answer is one unmasked control frame");
}

std::vector<std::string> Run(Bytes bytes, size_t step) {
  std::vector<std::string> seen;
  FrameReader reader(4096);
  for (size_t at = 0; at < bytes.size(); at += step) {
    Bytes piece = bytes.subspan(at, std::min(step, bytes.size() - at));
    while (!piece.empty()) {
      const auto event = reader.Consume(piece);
      if (!event.ok()) {
        const std::string name = millrace::media::FaultName(event.status());
        Require(name.starts_with("ws_"), "a fault has a name");
        CheckAnswer(CloseFrame(CloseCodeOf(event.status()), name));
        seen.push_back(name);
        return seen;
      }
      if (!event->has_value()) {
        Require(piece.empty(), "without an event everything was taken");
      } else if (const auto* ping = std::get_if<PingReceived>(&**event)) {
        Require(ping->payload.size() <= kMaxControlPayload, "pings are short");
        CheckAnswer(PongFrame(ping->payload));
        seen.push_back("ping " + std::string(ping->payload.begin(), ping->payload.end()));
      } else {
        const CloseCode code = std::get<CloseReceived>(**event).code;
        CheckAnswer(CloseFrame(code, ""));
        seen.push_back("close " + std::to_string(static_cast<int>(code)));
      }
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 64 * 1024) return 0;
  const Bytes bytes(data, size);
  const auto whole = Run(bytes, std::max<size_t>(size, 1));
  Require(Run(bytes, 1) == whole && Run(bytes, 7) == whole, "split feeding changes nothing");
  return 0;
}
