// What a session does as publisher and as player.

#include <boost/asio/post.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/protocol/errors.h"
#include "gateways/rtsp/rtsp_unit.h"
#include "gateways/rtsp/session.h"
#include "media/base/fault.h"
#include "runtime/bus/stream_name.h"

namespace millrace::rtsp {
namespace {

int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int64_t MonotonicNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

std::string_view UserOf(const Params& params) {
  const std::string_view user = FindParam(params, "user");
  return user.empty() ? FindParam(params, "username") : user;
}

// A lane that shows nothing: a viewer of it is turned away as soon as the tracks are known, which
// is when DESCRIBE can be answered.
class TracksOnly : public stream::LaneMuxer {
 public:
  using OnTracks = std::function<void(const media::TrackSet&)>;
  explicit TracksOnly(OnTracks on_tracks) : on_tracks_(std::move(on_tracks)) {}

  stream::WireUnitPtr Preamble(const media::TrackSet& tracks) override {
    on_tracks_(tracks);
    return nullptr;
  }
  stream::WireUnitPtr TracksChanged(const media::TrackSet&, int64_t) override { return nullptr; }
  stream::WireUnitPtr TracksRestated(const media::TrackSet&, int64_t) override { return nullptr; }
  bool Carries(const media::TrackSet&, const media::Track&) const override { return false; }
  stream::WireUnitPtr Frames(const media::TrackSet&, std::span<const media::Frame>) override {
    return nullptr;
  }

