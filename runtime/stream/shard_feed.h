#pragma once
// One lane of one stream on one shard: the window of ready units and the viewers that walk it.
// Single-threaded.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/stream/feed_metrics.h"
#include "runtime/stream/lane_item.h"
#include "runtime/stream/viewer_state.h"

namespace millrace::stream {

class ShardFeed {
 public:
  // `window_limit`: bytes that are held for viewers to start from; a longer GOP is not held.
  ShardFeed(FeedMetrics& metrics, uint64_t window_limit)
      : metrics_(metrics), window_limit_(window_limit) {}
  ~ShardFeed();
  ShardFeed(const ShardFeed&) = delete;
  ShardFeed& operator=(const ShardFeed&) = delete;

  void AddViewer(std::shared_ptr<ViewerState> viewer, int64_t now_ns);
  void RemoveViewer(ViewerState& viewer);
  bool empty() const { return viewers_.empty(); }
  int64_t empty_since_ns() const { return empty_since_ns_; }

  // Of every viewer, from now on.
  void SetSettings(const v1::AppSettings& settings) {
    for (const auto& viewer : viewers_) viewer->SetSettings(settings);
  }

  // Tracks that the following items belong to.
  void SetTracks(std::shared_ptr<const LaneTracks> tracks, int64_t now_ns);
  // Nobody publishes the stream.
  void SetWaiting();
  // The next item; tries to write to every viewer that is owed something.
  void Append(LaneItem item, int64_t now_ns);
  // The publisher is gone for good: viewers that have started end when they have sent what they are
  // owed.
  void End(const std::string& text, int64_t now_ns);
  // Every 250 ms or so: time-outs and counters.
  void Tick(int64_t now_ns);

  // --- for viewers that walk the window ---
  // nullptr beyond its end and before its start.
  const LaneItem* At(uint64_t index) const {
    if (items_.empty() || index < items_.front().index || index >= next_index_) return nullptr;
    return &items_[index - items_.front().index];
  }
  uint64_t first_index() const { return items_.empty() ? next_index_ : items_.front().index; }
  uint64_t next_index() const { return next_index_; }
  uint64_t total_bytes() const { return items_.empty() ? 0 : items_.back().end_bytes; }
  // The latest item at which a viewer may start; nullptr where none is held.
  const LaneItem* LastStart() const { return has_start_ ? At(last_start_) : nullptr; }
  // The oldest of those, which slow viewers keep.
  const LaneItem* OldestStart() const;
  const LaneItem* Newest() const { return items_.empty() ? nullptr : &items_.back(); }
  bool has_tracks() const { return tracks_ != nullptr; }
  uint64_t window_bytes() const;
  uint64_t backlog_bytes() const { return backlog_; }

  void Sent(const LaneItem& item);
  void Dropped(uint64_t frames) { dropped_ += frames; }
  // Left out by a viewer that catches up with a cut.
  void JumpedOver(uint64_t frames) { jumped_over_ += frames; }
  void FirstFrame(const std::string& protocol, int64_t delay_ns);

 private:
  void StartOrWait(ViewerState& viewer, int64_t now_ns);
  // Viewers that have started end when they have sent what they are owed.
  void EndPlaying(const std::string& text, int64_t now_ns);
  // Drops viewers that have ended and items that nobody needs.
  void Prune();

  FeedMetrics& metrics_;
  const uint64_t window_limit_;
  std::shared_ptr<const LaneTracks> tracks_;
  std::deque<LaneItem> items_;
  uint64_t next_index_ = 0;
  uint64_t last_start_ = 0;
  bool has_start_ = false;
  bool waiting_ = false;  // nobody publishes
  std::vector<std::shared_ptr<ViewerState>> viewers_;
  int64_t empty_since_ns_ = 0;

  // Since the last tick.
  uint64_t sent_video_frames_ = 0, sent_audio_frames_ = 0, sent_video_bytes_ = 0,
           sent_audio_bytes_ = 0;
  uint64_t dropped_ = 0;
  uint64_t jumped_over_ = 0;
  uint64_t backlog_ = 0;
  ProtocolMetrics* protocol_metrics_ = nullptr;
};

}  // namespace millrace::stream
