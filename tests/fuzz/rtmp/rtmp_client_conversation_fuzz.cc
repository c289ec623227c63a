// Any bytes of a server behind its handshake, to a client that plays and to one that publishes:
// what they say is well-formed, and nothing comes after the end.

#include <cstdlib>
#include <span>
#include <vector>

#include "gateways/rtmp/protocol/client_conversation.h"

namespace {

using millrace::media::Bytes;
using namespace millrace::rtmp;

void Talk(ClientOptions::Purpose purpose, Bytes bytes) {
  ClientOptions options;
  options.purpose = purpose;
  options.tc_url = "rtmp://h/live";
  options.app = "live";
  options.key = "cam1";
  options.limits = {.max_message = 16384, .max_partial = 32768, .max_chunk_streams = 8};
  ClientConversation client(options, [](std::span<uint8_t>) {});
  client.Begin();
  std::vector<uint8_t> hello(1 + 2 * kHandshakeSize);
  hello[0] = 3;
  client.Append(hello, 0);
  if (!client.Next().ok()) std::abort();
  const std::vector<uint8_t> first = client.TakeOutput();

  ChunkReader said;
  said.Append(Bytes(first).subspan(1 + 2 * kHandshakeSize));
  const auto check = [&said] {
    while (true) {
      const auto message = said.Next();
      if (!message.ok()) std::abort();
      if (!message->has_value()) return;
    }
  };
  check();
  bool over = false;
  const size_t piece_size = bytes.empty() ? 1 : 1 + bytes.back();
  for (size_t at = 0; at < bytes.size(); at += piece_size) {
    client.Append(bytes.subspan(at, std::min(piece_size, bytes.size() - at)),
                  static_cast<int64_t>(at));
    while (true) {
      const auto event = client.Next();
      if (!event.ok() || !event->has_value()) break;
      if (over) std::abort();
      over = std::holds_alternative<ServerRefuses>(**event) ||
             std::holds_alternative<ServerEnds>(**event);
    }
    if (at > bytes.size() / 2) client.Leave();
    const std::vector<uint8_t> output = client.TakeOutput();
    said.Append(output);
    check();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 64 * 1024) return 0;
  Talk(ClientOptions::Purpose::kPlay, Bytes(data, size));
  Talk(ClientOptions::Purpose::kPublish, Bytes(data, size));
  return 0;
}
