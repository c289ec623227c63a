// What a session does as publisher and as player.

#include <string>
#include <utility>

#include "gateways/rtmp/protocol/errors.h"
#include "gateways/rtmp/rtmp_unit.h"
#include "gateways/rtmp/session.h"
#include "media/base/fault.h"
#include "runtime/bus/stream_name.h"
#include "runtime/node/logins.h"

namespace millrace::rtmp {
namespace {

using media::flv::TagType;

// What may be logged of an address: arguments may be credentials.
std::string_view WithoutQuery(std::string_view text) { return text.substr(0, text.find('?')); }

// What a player is sent: what it chose by `?codec=`, or what it said when it connected. Nothing
// where `codec` is none of the choices. Who announced nothing is taken for a legacy player.
std::optional<media::flv::PresentationOptions> PlayerOptions(const EnhancedClient& client,
                                                             std::string_view codec) {
  media::flv::PresentationOptions options;
  if (!codec.empty()) {
    const auto form = media::flv::FindForm(codec);
    if (!form) return std::nullopt;
    options.form = *form;
  } else if (client.announced) {
    options.enhanced = client.takes;
    options.multitrack = client.multitrack;
  } else {
    options.form = media::flv::Form::kLegacy;
  }
  return options;
}

}  // namespace

void Session::On(Connected& event) {
  user_agent_ = std::move(event.user_agent);
  enhanced_ = event.enhanced;
  node().logger().Debug("connected", {{"address", peer_},
                                      {"app", WithoutQuery(event.app)},
                                      {"tc_url", WithoutQuery(event.tc_url)},
                                      {"user_agent", user_agent_}});
}

void Session::On(ConnectRefused&) { TurnAway(); }

void Session::On(LoginRefused& event) {
  if (event.asked) {
    node().logger().Debug("login asked for", {{"address", peer_}, {"app", event.stream}});
    CloseGently("login");
    return;
  }
  // Whoever guesses passwords is to be seen, not to fill the log.
  if (shard_.CountError(RtmpErrorName(RtmpError::kLoginFailed))) {
    node().logger().Warning("login refused", {{"stream", event.stream},
                                              {"address", peer_},
                                              {"user", event.user},
                                              {"user_agent", user_agent_},
                                              {"reason", event.text}});
  }
  CloseGently("refused");
}

std::optional<std::string> Session::WhyNot(const Target& target, std::string_view user,
                                           bool& banned) const {
  banned = false;
  if (const absl::Status status = bus::ValidateStreamName(target.stream); !status.ok()) {
    return std::string(status.message()) + ": use rtmp://host/app/name";
  }
  auto ban = node().bans().RefusalNow(target.stream, address_, user);
  banned = ban.has_value();
  return ban;
}

void Session::Begin(const Target& target, std::string_view user, v1::Role role) {
  configuration_ = node().configuration();
  app_ = node().settings(target.stream);
  node::ForgetLogins(app_);
  OpenRecord(target.stream, user, user_agent_, role);
}

void Session::Kick(const rpc::KickOrder& order) {
  if (viewer_ == nullptr) {
    conversation_.Kick(order.reason);
    CloseGently("kicked", IsLostBy(order));
    return;
  }
  kicked_ = true;
  if (viewer_ending_) return;
  viewer_ending_ = true;
  conversation_.Kick(order.reason);
  viewer_->Finish(conversation_.TakeOutput(), order.reason);
}

// --- publishing ---

void Session::On(PublishRequest& event) {
  bool banned = false;
  const std::string_view user = event.user.empty() ? UserOf(event.target.params) : event.user;
  if (const auto refusal = WhyNot(event.target, user, banned)) {
    node().logger().Info(
        "publish refused",
        {{"stream", event.target.stream}, {"address", peer_}, {"reason", *refusal}});
    conversation_.RejectPublish(banned ? Refusal::kUnauthorized : Refusal::kBadName, *refusal);
    CloseGently("refused");
    return;
  }
  if (const auto full = TakePublisherShares(event.target.stream)) {
    conversation_.RejectPublish(Refusal::kTooMuch, *full);
    CloseGently("refused");
    return;
  }
  Begin(event.target, user, v1::ROLE_PUBLISHER);
  accepted_ = audio_refused_ = false;
  since_ = last_media_ = Clock::now();
  intake_ = std::make_unique<MediaIntake>();
  stream::IngestOptions options;
  options.stream = stream_;
  options.session = record_->id();
  options.protocol = "rtmp";
  options.settings = app_;
  ingest_ = stream::Ingest::Start(node().bus(), node().shards(), shard_.context(), node().metrics(),
                                  std::move(options), *this);
}

void Session::OnAccepted() {
  accepted_ = true;
  LogRole("publishing", user_agent_);
  conversation_.AcceptPublish();
  Flush();
}

void Session::OnClosed(v1::RefusalReason reason, const std::string& text) {
  switch (reason) {
    case v1::REFUSAL_KICKED:
      conversation_.Kick(text.empty() ? "kicked" : text);
      break;
    case v1::REFUSAL_REPLACED:
    case v1::REFUSAL_FENCED:
      conversation_.RejectPublish(Refusal::kBadName,
                                  text.empty() ? "another publisher took the stream over" : text);
      break;
    case v1::REFUSAL_LIMIT:
      conversation_.RejectPublish(Refusal::kFailed,
                                  text.empty() ? "the router takes no more streams" : text);
      break;
    default:
      conversation_.RejectPublish(Refusal::kBadName,
                                  text.empty() ? "somebody else publishes this stream" : text);
      break;
  }
  CloseGently(LogClosed(reason, text));
}

void Session::OnExcess(const char* name, const std::string& text) {
  CountExcess(name, text);
  conversation_.RejectPublish(Refusal::kTooMuch, text);
  CloseGently(name);
}

void Session::On(UnpublishRequest&) {
  since_ = Clock::now();
  EndRole("unpublished", false);
}

void Session::On(VideoData& event) { OnMedia(TagType::kVideo, event.timestamp_ms, event.body); }
void Session::On(AudioData& event) { OnMedia(TagType::kAudio, event.timestamp_ms, event.body); }
void Session::On(ScriptData& event) { OnMedia(TagType::kScript, event.timestamp_ms, event.body); }

void Session::On(Metadata& event) {
  if (record_ == nullptr) return;
  const auto text = [&](std::string_view key) {
    const media::amf::Value* value = event.value.Find(key);
    return value == nullptr ? std::string_view() : value->AsString();
  };
  node().logger().Debug("metadata", {{"session", record_->id()}, {"encoder", text("encoder")}});
}

void Session::On(Ignored& event) {
  if (!shard_.CountError(event.fault)) return;
  node().logger().Warning("metadata was left out",
                          {{"stream", stream_}, {"address", peer_}, {"error", event.fault}});
}

void Session::OnMedia(TagType type, int64_t timestamp_ms, const media::Payload& body) {
  if (ingest_ == nullptr) return;
  const MediaIntake::Taken taken = intake_->Take(type, timestamp_ms, body, *ingest_);
  if (taken.any) last_media_ = Clock::now();
  if (taken.status.ok()) return;
  const std::string fault = media::FaultName(taken.status);
  const bool may_log = shard_.CountError(fault);
  if (may_log || (fault == "flv_unsupported_audio" && !audio_refused_)) {
    node().logger().Warning("media was not understood",
                            {{"session", record_->id()}, {"stream", stream_}, {"error", fault}});
  }
  if (fault == "flv_unsupported_audio") audio_refused_ = true;
  if (IsUnsupportedVideo(fault)) {
    conversation_.RejectPublish(Refusal::kFailed,
                                "this video codec is not supported: set the encoder to H.264, "
                                "HEVC, AV1 or VP9");
    CloseGently("unsupported_codec");
  }
}

// --- playing ---

void Session::On(PlayRequest& event) { pending_play_ = std::move(event.target); }

// Starts what was asked for once nobody else writes to the socket: not the viewer before, not we.
void Session::BeginPlay() {
  if (!pending_play_.has_value() || viewer_ != nullptr || is_writing_ || phase_ != Phase::kOpen) {
    return;
  }
  const Target target = *std::exchange(pending_play_, std::nullopt);
  bool banned = false;
  const std::string_view user = UserOf(target.params);
  if (const auto refusal = WhyNot(target, user, banned)) {
    node().logger().Info("play refused",
                         {{"stream", target.stream}, {"address", peer_}, {"reason", *refusal}});
    conversation_.RejectPlay(banned ? Refusal::kUnauthorized : Refusal::kNotFound, *refusal);
    CloseGently("refused");
    return;
  }
  if (!node::MayPlay(node().settings(target.stream), user, PasswordOf(target.params))) {
    if (shard_.CountError(RtmpErrorName(RtmpError::kLoginFailed))) {
      node().logger().Warning("login refused",
                              {{"stream", target.stream}, {"address", peer_}, {"user", user}});
    }
    conversation_.RejectPlay(Refusal::kUnauthorized,
                             "playing here takes a user and a password: add ?user=...&pass=... to "
                             "the stream's name");
    CloseGently("refused");
    return;
  }
  const auto player = PlayerOptions(enhanced_, FindParam(target.params, "codec"));
  if (!player) {
    conversation_.RejectPlay(Refusal::kFailed, "codec is 'legacy' or 'enhanced'; leave it out");
    CloseGently("refused");
    return;
  }
  v1::StartSetting start = v1::START_SETTING_UNSPECIFIED;
  const std::string_view wanted = FindParam(target.params, "start");
  if (!wanted.empty() && (!v1::StartSetting_Parse(std::string(wanted), &start) ||
                          start == v1::START_SETTING_UNSPECIFIED)) {
    conversation_.RejectPlay(Refusal::kFailed, "start is 'live', 'key' or 'oldest'; leave it out");
    CloseGently("refused");
    return;
  }
  Begin(target, user, v1::ROLE_VIEWER);
  if (start != v1::START_SETTING_UNSPECIFIED) app_.set_start(start);
  shard_.Unwatch(*this);
  stream::ViewerOptions options;
  options.stream = stream_;
  options.protocol = "rtmp";
  options.lane = RtmpLane(settings_.chunk_size(), *player);
  options.settings = app_;
  viewer_ = node().feeds().View(shard_.index(), *transport_, std::move(options), record_, *this);
}

std::vector<uint8_t> Session::OnStart(const media::TrackSet&) {
  LogRole("playing", user_agent_);
  conversation_.StartPlay();
  return conversation_.TakeOutput();
}

std::vector<uint8_t> Session::OnEnding(stream::ViewerEnd end, const std::string& text) {
  viewer_ending_ = true;
  if (end == stream::ViewerEnd::kStreamEnded) {
    conversation_.EndPlay(text.empty() ? "the stream ended" : text);
  } else {
    conversation_.Kick(text);
  }
  return conversation_.TakeOutput();
}

void Session::OnEnded(stream::ViewerEnd end, const std::string& text) {
  if (phase_ != Phase::kOpen) return;
  const char* reason = stream::ViewerEndName(end);
  switch (end) {
    case stream::ViewerEnd::kSocket:
    case stream::ViewerEnd::kTooSlow:
      Abort(reason);
      return;
    case stream::ViewerEnd::kWaitTimeout:
      conversation_.RejectPlay(Refusal::kNotFound, text);
      break;
    case stream::ViewerEnd::kNoTracks:
      conversation_.RejectPlay(Refusal::kFailed,
                               "the stream has nothing that this player says it takes: ask with "
                               "?codec=enhanced if it does");
      break;
    case stream::ViewerEnd::kStreamEnded:
      break;
    case stream::ViewerEnd::kRequested:
      if (kicked_) {
        reason = "kicked";
        break;
      }
      // The client stopped, and may ask for something else.
      viewer_.reset();
      viewer_ending_ = false;
      CloseRecord("stopped");
      since_ = Clock::now();
      shard_.Watch(*this);
      Flush();
      BeginPlay();
      return;
  }
  CloseGently(reason);
}

void Session::On(StopRequest&) {
  pending_play_.reset();
  if (viewer_ == nullptr || viewer_ending_) return;
  viewer_ending_ = true;
  conversation_.StopPlay();
  viewer_->Finish(conversation_.TakeOutput(), "stopped by the client");
}

}  // namespace millrace::rtmp
