#include "gateways/rtsp/protocol/client_conversation.h"

#include <algorithm>

#include "gateways/rtsp/protocol/errors.h"
#include "media/base/fault.h"
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

// What is offered, for who wonders why none of it will do: "video jpeg, application not_media".
std::string Offered(const media::sdp::Description& description,
                    const std::vector<media::sdp::Source>& sources) {
  std::string text;
  for (const auto& source : sources) {
    if (!text.empty()) text += ", ";
    text +=
        description.media[source.media].kind.substr(0, 32) + " " +
        (source.ignored == media::sdp::Ignored::kNo ? media::sdp::PayloadFormatName(source.payload)
                                                    : media::sdp::IgnoredName(source.ignored));
  }
  return text;
}

std::string Describe(const Response& response) {
  return std::to_string(response.status) + " " + response.reason.substr(0, 64);
}

}  // namespace

ClientConversation::ClientConversation(ClientOptions options, Url url, Md5 md5, RandomBytes random)
    : options_(std::move(options)),
      md5_(std::move(md5)),
      random_(std::move(random)),
      url_(std::move(url)),
      reader_(options_.limits),
      tcp_(options_.protocol == ClientOptions::Protocol::kTcp) {
  auth_.emplace(Login{url_.user, url_.password}, md5_, random_);
}

void ClientConversation::OnConnected(int64_t now_ns) {
  now_ns_ = now_ns;
  reader_ = MessageReader(options_.limits);
  output_.clear();
  ForgetSession();
  step_ = Step::kOptions;
  Ask("OPTIONS", url_.Text());
}

bool ClientConversation::OnClosed() {
  return std::exchange(reconnect_, false) && status_.ok() && ++reconnects_ <= kMaxReconnects;
}

void ClientConversation::Append(media::Bytes bytes, int64_t now_ns) {
  now_ns_ = now_ns;
  reader_.Append(bytes);
}

absl::StatusOr<std::optional<ClientEvent>> ClientConversation::Next() {
  while (true) {
    if (next_event_ < events_.size()) return std::move(events_[next_event_++]);
    events_.clear();
    next_event_ = 0;
    if (!status_.ok()) return status_;
    auto message = reader_.Next();
    if (!message.ok()) return status_ = message.status();
    if (!message->has_value()) return std::nullopt;
    if (auto* response = std::get_if<Response>(&**message)) {
      status_ = OnResponse(std::move(*response));
    } else if (const auto* frame = std::get_if<Interleaved>(&**message)) {
      OnPacket(*frame);
    } else {
      OnRequest(std::get<Request>(**message));
    }
  }
}

// Servers ask whether we are there, and announce changes that the packets tell, too.
void ClientConversation::OnRequest(const Request& request) {
  const bool known = request.method == "OPTIONS" || request.method == "GET_PARAMETER" ||
                     request.method == "SET_PARAMETER" || request.method == "ANNOUNCE";
  Response response{.status = known ? 200 : 501};
  if (const std::string* sequence = request.headers.Find("CSeq")) {
    response.headers.Add("CSeq", *sequence);
  }
  Write(response, output_);
}

void ClientConversation::OnPacket(const Interleaved& frame) {
  const auto place = setups_.OfChannel(frame.channel);
  if (!place.has_value() || frame.payload.empty()) return;
  Heard(now_ns_);
  events_.push_back(MediaPacket{place->media, place->rtcp, frame.payload});
}

void ClientConversation::Heard(int64_t now_ns) {
  heard_ns_ = now_ns;
  heard_any_ = true;
}

Request ClientConversation::Prepare(Request request) {
  Headers headers = {{"CSeq", std::to_string(++sequence_)}, {"User-Agent", options_.user_agent}};
  if (!session_.empty()) headers.Add("Session", session_);
  for (const auto& [name, value] : request.headers.lines()) headers.Add(name, value);
  const std::string authorization = auth_->Header(request.method, request.uri);
  if (!authorization.empty()) headers.Add("Authorization", authorization);
  request.headers = std::move(headers);
  return request;
}

