#include "gateways/rtsp/protocol/client_requests.h"

#include <algorithm>

#include "gateways/rtsp/protocol/errors.h"
#include "media/base/text.h"

namespace millrace::rtsp {
namespace {

constexpr unsigned kMaxTries = 3;  // of one request, with another nonce each time
constexpr unsigned kMaxRedirects = 3;
constexpr unsigned kMaxReconnects = 3;

bool Lists(std::string_view list, std::string_view method) {
  while (!list.empty()) {
    if (media::Trim(media::CutFront(list, ",")) == method) return true;
  }
  return false;
}

}  // namespace

std::string StatusLine(const Response& response) {
  return std::to_string(response.status) + " " + response.reason.substr(0, 64);
}

ClientRequests::ClientRequests(RequestOptions options, Url url, Md5 md5, RandomBytes random)
    : options_(std::move(options)),
      md5_(std::move(md5)),
      random_(std::move(random)),
      url_(std::move(url)) {
  auth_.emplace(Login{url_.user, url_.password}, md5_, random_);
}

void ClientRequests::OnConnected(int64_t now_ns) {
  now_ns_ = now_ns;
  output_.clear();
  ForgetSession();
}

bool ClientRequests::OnClosed() {
  return std::exchange(reconnect_, false) && ++reconnects_ <= kMaxReconnects;
}

Request ClientRequests::Prepare(Request request) {
  Headers headers = {{"CSeq", std::to_string(++sequence_)}, {"User-Agent", options_.user_agent}};
  if (!session_.empty()) headers.Add("Session", session_);
  for (const auto& [name, value] : request.headers.lines()) headers.Add(name, value);
  const std::string authorization = auth_->Header(request.method, request.uri);
  if (!authorization.empty()) headers.Add("Authorization", authorization);
  request.headers = std::move(headers);
  return request;
}

void ClientRequests::Ask(std::string method, std::string uri, Headers headers, std::string body) {
  Asked asked;
  asked.request.method = std::move(method);
  asked.request.uri = std::move(uri);
  asked.request.headers = std::move(headers);
  asked.request.body = std::move(body);
  Send(std::move(asked));
}

void ClientRequests::Send(Asked asked) {
  asked.authorized = auth_->active();
  ++asked.tries;
  Write(Prepare(asked.request), output_);
  asked.sequence = sequence_;
  asked_ = std::move(asked);
  asked_ns_ = now_ns_;
}

void ClientRequests::Tell(std::string method, std::string uri) {
  Request request;
  request.method = std::move(method);
  request.uri = std::move(uri);
  Write(Prepare(std::move(request)), output_);
}

absl::StatusOr<std::optional<Response>> ClientRequests::Take(Response response) {
  // A device that leaves out the number answers what it was asked last.
  const auto sequence = media::ParseNumber<uint64_t>(response.headers.Get("CSeq"));
  const bool awaited =
      asked_.has_value() && sequence.value_or(asked_->sequence) == asked_->sequence;
  if (!awaited) {
    // Of a keep-alive. What it says of the session shows when no packet comes any more.
    const bool other_nonce =
        response.status == 401 && auth_->OnUnauthorized(response.headers, !proven_);
    if (other_nonce && !kept_uri_.empty() && !std::exchange(told_again_, true)) TellKeepAlive();
    if (response.status == 405 || response.status == 501) get_parameter_ = false;
    return std::nullopt;
  }
  if (response.status < 200) return std::nullopt;
  Asked asked = *std::move(asked_);
  asked_.reset();
  reconnect_ = false;
  if (response.status != 401) {
    proven_ = proven_ || asked.authorized;
    return response;
  }
  const bool wrong = asked.authorized && !proven_;
  if (asked.tries == kMaxTries || !auth_->OnUnauthorized(response.headers, wrong)) {
    return Fail(RtspError::kUnauthorized, asked.request.method);
  }
  reconnect_ = true;
  Send(std::move(asked));
  return std::nullopt;
}

void ClientRequests::Answer(const Request& request) {
  const bool known = request.method == "OPTIONS" || request.method == "GET_PARAMETER" ||
                     request.method == "SET_PARAMETER" || request.method == "ANNOUNCE";
  Response response{.status = known ? 200 : 501};
  if (const std::string* sequence = request.headers.Find("CSeq")) {
    response.headers.Add("CSeq", *sequence);
  }
  Write(response, output_);
}

absl::Status ClientRequests::Follow(const Response& response) {
  auto to = ParseUrl(media::Trim(response.headers.Get("Location")));
  if (!to.has_value()) return Fail(RtspError::kRefused, StatusLine(response));
  if (++redirects_ > kMaxRedirects) return Fail(RtspError::kTooManyRedirects);
  const bool same_host = to->host == url_.host && to->tls >= url_.tls;
  if (to->user.empty() && same_host) {
    to->user = url_.user;
    to->password = url_.password;
  }
  url_ = *std::move(to);
  auth_.emplace(Login{url_.user, url_.password}, md5_, random_);
  proven_ = false;
  return absl::OkStatus();
}

void ClientRequests::ReadPublic(const Response& response) {
  get_parameter_ = false;
  for (const std::string_view list : response.headers.All("Public")) {
    get_parameter_ = get_parameter_ || Lists(list, "GET_PARAMETER");
  }
}

void ClientRequests::ReadSession(const Response& response) {
  const SessionHeader session = ParseSession(response.headers.Get("Session"));
  if (!session.id.empty()) session_ = session.id;
  timeout_s_ = session.timeout_s.value_or(timeout_s_);
}

void ClientRequests::ForgetSession() {
  asked_.reset();
  session_.clear();
  kept_uri_.clear();
  timeout_s_ = kDefaultTimeoutS;
}

void ClientRequests::BeginKeepAlives(std::string uri) {
  kept_uri_ = std::move(uri);
  keep_alive_ns_ = now_ns_ + timeout_s_ * media::kNsPerSecond / 2;
  reconnects_ = 0;
}

void ClientRequests::LeaveSession(const std::string& uri) {
  Teardown(uri);
  reconnect_ = true;
}

void ClientRequests::Teardown(const std::string& uri) {
  if (!session_.empty()) Tell("TEARDOWN", uri);
  ForgetSession();
}

void ClientRequests::TellKeepAlive() {
  const bool get = options_.keep_alive == KeepAlive::kGetParameter ||
                   (get_parameter_ && options_.keep_alive == KeepAlive::kAutomatic);
  Tell(get ? "GET_PARAMETER" : "OPTIONS", kept_uri_);
}

absl::Status ClientRequests::OnTimer(int64_t now_ns) {
  now_ns_ = now_ns;
  if (asked_.has_value() && now_ns >= asked_ns_ + options_.response_timeout_ns) {
    return Fail(RtspError::kResponseTimeout, asked_->request.method);
  }
  if (keeps_alive() && now_ns >= keep_alive_ns_) {
    told_again_ = false;
    TellKeepAlive();
    keep_alive_ns_ = now_ns_ + timeout_s_ * media::kNsPerSecond / 2;
  }
  return absl::OkStatus();
}

std::optional<int64_t> ClientRequests::NextDeadline() const {
  std::optional<int64_t> deadline;
  if (asked_.has_value()) deadline = asked_ns_ + options_.response_timeout_ns;
  if (keeps_alive()) deadline = std::min(deadline.value_or(keep_alive_ns_), keep_alive_ns_);
  return deadline;
}

}  // namespace millrace::rtsp