 private:
  const OnTracks on_tracks_;
};

// Answers of 401 to one connection: the first one is only the question.
constexpr int kMaxLogins = 4;

// The status for who may not publish because of others.
int StatusOf(v1::RefusalReason reason) { return reason == v1::REFUSAL_LIMIT ? 453 : 403; }

}  // namespace

bool Session::Refused(const Target& target, std::string_view user) {
  std::string refusal;
  int status = 403;
  if (const absl::Status valid = bus::ValidateStreamName(target.stream); !valid.ok()) {
    refusal = std::string(valid.message()) + ": use rtsp://host/app/name";
    status = 404;
  } else if (const auto ban =
                 node_.bans().Refusal(target.stream, address_, user, UnixMilliseconds())) {
    refusal = *ban;
  } else {
    return false;
  }
  node_.logger().Info("refused",
                      {{"stream", target.stream}, {"address", peer_}, {"reason", refusal}});
  conversation_.Reject(status, refusal);
  CloseGently("refused");
  return true;
}

void Session::OpenRecord(const Target& target, v1::Role role) {
  CloseRecord("stopped");  // of what was described before
  target_ = target;
  app_ = node_.settings(target.stream);
  app_.clear_publishers();  // not once a session
  v1::Session row;
  row.set_protocol("rtsp");
  row.set_role(role);
  row.set_stream(target.stream);
  row.set_address(peer_);
  row.set_user(user_);
  row.set_user_agent(std::string(conversation_.user_agent()));
  const auto kick = [weak = weak_from_this(),
                     &context = shard_.context()](const rpc::KickOrder& order) {
    boost::asio::post(context, [weak, order] {
      if (const auto self = weak.lock()) self->Kick(order);
    });
  };
  record_ = node_.sessions().Open(std::move(row), kick);
}

void Session::CloseRecord(const char* reason) {
  if (record_ == nullptr) return;
  node_.sessions().Close(*record_, reason);
  node_.logger().Info("session ended", {{"session", record_->id()},
                                        {"stream", target_.stream},
                                        {"address", peer_},
                                        {"reason", reason},
                                        {"bytes_in", record_->bytes_in.load()},
                                        {"bytes_out", record_->bytes_out.load()},
                                        {"frames_dropped", record_->frames_dropped.load()}});
  record_.reset();
}

// RTSP has no word for it: a request that waits is refused with the reason, else the connection
// ends.
void Session::Kick(const rpc::KickOrder& order) {
  if (phase_ != Phase::kOpen) return;
  if (conversation_.waiting()) conversation_.Reject(403, order.reason);
  if (viewing_ != Viewing::kMedia) {
    CloseGently("kicked", order.whole_stream || (options_.draining && options_.draining()));
    return;
  }
  kicked_ = true;
  if (viewer_ending_) return;
  viewer_ending_ = true;
  viewer_->Finish(conversation_.TakeOutput(), order.reason);
}

// --- publishing ---

bool Session::LoggedIn(const Target& target) {
  user_ = UserOf(target.params);
  const v1::AppSettings settings = node_.settings(target.stream);
  if (settings.publishers().empty()) return true;
  const auto password_of = [&settings](std::string_view user) -> std::optional<std::string> {
    const auto found = settings.publishers().find(std::string(user));
    if (found == settings.publishers().end()) return std::nullopt;
    return found->second;
  };
  const auto password = password_of(user_);
  if (password.has_value() && SameSecret(*password, FindParam(target.params, "pass"))) return true;
  // The nonce is the connection's, the passwords are those of the stream that is asked for.
  if (!auth_.has_value()) auth_.emplace("millrace", nullptr, OpenSslMd5, OpenSslRandom);
  const auto user = conversation_.Admit(auth_->With(password_of));
  if (user.has_value()) {
    user_ = *user;
    return true;
  }
  if (++logins_refused_ < kMaxLogins) return false;
  if (shard_.CountError(RtspErrorName(RtspError::kLoginFailed))) {
    node_.logger().Warning("login refused", {{"stream", target.stream}, {"address", peer_}});
  }
  CloseGently("refused");
  return false;
}

void Session::On(AnnounceRequest& event) {
  if (!LoggedIn(event.target) || Refused(event.target, user_)) return;
  bool any = false;
  for (const auto& source : event.sources) any = any || Receiver::CanReceive(source);
  if (!any) {
    conversation_.Reject(415, "none of these codecs is supported: use H.264, AAC or G.711");
    return;
  }
  target_ = event.target;
  sources_ = std::move(event.sources);
  conversation_.AcceptAnnounce();
}

void Session::On(RecordRequest&) {
  if (ingest_ != nullptr) {  // after a pause
    conversation_.StartRecord();
    return;
  }
  OpenRecord(target_, v1::ROLE_PUBLISHER);
  accepted_ = false;
  since_ = last_media_ = Clock::now();
  receiver_ = std::make_unique<Receiver>(sources_);
  stream::IngestOptions options;
  options.stream = target_.stream;
  options.session = record_->id();
  options.protocol = "rtsp";
  options.settings = app_;
  ingest_ = stream::Ingest::Start(node_.bus(), node_.shards(), shard_.context(), node_.metrics(),
                                  std::move(options), *this);
  for (media::Track& track : receiver_->Tracks()) ingest_->SetTrack(std::move(track));
}

void Session::OnAccepted() {
  accepted_ = true;
  node_.logger().Info("publishing", {{"session", record_->id()},
                                     {"stream", target_.stream},
                                     {"address", peer_},
                                     {"user_agent", std::string(conversation_.user_agent())}});
  conversation_.StartRecord();
  Work();
}

void Session::OnClosed(v1::RefusalReason reason, const std::string& text) {
  const bool replaced = reason == v1::REFUSAL_REPLACED || reason == v1::REFUSAL_FENCED;
  const char* end = reason == v1::REFUSAL_KICKED ? "kicked" : replaced ? "replaced" : "refused";
  node_.logger().Info(
      "the router ends the publication",
      {{"stream", target_.stream}, {"address", peer_}, {"end", end}, {"text", text}});
  if (conversation_.waiting()) {
    conversation_.Reject(StatusOf(reason),
                         text.empty() ? "somebody else publishes this stream" : text);
  }
  CloseGently(end);
}

void Session::On(MediaPacket& event) {
  if (ingest_ == nullptr) return;  // a player's report
  items_.clear();
  const absl::Status status =
      receiver_->OnPacket(event.media, event.rtcp, event.packet, MonotonicNs(), items_);
  if (!status.ok() && shard_.CountError(media::FaultName(status))) {
    node_.logger().Warning("media was not understood", {{"session", record_->id()},
                                                        {"stream", target_.stream},
                                                        {"error", media::FaultName(status)}});
  }
  for (Receiver::Item& item : items_) {
    last_media_ = Clock::now();
    if (auto* track = std::get_if<media::Track>(&item)) {
      ingest_->SetTrack(std::move(*track));
      continue;
    }
    auto& received = std::get<ReceivedFrame>(item);
    stream::InputFrame frame;
    frame.track = received.track;
    frame.flags = received.flags;
    frame.dts_ns = received.dts_ns;
    frame.pts_ns = received.pts_ns;
    frame.payload = std::move(received.payload);
    ingest_->Push(std::move(frame));
  }
  items_.clear();
}

// --- playing ---

void Session::On(UdpSetupRequest&) { conversation_.Reject(461); }

void Session::On(DescribeRequest& event) {
  user_ = UserOf(event.target.params);
  if (Refused(event.target, user_)) return;
  if (viewing_ == Viewing::kMedia) {
    conversation_.Reject(455);
    return;
  }
  if (event.target.stream != target_.stream) CloseRecord("stopped");
  target_ = event.target;
  wanted_ = Viewing::kDescription;
}

void Session::On(PlayRequest&) { wanted_ = Viewing::kMedia; }

// Starts what was asked for once nobody else writes to the socket: not the viewer before, not we.
void Session::BeginView() {
  if (wanted_ == Viewing::kNothing || viewer_ != nullptr || is_writing_ || phase_ != Phase::kOpen) {
    return;
  }
  viewing_ = std::exchange(wanted_, Viewing::kNothing);
  if (record_ == nullptr) OpenRecord(target_, v1::ROLE_VIEWER);
  stream::ViewerOptions options;
  options.stream = target_.stream;
  options.protocol = "rtsp";
  options.settings = app_;
  if (viewing_ == Viewing::kDescription) {
    // A lane of its own: shared ones would have told their tracks already.
    options.lane.key = "rtsp-describe-" + record_->id();
    seen_ = std::make_shared<Seen>();
    options.lane.make_muxer = [seen = seen_] {
      return std::make_unique<TracksOnly>(
          [seen](const media::TrackSet& tracks) { seen->tracks = tracks; });
    };
  } else {
    ChannelMap channels;
    for (const Setup& setup : conversation_.setups().all()) {
      if (channels.size() <= setup.media) channels.resize(setup.media + 1);
      channels[setup.media] = static_cast<uint8_t>(setup.transport.interleaved->rtp);
    }
    options.lane.key = LaneKey(channels);
    options.lane.make_muxer = [channels] {
      return std::make_unique<RtspMuxer>(channels, OpenSslRandom);
    };
  }
  viewer_ = node_.feeds().View(shard_.index(), socket_, std::move(options), record_, *this);
}

std::vector<uint8_t> Session::OnStart(const media::TrackSet&) {
  node_.logger().Info("playing", {{"session", record_->id()},
                                  {"stream", target_.stream},
                                  {"address", peer_},
                                  {"user_agent", std::string(conversation_.user_agent())}});
  std::vector<ServerConversation::Start> starts;
  for (const Setup& setup : conversation_.setups().all()) {
    starts.push_back({setup.media, std::nullopt, 0});
  }
  conversation_.StartPlay(starts);
  // Requests behind PLAY waited for this; they are answered between two units.
  boost::asio::post(shard_.context(), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Work();
  });
  return conversation_.TakeOutput();
}