void ClientConversation::Ask(std::string method, std::string uri, Headers headers) {
  Asked asked;
  asked.request.method = std::move(method);
  asked.request.uri = std::move(uri);
  asked.request.headers = std::move(headers);
  Send(std::move(asked));
}

void ClientConversation::Send(Asked asked) {
  asked.authorized = auth_->active();
  ++asked.tries;
  Write(Prepare(asked.request), output_);
  asked.sequence = sequence_;
  asked_ = std::move(asked);
  asked_ns_ = now_ns_;
}

void ClientConversation::Tell(std::string method, std::string uri) {
  Request request;
  request.method = std::move(method);
  request.uri = std::move(uri);
  Write(Prepare(std::move(request)), output_);
}

absl::Status ClientConversation::OnResponse(Response response) {
  // A device that leaves out the number answers what it was asked last.
  const auto sequence = media::ParseNumber<uint64_t>(response.headers.Get("CSeq"));
  const bool awaited =
      asked_.has_value() && sequence.value_or(asked_->sequence) == asked_->sequence;
  if (!awaited) {
    // Of a keep-alive. What it says of the session shows when no packet comes any more.
    const bool other_nonce =
        response.status == 401 && auth_->OnUnauthorized(response.headers, !proven_);
    if (other_nonce && step_ == Step::kPlaying && !std::exchange(told_again_, true)) {
      TellKeepAlive();
    }
    if (response.status == 405 || response.status == 501) get_parameter_ = false;
    return absl::OkStatus();
  }
  if (response.status < 200) return absl::OkStatus();
  Asked asked = *std::move(asked_);
  asked_.reset();
  reconnect_ = false;
  if (response.status != 401) {
    proven_ = proven_ || asked.authorized;
    return OnAnswer(asked, response);
  }
  const bool wrong = asked.authorized && !proven_;
  if (asked.tries == kMaxTries || !auth_->OnUnauthorized(response.headers, wrong)) {
    return Fail(RtspError::kUnauthorized, asked.request.method);
  }
  reconnect_ = true;
  Send(std::move(asked));
  return absl::OkStatus();
}

absl::Status ClientConversation::OnAnswer(const Asked& asked, const Response& response) {
  switch (step_) {
    case Step::kOptions:
      return OnOptions(response);
    case Step::kDescribe:
      return OnDescribe(response);
    case Step::kSetup:
      return OnSetup(response);
    case Step::kPlay:
      return OnPlay(response);
    case Step::kIdle:
    case Step::kPorts:
    case Step::kPlaying:
      break;
  }
  return absl::OkStatus();
}

// Whatever the answer is: who cannot do OPTIONS may describe all the same.
absl::Status ClientConversation::OnOptions(const Response& response) {
  get_parameter_ = false;
  for (const std::string_view list : response.headers.All("Public")) {
    get_parameter_ = get_parameter_ || Lists(list, "GET_PARAMETER");
  }
  BeginDescribe();
  return absl::OkStatus();
}

void ClientConversation::BeginDescribe() {
  step_ = Step::kDescribe;
  Ask("DESCRIBE", url_.Text(), {{"Accept", "application/sdp"}});
}

absl::Status ClientConversation::OnRedirect(const Response& response) {
  auto to = ParseUrl(media::Trim(response.headers.Get("Location")));
  if (!to.has_value()) return Fail(RtspError::kRefused, Describe(response));
  if (++redirects_ > kMaxRedirects) return Fail(RtspError::kTooManyRedirects);
  const bool same_host = to->host == url_.host && to->tls >= url_.tls;
  if (to->user.empty() && same_host) {
    to->user = url_.user;
    to->password = url_.password;
  }
  url_ = *std::move(to);
  auth_.emplace(Login{url_.user, url_.password}, md5_, random_);
  proven_ = false;
  step_ = Step::kIdle;
  events_.emplace_back(Redirected{url_});
  return absl::OkStatus();
}

