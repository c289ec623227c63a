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
#include "gateways/rtsp/protocol/auth.h"
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
  enum class KeepAlive {
    kAutomatic,  // GET_PARAMETER where the server has it, else OPTIONS
    kGetParameter,
    kOptions,
    kNone,  // some Hikvision recorders hang up when they get one
  };
  MessageLimits limits;
  std::string user_agent = "Millrace";  // some cameras answer 401 where there is none
  Protocol protocol = Protocol::kTcp;
  KeepAlive keep_alive = KeepAlive::kAutomatic;
  // The media (Source::media) to set up, in order. Unset: all that are not ignored.
  std::function<std::vector<size_t>(const std::vector<media::sdp::Source>&)> choose;
  int64_t response_timeout_ns = 10 * media::kNsPerSecond;
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
// The server sent us elsewhere: connect there, then OnConnected.
struct Redirected {
  Url url;
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

  std::vector<uint8_t> TakeOutput() { return std::exchange(output_, {}); }
  bool has_output() const { return !output_.empty(); }
  bool playing() const { return step_ == Step::kPlaying; }
  const Url& url() const { return url_; }

 private:
  enum class Step { kIdle, kOptions, kDescribe, kSetup, kPorts, kPlay, kPlaying };
  // The request that the next step waits for.
  struct Asked {
    Request request;
    uint64_t sequence = 0;
    bool authorized = false;
    unsigned tries = 0;
  };

  void Ask(std::string method, std::string uri, Headers headers = {});
  void Send(Asked asked);
  // Without waiting for an answer.
  void Tell(std::string method, std::string uri);
  Request Prepare(Request request);

  absl::Status OnResponse(Response response);
  absl::Status OnAnswer(const Asked& asked, const Response& response);
  absl::Status OnOptions(const Response& response);
  absl::Status OnDescribe(const Response& response);
  absl::Status OnRedirect(const Response& response);
  absl::Status OnSetup(const Response& response);
  absl::Status OnPlay(const Response& response);
  void OnRequest(const Request& request);
  void OnPacket(const Interleaved& frame);

  void BeginDescribe();
  absl::Status SetUpNext();
  void AskSetup(std::optional<Pair> ports);
  void AskPlay();
  void FallBack();
  void ReadSession(const Response& response);
  void ForgetSession();
  void TellKeepAlive();
  void OnKeepAliveDue();
  std::string ControlOf(size_t media) const;
  int64_t MediaDeadline() const;

  const ClientOptions options_;
  const Md5 md5_;
  const RandomBytes random_;
  Url url_;
  std::optional<ClientAuth> auth_;
  MessageReader reader_;
  absl::Status status_;
  std::vector<uint8_t> output_;
  std::vector<ClientEvent> events_;  // from next_event_ on
  size_t next_event_ = 0;
  int64_t now_ns_ = 0;

  Step step_ = Step::kIdle;
  std::optional<Asked> asked_;
  int64_t asked_ns_ = 0;
  uint64_t sequence_ = 0;
  unsigned redirects_ = 0;
  unsigned reconnects_ = 0;  // since media came last
  bool proven_ = false;      // the login was taken once: a 401 then only means another nonce
  bool told_again_ = false;  // the last keep-alive, with another nonce
  bool tcp_;
  bool get_parameter_ = false;
  bool reconnect_ = false;  // a new connection goes on where this one closes

  std::string base_;
  std::string aggregate_;
  std::vector<std::string> controls_;
  std::vector<size_t> wanted_;  // media to set up
  size_t next_wanted_ = 0;
  std::optional<Transport> offered_;
  Setups setups_;
  std::string session_;
  int64_t timeout_s_ = kDefaultTimeoutS;  // of the session
  int64_t keep_alive_ns_ = 0;
  int64_t heard_ns_ = 0;
  bool heard_any_ = false;
};

}  // namespace millrace::rtsp
