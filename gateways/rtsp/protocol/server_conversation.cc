#include "gateways/rtsp/protocol/server_conversation.h"

#include <algorithm>
#include <array>

#include "gateways/rtsp/protocol/errors.h"
#include "media/base/fault.h"
#include "media/base/text.h"
#include "media/base/ticks.h"

namespace millrace::rtsp {
namespace {

constexpr size_t kSessionIdBytes = 8;
constexpr std::string_view kSupportedFeatures[] = {"play.basic"};

// The status of what the reader gave up on.
int StatusOf(const absl::Status& error) {
  const std::string name = media::FaultName(error);
  if (name == RtspErrorName(RtspError::kBodyTooLarge)) return 413;
  return name == RtspErrorName(RtspError::kLineTooLong) ? 414 : 400;
}

// The features of Require lines that we do not have (ONVIF's back channel, for one).
std::string UnsupportedFeatures(const Headers& headers) {
  std::string unsupported;
  for (std::string_view list : headers.All("Require")) {
    while (!list.empty()) {
      const std::string_view feature = media::Trim(media::CutFront(list, ","));
      const bool known = std::find(std::begin(kSupportedFeatures), std::end(kSupportedFeatures),
                                   feature) != std::end(kSupportedFeatures);
      if (feature.empty() || known) continue;
      if (!unsupported.empty()) unsupported += ", ";
      unsupported += feature;
    }
  }
  return unsupported;
}

}  // namespace

ServerConversation::ServerConversation(ServerOptions options, const RandomBytes& random,
                                       int64_t now_ns, std::optional<ServerAuth> auth)
    : options_(std::move(options)),
      random_(random),
      auth_(std::move(auth)),
      reader_(options_.limits),
      heard_ns_(now_ns) {}

void ServerConversation::Append(media::Bytes bytes, int64_t now_ns) {
  reader_.Append(bytes);
  heard_ns_ = now_ns;
}

absl::StatusOr<std::optional<ServerEvent>> ServerConversation::Next() {
  while (status_.ok()) {
    if (deferred_.has_value()) return std::exchange(deferred_, std::nullopt);
    if (waiting_.has_value()) {
      if (reader_.pending() <= options_.max_pending) return std::nullopt;
      status_ = Fail(RtspError::kTooMuchPending);
      break;
    }
    auto message = reader_.Next();
    if (!message.ok()) {
      Response response{.status = StatusOf(message.status())};
      response.headers.Add("Server", options_.name);
      Send(response);
      status_ = message.status();
      break;
    }
    if (!message->has_value()) return std::nullopt;
    Result event;
    if (auto* request = std::get_if<Request>(&**message)) event = OnRequest(std::move(*request));
    if (const auto* frame = std::get_if<Interleaved>(&**message)) event = OnPacket(*frame);
    if (event.has_value()) return event;  // responses answer nothing that was asked
  }
  return status_;
}

ServerConversation::Result ServerConversation::OnPacket(const Interleaved& frame) {
  const auto place = setups_.OfChannel(frame.channel);
  if (!place.has_value() || frame.payload.empty()) return std::nullopt;
  const bool wanted = state_ == State::kRecording || (state_ == State::kPlaying && place->rtcp);
  if (!wanted) return std::nullopt;
  return MediaPacket{place->media, place->rtcp, frame.payload};
}

ServerConversation::Result ServerConversation::OnRequest(Request request) {
  if (const std::string* agent = request.headers.Find("User-Agent")) user_agent_ = *agent;
  greeted_ = true;
  if (!options_.refusal.empty()) return Refuse(request, 503, options_.refusal), TurnedAway{};
  return Passes(request) ? Dispatch(std::move(request)) : std::nullopt;
}

bool ServerConversation::Passes(const Request& request) {
  if (!request.version.starts_with("RTSP/1.")) return Refuse(request, 505), false;
  if (request.headers.Find("CSeq") == nullptr) {
    return Refuse(request, 400, "CSeq is missing"), false;
  }
  const std::string claimed = ParseSession(request.headers.Get("Session")).id;
  const bool opens =
      request.method == "OPTIONS" || request.method == "DESCRIBE" || request.method == "ANNOUNCE";
  if (!claimed.empty() && claimed != session_ && !opens) return Refuse(request, 454), false;
  if (const std::string features = UnsupportedFeatures(request.headers); !features.empty()) {
    Response response = Reply(request, 551);
    response.headers.Add("Unsupported", features);
    return Send(response), false;
  }
  if (!auth_.has_value() || authenticated_ || request.method == "OPTIONS") return true;
  const ServerAuth::Verdict verdict = auth_->Check(request);
  authenticated_ = verdict == ServerAuth::Verdict::kRight;
  if (!authenticated_) RefuseLogin(request, *auth_, verdict);
  return authenticated_;
}

void ServerConversation::RefuseLogin(const Request& request, const ServerAuth& auth,
                                     ServerAuth::Verdict verdict) {
  Response response = Reply(request, 401);
  for (const std::string& challenge : auth.Challenges(verdict)) {
    response.headers.Add("WWW-Authenticate", challenge);
  }
  Send(response);
}

std::optional<std::string> ServerConversation::Admit(const ServerAuth& auth) {
  if (!waiting_.has_value()) return std::nullopt;
  const ServerAuth::Verdict verdict = auth.Check(*waiting_);
  if (verdict == ServerAuth::Verdict::kRight) {
    return ParseAuthorization(waiting_->headers.Get("Authorization")).login.user;
  }
  RefuseLogin(TakeWaiting(), auth, verdict);
  return std::nullopt;
}

ServerConversation::Result ServerConversation::Wait(Request request, ServerEvent event) {
  waiting_ = std::move(request);
  return event;
}

Request ServerConversation::TakeWaiting() {
  Request request = waiting_.has_value() ? *std::move(waiting_) : Request();
  waiting_.reset();
  return request;
}

void ServerConversation::Describe(const media::sdp::Description& description) {
  Request request = TakeWaiting();
  if (setups_.empty()) {
    described_ = true;
    controls_.clear();
    for (const auto& media : description.media) {
      controls_.emplace_back(media::sdp::ValueOf(media.attributes, "control"));
    }
  }
  if (request.method == "SETUP") {
    deferred_ = SetUp(std::move(request));  // over UDP the request waits again, for its ports
    return;
  }
  std::string_view base = request.uri;
  while (base.ends_with('/')) base.remove_suffix(1);
  Response response = Reply(request);
  response.headers.Add("Content-Base", std::string(base) + "/");
  response.headers.Add("Content-Type", "application/sdp");
  response.body = media::sdp::Build(description);
  Send(response);
}

void ServerConversation::AcceptAnnounce() {
  const Request request = TakeWaiting();
  state_ = State::kAnnounced;
  publishing_ = true;
  Send(Reply(request));
}

void ServerConversation::AcceptUdp(Pair server_port, std::string source) {
  const Request request = TakeWaiting();
  waiting_transport_.server_port = server_port;
  waiting_transport_.destination.clear();
  waiting_transport_.source = std::move(source);
  AnswerSetup(request, waiting_media_, waiting_transport_);
}

void ServerConversation::AcceptMulticast(std::string group, Pair port, uint8_t ttl) {
  const Request request = TakeWaiting();
  waiting_transport_.client_port.reset();
  waiting_transport_.source.clear();
  waiting_transport_.destination = std::move(group);
  waiting_transport_.port = port;
  waiting_transport_.ttl = ttl;
  AnswerSetup(request, waiting_media_, waiting_transport_);
}

void ServerConversation::StartPlay(const std::vector<Start>& starts, int64_t start_ns) {
  const Request request = TakeWaiting();
  std::vector<RtpInfo> infos;
  for (const Start& start : starts) {
    if (start.media >= controls_.size()) continue;
    infos.push_back({ControlUrl(base_, controls_[start.media]), start.sequence, start.timestamp});
  }
  state_ = State::kPlaying;
  Response response = Reply(request);
  // Clients made by ZLMediaKit wait for it.
  response.headers.Add("Range", Format(Range{.start_ns = start_ns}));
  if (!infos.empty()) response.headers.Add("RTP-Info", Format(infos));
  Send(response);
}

void ServerConversation::StartRecord() {
  const Request request = TakeWaiting();
  state_ = State::kRecording;
  Send(Reply(request));
}

void ServerConversation::Reject(int status, std::string_view text) {
  const Request request = TakeWaiting();
  Refuse(request, status, text);
}

absl::Status ServerConversation::OnTimer(int64_t now_ns) {
  if (status_.ok() && now_ns >= NextDeadline()) status_ = Fail(RtspError::kSessionTimeout);
  return status_;
}

int64_t ServerConversation::NextDeadline() const {
  return heard_ns_ + (options_.timeout_s + options_.grace_s) * media::kNsPerSecond;
}

Response ServerConversation::Reply(const Request& request, int status,
                                   std::string_view text) const {
  Response response{.status = status, .reason = std::string(text)};
  if (const std::string* sequence = request.headers.Find("CSeq")) {
    response.headers.Add("CSeq", *sequence);
  }
  response.headers.Add("Server", options_.name);
  if (!session_.empty()) {
    response.headers.Add("Session", Format(SessionHeader{session_, options_.timeout_s}));
  }
  return response;
}

void ServerConversation::Refuse(const Request& request, int status, std::string_view text) {
  Send(Reply(request, status, text));
}

void ServerConversation::OpenSession() {
  if (!session_.empty()) return;
  std::array<uint8_t, kSessionIdBytes> bytes{};
  random_(bytes);
  session_ = media::FormatHex(bytes);
}

void ServerConversation::CloseSession() {
  state_ = State::kInit;
  publishing_ = false;
  session_.clear();
  target_ = {};
  described_ = false;
  controls_.clear();
  setups_.Clear();
}

}  // namespace millrace::rtsp
