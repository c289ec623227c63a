#include "runtime/stream/shard_feed.h"

#include <algorithm>
#include <utility>

namespace millrace::stream {
namespace {

// Viewers ahead of the one that is written to, so that their memory has come when it is their turn.
constexpr size_t kPrefetch = 2;

}  // namespace

ShardFeed::~ShardFeed() {
  for (const auto& viewer : viewers_) viewer->Attached(nullptr, 0);
}

void ShardFeed::AddViewer(std::shared_ptr<ViewerState> viewer, int64_t now_ns) {
  if (viewer->ended()) return;  // its session left before it was added
  if (protocol_metrics_ == nullptr) protocol_metrics_ = &metrics_.ForProtocol(viewer->protocol());
  viewer->Attached(this, viewers_.size());
  viewers_.push_back(viewer);
  StartOrWait(*viewer, now_ns);
}

void ShardFeed::RemoveViewer(ViewerState& viewer) {
  const size_t slot = viewer.slot();
  const std::shared_ptr<ViewerState> keep = viewers_[slot];  // may be the last share
  if (slot + 1 != viewers_.size()) {
    viewers_[slot] = std::move(viewers_.back());
    viewers_[slot]->Attached(this, slot);
  }
  viewers_.pop_back();
  if (viewers_.empty()) empty_since_ns_ = MonotonicNs();
}

void ShardFeed::SetTracks(std::shared_ptr<const LaneTracks> tracks, int64_t now_ns) {
  tracks_ = std::move(tracks);
  waiting_ = false;
  if (tracks_->ends) {
    has_start_ = false;
    EndPlaying("the stream goes on in another format: ask for it again", now_ns);
  }
  if (tracks_->preamble != nullptr) return;
  for (size_t i = 0; i < viewers_.size(); ++i) {
    const auto viewer = viewers_[i];
    if (viewer->waiting()) StartOrWait(*viewer, now_ns);
  }
}

void ShardFeed::SetWaiting() {
  tracks_.reset();
  has_start_ = false;
  waiting_ = true;
  for (const auto& viewer : viewers_) {
    if (viewer->waiting()) viewer->WaitsForPublisher();
  }
}

void ShardFeed::StartOrWait(ViewerState& viewer, int64_t now_ns) {
  if (tracks_ != nullptr && tracks_->preamble == nullptr) {
    viewer.HasNothing(tracks_->tracks, now_ns);
    return;
  }
  const LaneItem* start = viewer.start() == v1::oldest ? OldestStart() : LastStart();
  if (start == nullptr || viewer.start() == v1::live) {
    if (waiting_ || viewer.start() == v1::live) viewer.WaitsForPublisher();
    return;
  }
  viewer.StartAt(*start, now_ns);
  viewer.Advance(now_ns);
}

const LaneItem* ShardFeed::OldestStart() const {
  if (!has_start_) return nullptr;
  for (const LaneItem& item : items_) {
    // Only of the tracks that there are now: what a viewer is told first is about them.
    if (item.random_access && item.tracks == items_.back().tracks) return &item;
  }
  return LastStart();
}

void ShardFeed::Append(LaneItem item, int64_t now_ns) {
  const int64_t received_ns = item.received_ns;
  const bool starts = item.random_access;
  const bool live = item.edge_ms <= item.dts_ms;
  next_index_ = item.index + 1;
  if (starts) {
    last_start_ = item.index;
    has_start_ = true;
  }
  items_.push_back(std::move(item));
  const size_t count = viewers_.size();
  for (size_t i = 0; i < count; ++i) {
    if (i + 2 * kPrefetch < count) viewers_[i + 2 * kPrefetch]->Prefetch();
    if (i + kPrefetch < count) viewers_[i + kPrefetch]->PrefetchCounters();
    ViewerState& viewer = *viewers_[i];
    if (viewer.waiting() && starts && (live || viewer.start() != v1::live)) {
      viewer.StartAt(items_.back(), now_ns);
    }
    viewer.Advance(now_ns);
  }
  if (!viewers_.empty() && received_ns > 0) {
    metrics_.gateway_to_socket.Observe(static_cast<double>(MonotonicNs() - received_ns) * 1e-9);
  }
  Prune();
}

void ShardFeed::Prune() {
  uint64_t needed = next_index_;
  for (size_t i = 0; i < viewers_.size();) {
    ViewerState& viewer = *viewers_[i];
    if (viewer.ended()) {
      viewer.Attached(nullptr, 0);
      const auto keep = std::move(viewers_[i]);
      if (i + 1 != viewers_.size()) {
        viewers_[i] = std::move(viewers_.back());
        viewers_[i]->Attached(this, i);
      }
      viewers_.pop_back();
      if (viewers_.empty()) empty_since_ns_ = MonotonicNs();
      continue;
    }
    if (!viewer.waiting()) needed = std::min(needed, viewer.position());
    ++i;
  }
  if (has_start_ && window_bytes() > window_limit_ && last_start_ <= first_index())
    has_start_ = false;
  if (has_start_) needed = std::min(needed, last_start_);
  while (!items_.empty() && items_.front().index < needed) items_.pop_front();
}

uint64_t ShardFeed::window_bytes() const {
  if (items_.empty()) return 0;
  return items_.back().end_bytes - (items_.front().end_bytes - items_.front().bytes);
}

void ShardFeed::EndPlaying(const std::string& text, int64_t now_ns) {
  for (size_t i = 0; i < viewers_.size(); ++i) {
    const auto viewer = viewers_[i];
    if (!viewer->waiting()) viewer->End(ViewerEnd::kStreamEnded, text, now_ns);
  }
}

void ShardFeed::End(const std::string& text, int64_t now_ns) {
  EndPlaying(text, now_ns);
  tracks_.reset();
  has_start_ = false;
  waiting_ = true;
  Prune();
}

void ShardFeed::Tick(int64_t now_ns) {
  backlog_ = 0;
  for (size_t i = 0; i < viewers_.size(); ++i) {
    const auto viewer = viewers_[i];
    viewer->Tick(now_ns);
    backlog_ += viewer->backlog_bytes();
  }
  Prune();
  if (protocol_metrics_ == nullptr) return;
  protocol_metrics_->video_frames.Increment(
      static_cast<double>(std::exchange(sent_video_frames_, 0)));
  protocol_metrics_->audio_frames.Increment(
      static_cast<double>(std::exchange(sent_audio_frames_, 0)));
  protocol_metrics_->video_bytes.Increment(
      static_cast<double>(std::exchange(sent_video_bytes_, 0)));
  protocol_metrics_->audio_bytes.Increment(
      static_cast<double>(std::exchange(sent_audio_bytes_, 0)));
  metrics_.dropped_slow_viewer.Increment(static_cast<double>(std::exchange(dropped_, 0)));
  metrics_.dropped_jump.Increment(static_cast<double>(std::exchange(jumped_over_, 0)));
}

void ShardFeed::Sent(const LaneItem& item) {
  sent_video_frames_ += item.video_frames;
  sent_audio_frames_ += item.audio_frames;
  sent_video_bytes_ += item.video_bytes;
  sent_audio_bytes_ += item.audio_bytes;
}

void ShardFeed::FirstFrame(const std::string& protocol, int64_t delay_ns) {
  metrics_.ForProtocol(protocol).first_frame.Observe(static_cast<double>(delay_ns) * 1e-9);
}

}  // namespace millrace::stream
