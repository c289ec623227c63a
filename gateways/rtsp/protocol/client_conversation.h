#pragma once
// The client's half of an RTSP connection, which pulls one stream from a camera or a server. Sans
// I/O.
//
//   conversation.OnConnected(now);
//   conversation.Append(bytes, now); while (event = conversation.Next()) act on it;
//   send conversation.TakeOutput(); call OnTimer(now) at NextDeadline();
//
// OPTIONS, DESCRIBE, SETUP of each media that we carry, PLAY; then keep-alives. Where UDP is tried
// first and refused, or brings nothing, all of it from DESCRIBE on is done again over TCP
// (Hikvision takes no other transport for a description that was set up once).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtsp/protocol/client_events.h"
#include "gateways/rtsp/protocol/client_requests.h"
#include "gateways/rtsp/protocol/message.h"
#include "gateways/rtsp/protocol/message_reader.h"
#include "gateways/rtsp/protocol/server_events.h"
#include "gateways/rtsp/protocol/setups.h"
#include "gateways/rtsp/protocol/url.h"
#include "media/base/ticks.h"

namespace millrace::rtsp {

struct ClientOptions {
  enum class Protocol {
    kTcp,
    kUdp,
    kUdpThenTcp,
  };
  MessageLimits limits;
  RequestOptions requests;
  Protocol protocol = Protocol::kTcp;
  // The media (Source::media) to set up, in order. Unset: all that are not ignored.
  std::function<std::vector<size_t>(const std::vector<media::sdp::Source>&)> choose;
  int64_t media_timeout_ns = 10 * media::kNsPerSecond;  // without a packet
  int64_t udp_probe_ns = 3 * media::kNsPerSecond;       // for the first packet over UDP
};

// The tracks that will come. Packets may follow at once. Again where the transport changes: then
// everything from here on is new.
struct Described {
  media::sdp::Description description;
  std::vector<media::sdp::Source> sources;
};
// Ports for a media over UDP. Answer with ProvidePorts.
struct PortsRequest {
  size_t media = 0;
};
// PLAY went well. Over UDP `server_port` may be missing (OpenIPC): packets come from anywhere then.
struct Playing {
  std::vector<Setup> setups;
  std::vector<RtpInfo>
      infos;  // of the media of `setups` with the same index; "" as URL where unknown
};
using ClientEvent = std::variant<Described, PortsRequest, Playing, Redirected, MediaPacket>;

class ClientConversation {
 public:
  // User and password of `url` are the login; a redirection to another host does not get it.
  ClientConversation(ClientOptions options, Url url, Md5 md5, RandomBytes random);

  // The connection is there; also after Redirected, and after OnClosed said so.
  void OnConnected(int64_t now_ns);
  // The server hung up. True where a new connection will do: some cameras close after a 401, or
  // after the TEARDOWN that comes before another transport.
  bool OnClosed();

  void Append(media::Bytes bytes, int64_t now_ns);
  absl::StatusOr<std::optional<ClientEvent>> Next();
  // Nothing where there are none: then the media goes over TCP.
  void ProvidePorts(std::optional<Pair> ports);
  // A packet came over UDP.
  void Heard(int64_t now_ns);
  // We are going. Best effort: nobody waits for the answer.
  void Teardown();

  // Time-outs, keep-alives, falling back to TCP. Fails where that was the end.
  absl::Status OnTimer(int64_t now_ns);
  std::optional<int64_t> NextDeadline() const;

  std::vector<uint8_t> TakeOutput() { return requests_.TakeOutput(); }
  bool has_output() const { return requests_.has_output(); }
  bool playing() const { return step_ == Step::kPlaying; }
  const Url& url() const { return requests_.url(); }

 private:
  enum class Step { kIdle, kOptions, kDescribe, kSetup, kPorts, kPlay, kPlaying };

  absl::Status OnMessage(Message& message);
  absl::Status OnResponse(Response response);
  absl::Status OnAnswer(const Response& response);
  absl::Status OnOptions(const Response& response);
  absl::Status OnDescribe(const Response& response);
  absl::Status OnRedirect(const Response& response);
  absl::Status OnSetup(const Response& response);
  absl::Status OnPlay(const Response& response);
  void OnPacket(const Interleaved& frame);

  void BeginDescribe();
  absl::Status SetUpNext();
  void AskSetup(std::optional<Pair> ports);
  void AskPlay();
  void FallBack();
  void ForgetSetups();
  std::string ControlOf(size_t media) const;
  int64_t MediaDeadline() const;

  const ClientOptions options_;
  ClientRequests requests_;
  MessageReader reader_;
  absl::Status status_;
  ClientEvents<ClientEvent> events_;
  int64_t now_ns_ = 0;

  Step step_ = Step::kIdle;
  bool tcp_;

  std::string base_;
  std::string aggregate_;
  std::vector<std::string> controls_;
  std::vector<size_t> wanted_;  // media to set up
  size_t next_wanted_ = 0;
  std::optional<Transport> offered_;
  Setups setups_;
  int64_t heard_ns_ = 0;
  bool heard_any_ = false;
};

}  // namespace millrace::rtsp
