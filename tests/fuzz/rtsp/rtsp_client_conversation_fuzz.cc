// Any bytes as a camera: what the client asks is well-formed, and it asks only so much.

#include <vector>

#include "gateways/rtsp/protocol/client_conversation.h"
#include "gateways/rtsp/protocol/message_reader.h"
#include "media/base/fault.h"
#include "tests/fuzz/rtsp/requests.h"
#include "tests/support/require.h"

namespace {

using millrace::media::Bytes;
using millrace::tests::CheckRequests;
using millrace::tests::Require;
using namespace millrace::rtsp;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 32 * 1024 || size == 0) return 0;
  ClientOptions options;
  options.limits = {.max_line = 2048, .max_headers = 16, .max_body = 8192, .max_skipped = 1024};
  options.protocol = static_cast<ClientOptions::Protocol>(data[0] % 3);
  Url url = *ParseUrl("rtsp://a:b@h/stream?x=y");
  ClientConversation conversation(
      options, url, [](Bytes bytes) { return std::array<uint8_t, 16>{bytes.empty()}; },
      [](std::span<uint8_t>) {});
  MessageReader requests({.max_line = 256u << 10, .max_body = 1u << 20});
  int64_t now = 0;
  conversation.OnConnected(now);
  const Bytes bytes(data, size);
  const size_t piece_size = 1 + data[size - 1];
  for (size_t at = 0; at < size; at += piece_size) {
    conversation.Append(bytes.subspan(at, std::min(piece_size, size - at)), now);
    while (true) {
      const auto event = conversation.Next();
      if (!event.ok()) {
        Require(millrace::media::FaultName(event.status()).starts_with("rtsp_"), "a name");
        return 0;
      }
      if (!event->has_value()) break;
      if (std::holds_alternative<PortsRequest>(**event)) {
        conversation.ProvidePorts(Pair{5000, 5001});
      }
    }
    CheckRequests(requests, conversation.TakeOutput());
    now += millrace::media::kNsPerSecond;
    if (!conversation.OnTimer(now).ok()) return 0;
    if (const auto deadline = conversation.NextDeadline()) {
      Require(*deadline > now, "what was due is done");
    }
  }
  return 0;
}