absl::Status ClientConversation::OnDescribe(const Response& response) {
  if (response.status >= 300 && response.status < 400) return OnRedirect(response);
  if (response.status != 200) return Fail(RtspError::kRefused, Describe(response));
  auto description = media::sdp::Parse(response.body);
  if (!description.ok()) {
    return Fail(RtspError::kBadSdp, media::FaultName(description.status()));
  }
  base_ =
      BaseUrl(url_, response.headers.Get("Content-Base"), response.headers.Get("Content-Location"));
  const std::string_view control = media::sdp::ValueOf(description->attributes, "control");
  aggregate_ = ControlUrl(base_, control);
  // Controls of the media refer to the session's own where that is a URL, as FFmpeg has it.
  if (ParseUrl(control).has_value()) base_ = aggregate_;
  auto sources = media::sdp::SourcesOf(*description);
  controls_.clear();
  wanted_.clear();
  for (const auto& source : sources) {
    controls_.push_back(source.control);
    if (source.ignored == media::sdp::Ignored::kNo) wanted_.push_back(source.media);
  }
  if (options_.choose) wanted_ = options_.choose(sources);
  if (wanted_.empty()) return Fail(RtspError::kNoMedia, Offered(*description, sources));
  events_.emplace_back(Described{*std::move(description), std::move(sources)});
  next_wanted_ = 0;
  return SetUpNext();
}

std::string ClientConversation::ControlOf(size_t media) const {
  return ControlUrl(base_, controls_[media]);
}

absl::Status ClientConversation::SetUpNext() {
  if (next_wanted_ == wanted_.size()) {
    if (setups_.empty()) return Fail(RtspError::kNoMedia);
    AskPlay();
  } else if (tcp_) {
    AskSetup(std::nullopt);
  } else {
    step_ = Step::kPorts;
    events_.emplace_back(PortsRequest{wanted_[next_wanted_]});
  }
  return absl::OkStatus();
}

void ClientConversation::ProvidePorts(std::optional<Pair> ports) {
  if (step_ == Step::kPorts) AskSetup(ports);
}

void ClientConversation::AskSetup(std::optional<Pair> ports) {
  Transport transport;
  transport.tcp = !ports.has_value();
  transport.client_port = ports;
  if (transport.tcp) {
    const auto channel = static_cast<uint16_t>(2 * next_wanted_);
    transport.interleaved = Pair{channel, static_cast<uint16_t>(channel + 1)};
  }
  step_ = Step::kSetup;
  offered_ = transport;
  Ask("SETUP", ControlOf(wanted_[next_wanted_]), {{"Transport", Format(transport)}});
}

absl::Status ClientConversation::OnSetup(const Response& response) {
  const bool may_fall_back = options_.protocol == ClientOptions::Protocol::kUdpThenTcp && !tcp_;
  if (response.status != 200) {
    if (may_fall_back) {
      FallBack();
      return absl::OkStatus();
    }
    // Cameras refuse the sound, and show the picture all the same.
    if (setups_.empty() && next_wanted_ + 1 == wanted_.size()) {
      return Fail(RtspError::kRefused, Describe(response));
    }
    ++next_wanted_;
    return SetUpNext();
  }
  ReadSession(response);
  Transport transport = *offered_;
  const std::string* header = response.headers.Find("Transport");
  if (header != nullptr) {
    const auto replies = ParseTransports(*header);
    if (replies.empty() || (offered_->tcp && !replies[0].tcp && replies[0].server_port)) {
      return Fail(RtspError::kBadTransport, header->substr(0, 128));
    }
    transport.server_port = replies[0].server_port;
    transport.source = replies[0].source;
    transport.ssrc = replies[0].ssrc;
    // What the server says about channels counts, also where it prefers them to UDP.
    if (replies[0].interleaved.has_value()) transport.interleaved = replies[0].interleaved;
    transport.tcp = offered_->tcp || replies[0].tcp;
  }
  setups_.Put(wanted_[next_wanted_], std::move(transport));
  reader_.ExpectChannels(setups_.channel_end());
  ++next_wanted_;
  return SetUpNext();
}

void ClientConversation::ReadSession(const Response& response) {
  const SessionHeader session = ParseSession(response.headers.Get("Session"));
  if (!session.id.empty()) session_ = session.id;
  timeout_s_ = session.timeout_s.value_or(timeout_s_);
}