std::vector<uint8_t> Session::OnEnding(stream::ViewerEnd, const std::string&) {
  viewer_ending_ = true;
  return conversation_.TakeOutput();
}

void Session::OnEnded(stream::ViewerEnd end, const std::string& text) {
  if (phase_ != Phase::kOpen) return;
  if (viewing_ == Viewing::kDescription) return OnDescriptionEnded(end, text);
  const char* reason = stream::ViewerEndName(end);
  switch (end) {
    case stream::ViewerEnd::kSocket:
    case stream::ViewerEnd::kTooSlow:
      Abort(reason);
      return;
    case stream::ViewerEnd::kWaitTimeout:
      conversation_.Reject(404, text);
      break;
    case stream::ViewerEnd::kNoTracks:
      conversation_.Reject(415, "the stream has none of the tracks that were described");
      break;
    case stream::ViewerEnd::kStreamEnded:
      break;
    case stream::ViewerEnd::kRequested:
      if (kicked_) {
        reason = "kicked";
        break;
      }
      if (torn_down_) {
        reason = "stopped";
        break;
      }
      // Paused, and may go on.
      viewer_.reset();
      viewing_ = Viewing::kNothing;
      viewer_ending_ = false;
      since_ = Clock::now();
      Work();
      return;
  }
  CloseGently(reason);
}

void Session::OnDescriptionEnded(stream::ViewerEnd end, const std::string& text) {
  viewer_.reset();
  viewing_ = Viewing::kNothing;
  const auto seen = std::exchange(seen_, nullptr);
  since_ = Clock::now();
  const media::sdp::Offer offer = OfferOf(seen->tracks, target_.stream);
  if (end == stream::ViewerEnd::kNoTracks && !offer.tracks.empty()) {
    conversation_.Describe(offer.description);
  } else if (end == stream::ViewerEnd::kNoTracks) {
    conversation_.Reject(415, "the stream has no codec that is sent over RTSP");
  } else if (end == stream::ViewerEnd::kWaitTimeout) {
    conversation_.Reject(404, text);
    CloseGently(stream::ViewerEndName(end));
    return;
  } else {
    Abort(stream::ViewerEndName(end));
    return;
  }
  Work();
}

void Session::On(PauseRequest&) {
  since_ = Clock::now();
  if (viewing_ != Viewing::kMedia || viewer_ending_) return;
  viewer_ending_ = true;
  viewer_->Finish(conversation_.TakeOutput(), "paused by the client");
}

void Session::On(TeardownRequest&) {
  since_ = Clock::now();
  wanted_ = Viewing::kNothing;
  if (viewing_ == Viewing::kMedia) {
    torn_down_ = true;
    if (viewer_ending_) return;
    viewer_ending_ = true;
    viewer_->Finish(conversation_.TakeOutput(), "stopped by the client");
    return;
  }
  CloseGently("stopped");
}

}  // namespace millrace::rtsp
