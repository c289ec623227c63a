#pragma once
// What both halves of a client do, whether it plays or publishes: one request at a time, with the
// login that is asked for; the session; keep-alives; redirections. Sans I/O.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gateways/rtsp/protocol/auth.h"
#include "gateways/rtsp/protocol/message.h"
#include "gateways/rtsp/protocol/play_headers.h"
#include "gateways/rtsp/protocol/url.h"
#include "media/base/ticks.h"

namespace millrace::rtsp {

enum class KeepAlive {
  kAutomatic,     // GET_PARAMETER where the server has it, else OPTIONS
  kGetParameter,  // also where it does not say so
  kOptions,
  kNone,  // some Hikvision recorders hang up when they get one
};

struct RequestOptions {
  std::string user_agent = "Millrace";  // some cameras answer 401 where there is none
  KeepAlive keep_alive = KeepAlive::kAutomatic;
  int64_t response_timeout_ns = 10 * media::kNsPerSecond;
};

// The server sent us elsewhere: connect there, then OnConnected.
struct Redirected {
  Url url;
};

class ClientRequests {
 public:
  // User and password of `url` are the login; a redirection to another host does not get it.
  ClientRequests(RequestOptions options, Url url, Md5 md5, RandomBytes random);

  // A connection is there: nothing of the one before counts.
  void OnConnected(int64_t now_ns);
  // The server hung up. True where a new connection will do: some cameras close after a 401, or
  // after the TEARDOWN that comes before another transport.
  bool OnClosed();
  void SetNow(int64_t now_ns) { now_ns_ = now_ns; }

  // Asks, and waits for the answer.
  void Ask(std::string method, std::string uri, Headers headers = {}, std::string body = {});
  // Without waiting for an answer.
  void Tell(std::string method, std::string uri);
  // The final answer to what was asked. Nothing: it was another one's, or the request was sent
  // again with a login. Faults: kUnauthorized.
  absl::StatusOr<std::optional<Response>> Take(Response response);
  // Of a server that asks whether we are there, or announces what the packets tell, too.
  void Answer(const Request& request);

  // Goes where a 3xx says; url() is that from then on. Faults: kRefused, kTooManyRedirects.
  absl::Status Follow(const Response& response);
  // Whether the server knows GET_PARAMETER.
  void ReadPublic(const Response& response);
  void ReadSession(const Response& response);
  bool in_session() const { return !session_.empty(); }
  void ForgetSession();
  // What the session is for has begun: keep-alives go to `uri` twice within its time-out.
  void BeginKeepAlives(std::string uri);
  // Ends the session, and begins another one on this or a new connection.
  void LeaveSession(const std::string& uri);
  void Teardown(const std::string& uri);

  // Keep-alives. Faults: kResponseTimeout.
  absl::Status OnTimer(int64_t now_ns);
  std::optional<int64_t> NextDeadline() const;

  std::vector<uint8_t> TakeOutput() { return std::exchange(output_, {}); }
  bool has_output() const { return !output_.empty(); }
  const Url& url() const { return url_; }

 private:
  // The request whose answer is waited for.
  struct Asked {
    Request request;
    uint64_t sequence = 0;
    bool authorized = false;
    unsigned tries = 0;
  };

  void Send(Asked asked);
  Request Prepare(Request request);
  void TellKeepAlive();
  bool keeps_alive() const { return !kept_uri_.empty() && options_.keep_alive != KeepAlive::kNone; }

  const RequestOptions options_;
  const Md5 md5_;
  const RandomBytes random_;
  Url url_;
  std::optional<ClientAuth> auth_;
  std::vector<uint8_t> output_;
  int64_t now_ns_ = 0;

  std::optional<Asked> asked_;
  int64_t asked_ns_ = 0;
  uint64_t sequence_ = 0;
  unsigned redirects_ = 0;
  unsigned reconnects_ = 0;  // since a session began last
  bool proven_ = false;      // the login was taken once: a 401 then only means another nonce
  bool told_again_ = false;  // the last keep-alive, with another nonce
  bool get_parameter_ = false;
  bool reconnect_ = false;  // a new connection goes on where this one closes
  std::string session_;
  int64_t timeout_s_ = kDefaultTimeoutS;  // of the session
  std::string kept_uri_;                  // what keep-alives name; "": none are due
  int64_t keep_alive_ns_ = 0;
};

// "404 Stream Not Found"
std::string StatusLine(const Response& response);

}  // namespace millrace::rtsp
