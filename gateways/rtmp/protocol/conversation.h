#pragma once
// The server's half of an RTMP connection: handshake, chunks, commands. Sans I/O.
//
//   conversation.Append(bytes, now_ms);
//   while (event = conversation.Next()) act on it;
//   send conversation.TakeOutput();
//
// One connection publishes or plays one stream at a time; when it has unpublished or stopped it may
// ask again. createStream always grants message stream 1 and media is taken from any, since devices
// mix them up.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtmp/protocol/ack_window.h"
#include "gateways/rtmp/protocol/allowance.h"
#include "gateways/rtmp/protocol/chunk_reader.h"
#include "gateways/rtmp/protocol/chunk_writer.h"
#include "gateways/rtmp/protocol/events.h"
#include "gateways/rtmp/protocol/handshake.h"
#include "gateways/rtmp/protocol/login.h"
#include "media/amf/value.h"

namespace millrace::rtmp {

struct ConversationOptions {
  ChunkLimits limits;
  uint32_t chunk_size = 60'000;      // of what we send, media included
  uint32_t window_size = 2'500'000;  // of acknowledgements, both ways
  // Of commands and pings, whatever wants an answer. Clients need about ten to begin.
  uint32_t command_burst = 100;
  uint32_t commands_per_second = 20;
  // Who may publish; must outlive the conversation. Everybody where there is none.
  const Login* login = nullptr;
};

// What the client is told when it is turned away.
enum class Refusal {
  kBadName,  // malformed, or somebody else publishes it
  kUnauthorized,
  kNotFound,  // play of a stream that nobody publishes
  kFailed,    // the server cannot
};

class ServerConversation {
 public:
  ServerConversation(const ConversationOptions& options, HmacSha256 hmac, RandomBytes random);

  // Bytes that were received; they must stay valid until Next() says "not yet". `now_ms` is
  // monotonic, and the same clock for all conversations of a Login.
  void Append(media::Bytes bytes, int64_t now_ms);
  // The next event, nothing where all bytes are used up, or the final error (media::FaultName names
  // it).
  absl::StatusOr<std::optional<Event>> Next();

  // Answers to the pending PublishRequest.
  void AcceptPublish();
  void RejectPublish(Refusal refusal, std::string_view text);
  // Answers to the pending PlayRequest. Media follows PlayStarting.
  void StartPlay();
  void RejectPlay(Refusal refusal, std::string_view text);
  // The stream that is played is over. Clients hang up on one or the other of these messages.
  void EndPlay(std::string_view text);
  // Playing ends because the client asked for it.
  void StopPlay();
  // Whoever it is, it has to go: an error with the reason for people.
  void Kick(std::string_view text);

  // What has to be sent, in order with whatever was taken before.
  std::vector<uint8_t> TakeOutput() { return std::exchange(output_, {}); }
  bool has_output() const { return !output_.empty(); }

  bool handshaken() const { return handshaken_; }

 private:
  enum class Role { kNone, kPublishing, kPlaying };

  absl::Status OnMessage(const Message& message);
  absl::Status OnUserControl(media::Bytes body);
  absl::Status OnCommand(media::Bytes body);
  absl::Status OnConnect(double transaction, const std::vector<media::amf::Value>& values);
  bool MayConnect(double transaction, const media::amf::Value& object);
  void OnPublish(std::string_view key);
  void OnPlay(std::string_view key);
  void OnUnpublish(std::string_view command, double transaction, std::string_view key);
  void OnData(const Message& message);
  absl::Status OnAggregate(const Message& message);
  void OnMedia(MessageType type, int64_t timestamp_ms, media::Payload body);
  void Count(media::Bytes bytes);

  void SendCommand(uint32_t stream_id, const std::vector<media::amf::Value>& values);
  void SendData(const std::vector<media::amf::Value>& values);
  void SendResult(double transaction, media::amf::Value first, media::amf::Value second);
  void SendStatus(std::string_view level, std::string_view code, std::string_view text);
  void SendControls();
  void SendControl(MessageType type, media::Bytes body);
  void SendUserControl(UserControl event, uint32_t value);

  const ConversationOptions options_;
  ServerHandshake handshake_;
  bool handshaken_ = false;
  bool connected_ = false;
  Role role_ = Role::kNone;
  absl::Status status_;
  media::Bytes handshake_input_;
  ChunkReader reader_;
  ChunkWriter writer_;
  std::vector<uint8_t> output_;
  std::deque<Event> events_;

  std::string app_;
  std::string tc_url_;
  std::string key_;    // of the stream that is published or played: what the client calls it
  bool reset_ = true;  // the play that is pending wants NetStream.Play.Reset

  Identity identity_;  // who logged in at connect
  AckWindow received_;
  Allowance commands_;
  int64_t now_ms_ = 0;
};

}  // namespace millrace::rtmp
