#include "gateways/rtsp/push_session.h"

#include <utility>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/relay_attempt.h"
#include "media/base/fault.h"

namespace millrace::rtsp {
PushSession::PushSession(node::SessionShard& shard, Options options)
    : node::RelaySession(shard, std::move(options)),
      conversation_({}, UrlOf(options_.url), OpenSslMd5, OpenSslRandom) {}

node::RelaySession::Server PushSession::server() const {
  const Url& url = conversation_.url();
  return {url.host, url.port, url.tls};
}

// The greeting goes out at once; what to announce is known when the stream is.
void PushSession::OnConnected() {
  redirected_ = false;
  conversation_.OnConnected(node::NanosecondsOf(node::Clock::now()));
  Flush();
  if (over()) return;
  if (record_ == nullptr) OpenRecord(v1::ROLE_VIEWER, "rtsp-push");
  if (conversation_.announced()) return;
  query_ = std::make_unique<TrackQuery>(
      node(), shard_.index(), *transport_, stream(), record_,
      [this](const media::TrackSet& tracks, const std::string& text) { OnTracks(tracks, text); });
}

void PushSession::OnTracks(const media::TrackSet& tracks, const std::string& text) {
  query_.reset();
  if (over()) return;
  if (tracks.tracks.empty()) {
    End(relay::End::kOver, text.empty() ? "nobody publishes the stream" : text);
    return;
  }
  const media::sdp::Offer offer = OfferOf(tracks, stream());
  if (offer.tracks.empty()) {
    End(relay::End::kRefused, "the stream has no codec that RTP carries: " + CodecNames(tracks));
    return;
  }
  const media::TrackSet left_out = LeftOut(tracks, offer);
  if (!left_out.tracks.empty()) {
    node().logger().Info(
        "a push does without tracks that RTP does not carry",
        {{"session", record_->id()}, {"stream", stream()}, {"codecs", CodecNames(left_out)}});
  }
  for (const auto& offered : offer.tracks) {
    announced_.push_back(Described(*tracks.Find(offered.track_id), offered));
  }
  conversation_.Announce(offer.description);
  Flush();
}

void PushSession::Receive(media::Bytes bytes) {
  conversation_.Append(bytes, node::NanosecondsOf(node::Clock::now()));
  Work();
}

void PushSession::Work() {
  while (!over()) {
    auto event = conversation_.Next();
    if (!event.ok()) return Fail(event.status());
    if (!event->has_value()) break;
    if (const auto* recording = std::get_if<Recording>(&**event)) {
      Begin(*recording);
    } else {
      redirected_ = true;
    }
  }
  if (!over()) Flush();
}

void PushSession::Begin(const Recording& recording) {
  for (const Setup& setup : recording.setups) {
    announced_[setup.media].channel = static_cast<uint8_t>(setup.transport.interleaved->rtp);
  }
  Flush();
  if (writing()) {  // the viewer wants the socket for itself
    End(relay::End::kLost, "the server does not read what it is sent");
    return;
  }
  stream::ViewerOptions options;
  options.stream = stream();
  options.protocol = "rtsp-push";
  options.settings = app_;
  options.lane = LaneOf(announced_, OpenSslRandom);
  viewer_ = node().feeds().View(shard_.index(), *transport_, std::move(options), record_, *this);
}

bool PushSession::Reconnect() {
  query_.reset();
  if (viewer_ == nullptr && (redirected_ || conversation_.OnClosed())) return true;
  End(relay::End::kLost, "the server closed the connection");
  return false;
}

void PushSession::OnTick(node::Clock::time_point) {
  if (ending_) return;
  if (const absl::Status alive = conversation_.OnTimer(node::NanosecondsOf(node::Clock::now()));
      !alive.ok()) {
    return Fail(alive);
  }
  Flush();
}

void PushSession::Flush() {
  if (ending_ || !conversation_.has_output()) return;
  if (viewer_ != nullptr) {
    viewer_->SendControl(conversation_.TakeOutput());
  } else {
    Write(conversation_.TakeOutput());
  }
}

void PushSession::Fail(const absl::Status& status) {
  const std::string name = media::FaultName(status);
  if (name != "other") (void)shard_.CountError(name);  // the push's own log line tells
  const Ending ending = EndingOf(status, conversation_.url());
  End(ending.end, ending.reason);
}

bool PushSession::Farewell() {
  if (viewer_ == nullptr || ending_) return false;
  ending_ = true;
  conversation_.Teardown();
  viewer_->Finish(conversation_.TakeOutput(), "the push was stopped");
  return true;
}

void PushSession::Leave() {
  if (ending_) return;
  conversation_.Teardown();
  Flush();
}

void PushSession::CloseRole(bool /*lost*/) {
  query_.reset();
  viewer_.reset();
}

std::vector<uint8_t> PushSession::OnStart(const media::TrackSet&) {
  Running();
  return conversation_.TakeOutput();
}

std::vector<uint8_t> PushSession::OnEnding(stream::ViewerEnd, const std::string&) {
  ending_ = true;
  conversation_.Teardown();
  return conversation_.TakeOutput();
}

void PushSession::OnEnded(stream::ViewerEnd end, const std::string& text) {
  ending_ = true;
  EndByViewer(end, text);
}

}  // namespace millrace::rtsp
