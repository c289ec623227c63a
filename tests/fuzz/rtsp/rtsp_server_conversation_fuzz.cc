// Any bytes as a client, with a gateway that says yes and no in turn: what is answered is
// well-formed, and events come only in the states that they belong to.

#include <vector>

#include "gateways/rtsp/protocol/message_reader.h"
#include "gateways/rtsp/protocol/server_conversation.h"
#include "media/base/fault.h"
#include "tests/support/require.h"

namespace {

using millrace::media::Bytes;
using millrace::tests::Require;
using namespace millrace::rtsp;
using State = ServerConversation::State;

ServerOptions Options() {
  ServerOptions options;
  options.limits = {.max_line = 2048, .max_headers = 16, .max_body = 8192, .max_skipped = 1024};
  options.transport.udp = true;
  options.max_pending = 4096;
  return options;
}

millrace::media::sdp::Description TwoMedia() {
  return *millrace::media::sdp::Parse(
      "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:trackID=0\n"
      "m=audio 0 RTP/AVP 8\na=control:trackID=1\n");
}

void Answer(ServerConversation& conversation, const ServerEvent& event, unsigned count) {
  if (const auto* packet = std::get_if<MediaPacket>(&event)) {
    Require(conversation.state() == State::kRecording ||
                (conversation.state() == State::kPlaying && packet->rtcp),
            "packets belong to who plays or records");
    Require(conversation.setups().Find(packet->media) != nullptr, "a packet's media is set up");
    return;
  }
  if (std::holds_alternative<PauseRequest>(event) ||
      std::holds_alternative<TeardownRequest>(event)) {
    return;
  }
  Require(conversation.waiting(), "a question waits");
  if (count % 5 == 4) return conversation.Reject(404, "no");
  if (std::holds_alternative<DescribeRequest>(event)) conversation.Describe(TwoMedia());
  if (std::holds_alternative<AnnounceRequest>(event)) conversation.AcceptAnnounce();
  if (std::holds_alternative<UdpSetupRequest>(event)) conversation.AcceptUdp({20000, 20001});
  if (std::holds_alternative<MulticastSetupRequest>(event)) {
    conversation.AcceptMulticast("239.192.8.1", {21000, 21001}, 16);
  }
  if (std::holds_alternative<PlayRequest>(event)) conversation.StartPlay({{0, 1, 2}, {1, {}, 4}});
  if (std::holds_alternative<RecordRequest>(event)) conversation.StartRecord();
}

void CheckAnswers(MessageReader& reader, std::vector<uint8_t> output) {
  reader.Append(output);
  while (true) {
    const auto message = reader.Next();
    Require(message.ok(), "answers are well-formed");
    if (!message->has_value()) return;
    Require(std::holds_alternative<Response>(**message), "answers are responses");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 32 * 1024) return 0;
  ServerConversation conversation(
      Options(), [](std::span<uint8_t>) {}, 0);
  MessageReader answers({.max_line = 64u << 10, .max_body = 1u << 20});
  unsigned count = 0;
  const Bytes bytes(data, size);
  const size_t piece_size = size > 0 ? 1 + data[size - 1] : 1;
  for (size_t at = 0; at < size; at += piece_size) {
    conversation.Append(bytes.subspan(at, std::min(piece_size, size - at)), 0);
    while (true) {
      const auto event = conversation.Next();
      if (!event.ok()) {
        Require(millrace::media::FaultName(event.status()).starts_with("rtsp_"), "a name");
        CheckAnswers(answers, conversation.TakeOutput());
        return 0;
      }
      if (!event->has_value()) break;
      Answer(conversation, **event, ++count);
    }
    Require(!conversation.waiting(), "everything was answered");
    CheckAnswers(answers, conversation.TakeOutput());
  }
  return 0;
}
