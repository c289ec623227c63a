// Any bytes behind the handshake, with a server that says yes and no in turn: what it answers is
// well-formed. Publishing to "closed" and "keyed" takes a login.

#include <cstdlib>
#include <vector>

#include "gateways/rtmp/crypto.h"
#include "gateways/rtmp/protocol/conversation.h"

namespace {

using millrace::media::Bytes;
using namespace millrace::rtmp;

class FuzzPublishers final : public Publishers {
 public:
  Door DoorOf(std::string_view path) const override {
    if (path.substr(0, 5) == "keyed") return Door::kKey;
    return path.substr(0, 6) == "closed" ? Door::kChallenge : Door::kOpen;
  }
  std::optional<std::string> PasswordOf(std::string_view, std::string_view user) const override {
    if (user != "joe") return std::nullopt;
    return "s3cret";
  }
};

// The secret and the time of the seeds, so that their challenges are taken.
const Login& TheLogin() {
  static const FuzzPublishers publishers;
  static const Login login(publishers, OpenSslMd5, OpenSslHmacSha256, {7});
  return login;
}
constexpr int64_t kNowMs = 1'000'000;

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
  options.login = &TheLogin();
  ServerConversation conversation(options, OpenSslHmacSha256, [](std::span<uint8_t>) {});
  std::vector<uint8_t> hello(1 + 2 * kHandshakeSize);
  hello[0] = 3;
  conversation.Append(hello, kNowMs);
  if (!conversation.Next().ok()) std::abort();
  conversation.TakeOutput();

  ChunkReader answers;
  unsigned count = 0;
  const Bytes bytes(data, size);
  const size_t piece_size = size > 0 ? 1 + data[size - 1] : 1;
  for (size_t at = 0; at < size; at += piece_size) {
    conversation.Append(bytes.subspan(at, std::min(piece_size, size - at)),
                        kNowMs + static_cast<int64_t>(at));
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
