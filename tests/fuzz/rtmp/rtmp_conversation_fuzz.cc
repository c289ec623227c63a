// Any bytes behind the handshake, with a server that says yes and no in turn: what it answers is
// well-formed.

#include <cstdlib>
#include <vector>

#include "gateways/rtmp/crypto.h"
#include "gateways/rtmp/protocol/conversation.h"

namespace {

using millrace::media::Bytes;
using namespace millrace::rtmp;

void Answer(ServerConversation& conversation, const Event& event, unsigned count) {
  if (std::holds_alternative<PublishRequest>(event)) {
    if (count % 3 == 0) {
      conversation.RejectPublish(Refusal::kBadName, "no");
    } else {
      conversation.AcceptPublish();
    }
  } else if (std::holds_alternative<PlayRequest>(event)) {
    if (count % 3 == 0) {
      conversation.RejectPlay(Refusal::kNotFound, "no");
    } else {
      conversation.StartPlay();
      if (count % 3 == 1) conversation.EndPlay("over");
    }
  } else if (std::holds_alternative<StopRequest>(event)) {
    conversation.StopPlay();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 64 * 1024) return 0;
  ConversationOptions options;
  options.limits = {.max_message = 16384, .max_partial = 32768, .max_chunk_streams = 8};
  ServerConversation conversation(options, OpenSslHmacSha256, [](std::span<uint8_t>) {});
  std::vector<uint8_t> hello(1 + 2 * kHandshakeSize);
  hello[0] = 3;
  conversation.Append(hello);
  if (!conversation.Next().ok()) std::abort();
  conversation.TakeOutput();

  ChunkReader answers;
  unsigned count = 0;
  const Bytes bytes(data, size);
  const size_t piece_size = size > 0 ? 1 + data[size - 1] : 1;
  for (size_t at = 0; at < size; at += piece_size) {
    conversation.Append(bytes.subspan(at, std::min(piece_size, size - at)));
    while (true) {
      const auto event = conversation.Next();
      if (!event.ok() || !event->has_value()) break;
      Answer(conversation, **event, ++count);
    }
    const std::vector<uint8_t> output = conversation.TakeOutput();
    answers.Append(output);
    while (true) {
      const auto message = answers.Next();
      if (!message.ok()) std::abort();
      if (!message->has_value()) break;
    }
  }
  return 0;
}
