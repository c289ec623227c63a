#pragma once
// The client's half of an RTMP connection: handshake, connect, createStream, then play or publish.
// Sans I/O.
//
//   conversation.Begin();
//   send conversation.TakeOutput();
//   conversation.Append(bytes, now_ms);
//   while (event = conversation.Next()) act on it;
//   send conversation.TakeOutput();
//
// One connection plays or publishes one stream. Time-outs are the caller's: a server may stay
// silent after any step.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtmp/protocol/ack_window.h"
#include "gateways/rtmp/protocol/allowance.h"
#include "gateways/rtmp/protocol/chunk_reader.h"
#include "gateways/rtmp/protocol/chunk_writer.h"
#include "gateways/rtmp/protocol/client_handshake.h"
#include "gateways/rtmp/protocol/enhanced.h"
#include "gateways/rtmp/protocol/events.h"
#include "media/amf/value.h"

namespace millrace::rtmp {

struct ClientOptions {
  enum class Purpose { kPlay, kPublish };
  Purpose purpose = Purpose::kPlay;
  std::string tc_url;  // "rtmp://host/live"
  std::string app;     // "live"
  std::string key;     // "cam1"
  std::string agent;   // flashVer
  ChunkLimits limits;
  uint32_t chunk_size = 60'000;      // of what we send, media included
  uint32_t window_size = 2'500'000;  // of acknowledgements that we want
  // Of pings, whatever wants an answer.
  uint32_t ping_burst = 100;
  uint32_t pings_per_second = 20;
};

// The server lets us play or publish. Media on `message_stream` may follow.
struct ServerAccepts {
  uint32_t message_stream = 0;
  EnhancedClient enhanced;  // what the server says that it takes
};

// The server says no, at whatever step: final.
struct ServerRefuses {
  std::string code;  // "NetStream.Publish.BadName" …
  std::string text;  // what it says to people, perhaps empty
};

// The stream that is played is over, or the server ends what is published: final.
struct ServerEnds {
  std::string code;
  std::string text;
};

// Of what is played, ScriptData is any data with a name, metadata too.
using ClientEvent =
    std::variant<ServerAccepts, ServerRefuses, ServerEnds, VideoData, AudioData, ScriptData>;

class ClientConversation {
 public:
  ClientConversation(ClientOptions options, RandomBytes random);

  void Begin();
  // Bytes that were received; they must stay valid until Next() says "not yet". `now_ms` is
  // monotonic.
  void Append(media::Bytes bytes, int64_t now_ms);
  // The next event, nothing where all bytes are used up, or the final error (media::FaultName names
  // it).
  absl::StatusOr<std::optional<ClientEvent>> Next();

  // Says goodbye: what was published is over, what was played is not wanted any more.
  void Leave();

  std::vector<uint8_t> TakeOutput() { return std::exchange(output_, {}); }
  bool has_output() const { return !output_.empty(); }

 private:
  enum class Step { kHandshake, kConnecting, kCreating, kAsking, kAccepted, kOver };

  absl::Status OnMessage(const Message& message);
  absl::Status OnUserControl(media::Bytes body);
  absl::Status OnCommand(media::Bytes body);
  void OnResult(double transaction, const std::vector<media::amf::Value>& values);
  void OnStatus(const media::amf::Value& info);
  void OnData(const Message& message);
  void OnPart(const Message& part);
  void OnMedia(const Message& message);
  void SendConnect();
  void SendRequest();
  void Accept();
  void Refuse(std::string_view code, std::string_view text);
  void End(std::string_view code, std::string_view text);
  void Count(media::Bytes bytes);

  void SendCommand(uint32_t stream_id, const std::vector<media::amf::Value>& values);
  void SendControl(MessageType type, media::Bytes body);
  void SendNumber(MessageType type, uint32_t number);

  const ClientOptions options_;
  ClientHandshake handshake_;
  Step step_ = Step::kHandshake;
  absl::Status status_;
  media::Bytes handshake_input_;
  ChunkReader reader_;
  ChunkWriter writer_;
  std::vector<uint8_t> output_;
  std::deque<ClientEvent> events_;
  uint32_t message_stream_ = 0;
  EnhancedClient enhanced_;
  AckWindow received_;
  Allowance pings_;
  int64_t now_ms_ = 0;
};

}  // namespace millrace::rtmp
