#pragma once
// A viewer's place in its lane and what its socket still owes it. Lives on its shard.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/stream/catch_up.h"
#include "runtime/stream/lane_item.h"
#include "runtime/stream/viewer.h"
#include "runtime/transport/transport.h"

namespace millrace::stream {

class ShardFeed;

int64_t MonotonicNs();

class ViewerState : public std::enable_shared_from_this<ViewerState> {
 public:
  ViewerState(transport::Transport& transport, ViewerOptions options,
              std::shared_ptr<rpc::SessionRecord> record, ViewerObserver& observer, int64_t now_ns);

  // --- called by the feed ---
  void Attached(ShardFeed* feed, size_t slot) { feed_ = feed, slot_ = slot; }
  size_t slot() const { return slot_; }
  bool waiting() const { return phase_ == Phase::kWaiting; }
  bool ended() const { return phase_ == Phase::kEnded; }
  // From now on: wait_timeout, slow_viewer_timeout, viewer_backlog.
  void SetSettings(const v1::AppSettings& settings) { options_.settings = settings; }
  const std::string& protocol() const { return options_.protocol; }
  v1::StartSetting start() const { return options_.settings.start(); }
  // Places the viewer at `item`, a random-access one, behind what OnStart and the preamble say.
  void StartAt(const LaneItem& item, int64_t now_ns);
  // Nobody publishes, or the viewer wants to wait: the time to the first frame will say nothing
  // about this server.
  void WaitsForPublisher() { waited_ = true; }
  // Tells the processor that Advance comes soon: first, and once that has arrived.
  void Prefetch() const { __builtin_prefetch(&transport_), __builtin_prefetch(&partial_); }
  void PrefetchCounters() const { __builtin_prefetch(&record_->bytes_out, 1); }
  // Writes as much as the socket takes; waits for it where it is full, and skips where the viewer
  // lags too far.
  void Advance(int64_t now_ns);
  // A viewer that waits learns that its lane has nothing to show of `tracks`.
  void HasNothing(const media::TrackSet& tracks, int64_t now_ns);
  // From kPlaying: sends what is owed (kStreamEnded) or just the current unit, then OnEnding's
  // bytes.
  void End(ViewerEnd end, const std::string& text, int64_t now_ns);
  void Tick(int64_t now_ns);
  // The first item that is still needed.
  uint64_t position() const { return next_index_; }
  uint64_t backlog_bytes() const;

  // --- called by the session's handle ---
  void SendControl(std::vector<uint8_t> bytes);
  void Finish(std::vector<uint8_t> bytes, const std::string& text);
  void Detach();

 private:
  enum class Phase { kWaiting, kPlaying, kEnding, kEnded };
  struct Round;

  // A unit that the socket took in part.
  struct Partial {
    WireUnitPtr unit;
    int64_t base_ms = 0;
    size_t skip = 0;
    LaneItem counts;  // unit unset; zeros for preambles and announcements
  };

  void Gather(Round& round, int64_t now_ns) const;
  void Consume(const Round& round, size_t written, int64_t now_ns);
  void ItemSent(const LaneItem& item, int64_t now_ns);
  void WaitWritable();
  void PassSkipped();
  void JumpIfDue(int64_t now_ns);
  // The first item that may not be sent yet.
  uint64_t DueIndex(int64_t now_ns) const;
  // Bytes that the socket would have been given if it took them.
  uint64_t OwedBytes(int64_t now_ns) const;
  void SkipIfTooFar(int64_t now_ns);
  void WaitTick(int64_t now_ns);
  void DropUpTo(uint64_t index);
  void Drained();
  void Terminate(ViewerEnd end, const std::string& text);

  // What every write touches comes first and together: with thousands of viewers each of these
  // cache lines has to be fetched for each frame.
  transport::Transport& transport_;
  Sink* const sink_;  // instead of it
  const std::shared_ptr<rpc::SessionRecord> record_;
  ShardFeed* feed_ = nullptr;
  uint64_t next_index_ = 0;
  uint64_t end_index_ = UINT64_MAX;  // items from here on are not this viewer's
  int64_t base_ms_ = 0;
  std::shared_ptr<const LaneTracks> tracks_;
  Phase phase_ = Phase::kWaiting;
  bool blocked_ = false;
  bool skipping_ = false;  // until the next random-access item
  bool catching_up_ = false;
  bool waited_ = false;
  bool first_frame_sent_ = false;
  int64_t lagging_since_ns_ = 0;
  int64_t last_progress_ns_ = 0;

  // In the order in which they are sent; then the list, then final_.
  Partial partial_;
  std::vector<uint8_t> control_;
  size_t control_sent_ = 0;
  WireUnitPtr preamble_;
  std::vector<uint8_t> final_;
  size_t final_sent_ = 0;

  CatchUp catch_up_;          // while catching_up_, as is
  int64_t last_sent_ms_ = 0;  // in stream time
  ViewerObserver* observer_;
  size_t slot_ = 0;
  const int64_t created_ns_;
  int64_t end_deadline_ns_ = 0;
  ViewerEnd end_ = ViewerEnd::kRequested;
  std::string end_text_;
  ViewerOptions options_;
};

}  // namespace millrace::stream
