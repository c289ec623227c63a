#pragma once
// The server's half of an RTSP connection, RFC 2326 §10 and appendix A.2. Sans I/O.
//
//   conversation.Append(bytes, now);
//   while (event = conversation.Next()) act on it;
//   send conversation.TakeOutput();
//
// One connection has one session at a time, which plays or publishes one stream. While a request
// waits for its answer, those behind it wait, too: requests are answered in order.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtsp/protocol/auth.h"
#include "gateways/rtsp/protocol/message.h"
#include "gateways/rtsp/protocol/message_reader.h"
#include "gateways/rtsp/protocol/server_events.h"
#include "gateways/rtsp/protocol/setups.h"

namespace millrace::rtsp {

struct ServerOptions {
  MessageLimits limits;
  TransportPolicy transport;
  std::string name = "Millrace";  // Server header
  int64_t timeout_s = 60;         // told to the client
  // Beyond the timeout: VLC keeps alive every 70 s whatever it was told.
  int64_t grace_s = 30;
  // Not empty: every request is answered with 503 and this sentence.
  std::string refusal;
  // What may wait while a request is being answered.
  size_t max_pending = 256u << 10;
};

class ServerConversation {
 public:
  enum class State {
    kInit,
    kAnnounced,  // publishes, nothing set up yet
    kReady,      // plays, or publishes where publishing() says so
    kPlaying,
    kRecording,
  };
  // What the first packet of a media will bear, as far as it is known. `timestamp` is that of the
  // moment at which playing starts, 0 in the reply's Range.
  struct Start {
    size_t media = 0;
    std::optional<uint16_t> sequence;
    std::optional<uint32_t> timestamp;
  };

  // Times are monotonic nanoseconds. With `auth` everything but OPTIONS wants credentials.
  ServerConversation(ServerOptions options, const RandomBytes& random, int64_t now_ns,
                     std::optional<ServerAuth> auth = std::nullopt);

  void Append(media::Bytes bytes, int64_t now_ns);
  // The next event, nothing where all bytes are used up or a request waits for its answer, or the
  // final error. What is left to say is in the output even then.
  absl::StatusOr<std::optional<ServerEvent>> Next();

  // Answers to the request that waits; each belongs to the event that says so.
  void Describe(const media::sdp::Description& description);
  void AcceptAnnounce();
  // `source`: the address that packets come from, where it is not the one that is connected to.
  void AcceptUdp(Pair server_port, std::string source = {});
  void AcceptMulticast(std::string group, Pair port, uint8_t ttl);
  // `start_ns`: of the player's time, for Range; not 0 where it goes on behind a pause.
  void StartPlay(const std::vector<Start>& starts, int64_t start_ns = 0);
  void StartRecord();
  // Whether the request that waits bears the right credentials, for what not everybody may do: the
  // user. Nothing where it was answered with 401 instead; the client may ask again.
  std::optional<std::string> Admit(const ServerAuth& auth);
  // To whichever request waits. `text` is for people and takes the place of the status's own
  // reason.
  void Reject(int status, std::string_view text = {});

  // A packet came over UDP: the client is there.
  void Heard(int64_t now_ns) { heard_ns_ = now_ns; }
  // kSessionTimeout when nothing was heard for too long.
  absl::Status OnTimer(int64_t now_ns);
  int64_t NextDeadline() const;

  std::vector<uint8_t> TakeOutput() { return std::exchange(output_, {}); }
  bool has_output() const { return !output_.empty(); }
  State state() const { return state_; }
  bool greeted() const { return greeted_; }              // a whole request came
  bool waiting() const { return waiting_.has_value(); }  // for an answer
  bool publishing() const { return publishing_; }
  const Setups& setups() const { return setups_; }
  std::string_view user_agent() const { return user_agent_; }

 private:
  using Result = std::optional<ServerEvent>;

  absl::StatusOr<Result> OnMessage(Message message);
  Result OnRequest(Request request);
  Result OnPacket(const Interleaved& frame);
  // Version, CSeq, session, options, login; refuses where one of them is wrong.
  bool Passes(const Request& request);
  Result Dispatch(Request request);
  Result OnOptions(const Request& request);
  Result OnDescribe(Request request);
  Result OnAnnounce(Request request);
  Result OnSetup(Request request);
  Result SetUp(Request request);
  Result OnPlay(Request request);
  Result OnRecord(Request request);
  Result OnPause(const Request& request);
  Result OnTeardown(const Request& request);

  // The media that `uri` means, or the status that says why there is none.
  std::optional<size_t> FindMedia(std::string_view uri, int& status) const;
  // Whether the other media of the session travel in the same way.
  bool SameWay(size_t media, const Transport& transport) const;
  void AnswerSetup(const Request& request, size_t media, Transport transport);
  Result Wait(Request request, ServerEvent event);
  Request TakeWaiting();

  Response Reply(const Request& request, int status = 200, std::string_view text = {}) const;
  void Send(const Response& response) { Write(response, output_); }
  void Refuse(const Request& request, int status, std::string_view text = {});
  void RefuseState(const Request& request);
  void RefuseLogin(const Request& request, const ServerAuth& auth, ServerAuth::Verdict verdict);
  std::string AllowedMethods() const;
  void OpenSession();
  void CloseSession();

  const ServerOptions options_;
  const RandomBytes random_;
  const std::optional<ServerAuth> auth_;
  MessageReader reader_;
  absl::Status status_;
  std::vector<uint8_t> output_;
  int64_t heard_ns_;

  State state_ = State::kInit;
  bool greeted_ = false;
  bool authenticated_ = false;
  bool publishing_ = false;
  std::optional<Request> waiting_;
  // What an answer gave rise to, before the next message.
  std::optional<ServerEvent> deferred_;
  size_t waiting_media_ = 0;  // of a SETUP over UDP
  Transport waiting_transport_;
  std::string user_agent_;
  std::string session_;
  // What was described or announced.
  Target target_;
  std::string base_;  // URL without a slash behind
  std::vector<std::string> controls_;
  bool described_ = false;  // the controls are those of target_
  Setups setups_;
};

}  // namespace millrace::rtsp
