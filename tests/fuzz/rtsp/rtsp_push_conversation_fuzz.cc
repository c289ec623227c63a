// Any bytes as a server that is published to: what the client asks is well-formed, and it asks only
// so much.

#include <vector>

#include "gateways/rtsp/protocol/message_reader.h"
#include "gateways/rtsp/protocol/push_conversation.h"
#include "media/base/fault.h"
#include "tests/fuzz/rtsp/requests.h"
#include "tests/support/require.h"

namespace {

using millrace::media::Bytes;
using millrace::tests::CheckRequests;
using millrace::tests::Require;
using namespace millrace::rtsp;

constexpr const char* kSdp =
    "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
    "m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n";

void CheckSetups(const Recording& recording) {
  Require(recording.setups.size() == 2, "every media is set up");
  for (const Setup& setup : recording.setups) {
    Require(setup.transport.tcp && setup.transport.interleaved.has_value() &&
                setup.transport.interleaved->rtp < 255,
            "each has channels");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 32 * 1024 || size == 0) return 0;
  PushOptions options;
  options.limits = {.max_line = 2048, .max_headers = 16, .max_body = 8192, .max_skipped = 1024};
  PushConversation conversation(
      options, *ParseUrl("rtsp://a:b@h/stream?x=y"),
      [](Bytes bytes) { return std::array<uint8_t, 16>{bytes.empty()}; },
      [](std::span<uint8_t>) {});
  MessageReader requests({.max_line = 256u << 10, .max_body = 1u << 20});
  int64_t now = 0;
  conversation.OnConnected(now);
  conversation.Announce(*millrace::media::sdp::Parse(kSdp));
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
      if (const auto* recording = std::get_if<Recording>(&**event)) CheckSetups(*recording);
    }
    CheckRequests(requests, conversation.TakeOutput());
    now += millrace::media::kNsPerSecond;
    if (!conversation.OnTimer(now).ok()) return 0;
  }
  return 0;
}