void ClientConversation::AskPlay() {
  step_ = Step::kPlay;
  Ask("PLAY", aggregate_, {{"Range", Format(Range{.start_ns = 0})}});
}

absl::Status ClientConversation::OnPlay(const Response& response) {
  if (response.status != 200) return Fail(RtspError::kRefused, Describe(response));
  ReadSession(response);
  step_ = Step::kPlaying;
  keep_alive_ns_ = now_ns_ + timeout_s_ * media::kNsPerSecond / 2;
  heard_ns_ = now_ns_;
  heard_any_ = false;
  reconnects_ = 0;
  Playing playing{setups_.all(), {}};
  const auto infos = ParseRtpInfo(response.headers.Get("RTP-Info"));
  for (const Setup& setup : playing.setups) {
    const std::string control = ControlOf(setup.media);
    const auto found = std::find_if(infos.begin(), infos.end(), [&](const RtpInfo& info) {
      return ControlUrl(base_, info.url) == control;
    });
    playing.infos.push_back(found != infos.end() ? *found : RtpInfo{});
  }
  events_.emplace_back(std::move(playing));
  return absl::OkStatus();
}

void ClientConversation::ForgetSession() {
  asked_.reset();
  session_.clear();
  timeout_s_ = kDefaultTimeoutS;
  setups_.Clear();
  offered_.reset();
  next_wanted_ = 0;
}

void ClientConversation::FallBack() {
  tcp_ = true;
  if (!session_.empty()) Tell("TEARDOWN", aggregate_);
  ForgetSession();
  reconnect_ = true;
  BeginDescribe();
}

void ClientConversation::Teardown() {
  if (!session_.empty() && status_.ok()) Tell("TEARDOWN", aggregate_);
  ForgetSession();
  step_ = Step::kIdle;
}

void ClientConversation::TellKeepAlive() {
  const bool get = options_.keep_alive == ClientOptions::KeepAlive::kGetParameter ||
                   (get_parameter_ && options_.keep_alive == ClientOptions::KeepAlive::kAutomatic);
  Tell(get ? "GET_PARAMETER" : "OPTIONS", aggregate_);
}

void ClientConversation::OnKeepAliveDue() {
  told_again_ = false;
  TellKeepAlive();
  keep_alive_ns_ = now_ns_ + timeout_s_ * media::kNsPerSecond / 2;
}

int64_t ClientConversation::MediaDeadline() const {
  const bool probing = !heard_any_ && std::any_of(setups_.all().begin(), setups_.all().end(),
                                                  [](const Setup& s) { return !s.transport.tcp; });
  return heard_ns_ + (probing ? options_.udp_probe_ns : options_.media_timeout_ns);
}

absl::Status ClientConversation::OnTimer(int64_t now_ns) {
  now_ns_ = now_ns;
  if (!status_.ok()) return status_;
  if (asked_.has_value() && now_ns >= asked_ns_ + options_.response_timeout_ns) {
    return status_ = Fail(RtspError::kResponseTimeout, asked_->request.method);
  }
  if (step_ != Step::kPlaying) return absl::OkStatus();
  if (now_ns >= MediaDeadline()) {
    const bool may_fall_back = options_.protocol == ClientOptions::Protocol::kUdpThenTcp && !tcp_;
    if (!may_fall_back || heard_any_) return status_ = Fail(RtspError::kMediaTimeout);
    FallBack();
    return absl::OkStatus();
  }
  if (options_.keep_alive != ClientOptions::KeepAlive::kNone && now_ns >= keep_alive_ns_) {
    OnKeepAliveDue();
  }
  return absl::OkStatus();
}

std::optional<int64_t> ClientConversation::NextDeadline() const {
  std::optional<int64_t> deadline;
  const auto at = [&deadline](int64_t ns) { deadline = std::min(deadline.value_or(ns), ns); };
  if (asked_.has_value()) at(asked_ns_ + options_.response_timeout_ns);
  if (step_ == Step::kPlaying) {
    at(MediaDeadline());
    if (options_.keep_alive != ClientOptions::KeepAlive::kNone) at(keep_alive_ns_);
  }
  return deadline;
}

}  // namespace millrace::rtsp
