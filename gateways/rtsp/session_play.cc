// What a session does as player.

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/rtsp_unit.h"
#include "gateways/rtsp/session.h"
#include "media/base/ticks.h"
#include "runtime/node/logins.h"

namespace millrace::rtsp {
void Session::On(DescribeRequest& event) {
  if (!LoggedIn(event.target, v1::ROLE_VIEWER) || Refused(event.target)) return;
  // What is set up is of one stream.
  const bool another = !conversation_.setups().empty() && event.target.stream != target_.stream;
  if (viewer_ != nullptr || grouped_ || another) {
    conversation_.Reject(455);
    return;
  }
  if (record_ == nullptr || event.target.stream != target_.stream) {
    Begin(event.target, v1::ROLE_VIEWER);
  }
  target_ = event.target;
  query_ = std::make_unique<TrackQuery>(
      node(), shard_.index(), *transport_, target_.stream, record_,
      [this](const media::TrackSet& tracks, const std::string& text) { OnTracks(tracks, text); });
}

void Session::OnTracks(const media::TrackSet& tracks, const std::string& text) {
  query_.reset();
  since_ = Clock::now();
  const media::sdp::Offer offer = OfferOf(tracks, target_.stream);
  described_.clear();
  for (const auto& offered : offer.tracks) {
    described_.push_back(Described(*tracks.Find(offered.track_id), offered));
  }
  if (offer.tracks.size() < tracks.tracks.size()) TellWhatIsLeftOut(tracks, offer);
  if (!offer.tracks.empty()) {
    conversation_.Describe(offer.description);
  } else if (!tracks.tracks.empty()) {
    conversation_.Reject(415, "the stream has no codec that RTP carries: " + CodecNames(tracks));
    CloseRecord("no_tracks");
  } else {
    conversation_.Reject(404, text);
    CloseRecord("wait_timeout");
  }
  Work();
}

void Session::TellWhatIsLeftOut(const media::TrackSet& tracks, const media::sdp::Offer& offer) {
  const media::TrackSet left_out = LeftOut(tracks, offer);
  if (left_out.tracks.empty()) return;
  node().logger().Info("a player does without tracks that RTP does not carry",
                       {{"session", record_->id()},
                        {"stream", target_.stream},
                        {"address", peer_},
                        {"codecs", CodecNames(left_out)}});
}

void Session::On(PlayRequest&) { play_pending_ = true; }

// Starts what was asked for once nobody else writes to the socket: not the viewer before, not we.
void Session::BeginPlay() {
  if (!play_pending_ || viewer_ != nullptr || is_writing_ || phase_ != Phase::kOpen) return;
  play_pending_ = paused_ = false;
  if (record_ == nullptr) Begin(target_, v1::ROLE_VIEWER);
  if (group_ != nullptr && conversation_.setups().all().front().transport.multicast) {
    return PlayGroup();
  }
  PlayedTracks played;
  for (const Setup& setup : conversation_.setups().all()) {
    if (setup.media >= described_.size()) continue;
    played.push_back(described_[setup.media]);
    played.back().channel = ChannelOf(setup);
  }
  stream::ViewerOptions options;
  options.stream = target_.stream;
  options.protocol = "rtsp";
  options.settings = node().settings(target_.stream);
  node::ForgetLogins(options.settings);
  if (UsesUdp()) MakeSink();
  options.sink = sink_.get();
  options.start_ms = start_ms_ = ElapsedMs();
  options.lane = LaneOf(std::move(played), OpenSslRandom);
  viewer_ = node().feeds().View(shard_.index(), *transport_, std::move(options), record_, *this);
}

// Since the player began; timestamps go on behind a pause.
int64_t Session::ElapsedMs() const {
  if (!began_.has_value()) return 0;
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - *began_).count() +
         lead_ms_;
}

void Session::OnPlace(const stream::ViewerStart& start) {
  const auto& unit = static_cast<const RtspUnit&>(start.unit);  // all units of our lanes are
  starts_.clear();
  for (const Setup& setup : conversation_.setups().all()) {
    starts_.push_back({setup.media, std::nullopt, std::nullopt});
    if (const RtspUnit::Line* line = unit.Find(ChannelOf(setup))) {
      starts_.back().sequence = line->sequence;
      starts_.back().timestamp = line->TimestampAt(start_ms_);
      if (sink_ != nullptr) sink_->SetSsrc(line->channel, line->ssrc);
    }
  }
  if (!began_.has_value()) began_ = Clock::now();
  // What is there already is sent faster than it was made.
  lead_ms_ = std::max(lead_ms_, start.lead_ms);
}

std::vector<uint8_t> Session::OnStart(const media::TrackSet&) {
  LogRole("playing", conversation_.user_agent());
  conversation_.StartPlay(starts_, start_ms_ * media::kNsPerMs);
  std::vector<ServerConversation::Start>().swap(starts_);
  // Requests behind PLAY waited for this; they are answered between two units.
  boost::asio::post(shard_.context(), [weak = WeakThis()] {
    if (const auto self = weak.lock()) self->Work();
  });
  return BytesForViewer();
}

// What a viewer is given to send; over UDP the connection is the session's own.
std::vector<uint8_t> Session::BytesForViewer() {
  std::vector<uint8_t> bytes = conversation_.TakeOutput();
  if (sink_ == nullptr || bytes.empty()) return bytes;
  Write(std::move(bytes));
  return {};
}

std::vector<uint8_t> Session::OnEnding(stream::ViewerEnd, const std::string&) {
  viewer_ending_ = true;
  return BytesForViewer();
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
      conversation_.Reject(404, text);
      break;
    case stream::ViewerEnd::kNoTracks:
      conversation_.Reject(415, "the stream has none of the tracks that were described");
      break;
    case stream::ViewerEnd::kStreamEnded:
      break;
    case stream::ViewerEnd::kRequested:
      if (kicked_ || torn_down_) {
        reason = kicked_ ? "kicked" : "stopped";
        break;
      }
      paused_ = true;
      viewer_.reset();
      DropSink();
      viewer_ending_ = false;
      since_ = Clock::now();
      Work();
      return;
  }
  CloseGently(reason);
}

void Session::On(PauseRequest&) {
  since_ = Clock::now();
  if (publication_ != nullptr || grouped_) paused_ = true;
  grouped_ = false;
  if (viewer_ == nullptr || viewer_ending_) return;
  viewer_ending_ = true;
  viewer_->Finish(BytesForViewer(), "paused by the client");
}

void Session::On(TeardownRequest&) {
  since_ = Clock::now();
  play_pending_ = false;
  if (viewer_ == nullptr) {
    CloseGently(publication_ != nullptr ? "unpublished" : "stopped");
    return;
  }
  torn_down_ = true;
  if (viewer_ending_) return;
  viewer_ending_ = true;
  viewer_->Finish(BytesForViewer(), "stopped by the client");
}

}  // namespace millrace::rtsp
