#pragma once
// A viewer's place in its lane and what its socket still owes it. Lives on its shard.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/stream/lane_item.h"
#include "runtime/stream/viewer.h"

namespace millrace::stream {

class ShardFeed;

int64_t MonotonicNs();

class ViewerState : public std::enable_shared_from_this<ViewerState> {
 public:
  ViewerState(boost::asio::ip::tcp::socket& socket, ViewerOptions options,
              std::shared_ptr<rpc::SessionRecord> record, ViewerObserver& observer, int64_t now_ns);

  // --- called by the feed ---
  void Attached(ShardFeed* feed, size_t slot) { feed_ = feed, slot_ = slot; }
  size_t slot() const { return slot_; }
  bool waiting() const { return phase_ == Phase::kWaiting; }
  bool ended() const { return phase_ == Phase::kEnded; }
  const std::string& protocol() const { return options_.protocol; }
  // Places the viewer at `item`, a random-access one, behind what OnStart and the preamble say.
  void StartAt(const LaneItem& item);
  // Nobody publishes: the time to the first frame will say nothing about this server.
  void WaitsForPublisher() { waited_ = true; }
  // Tells the processor that Advance comes soon: first, and once that has arrived.
  void Prefetch() const { __builtin_prefetch(&socket_), __builtin_prefetch(&partial_); }
  void PrefetchCounters() const { __builtin_prefetch(&record_->bytes_out, 1); }
  // Writes as much as the socket takes; waits for it where it is full, and skips where the viewer
  // lags too far.
  void Advance(int64_t now_ns);
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

  void Gather(Round& round) const;
  void Consume(const Round& round, size_t written, int64_t now_ns);
  void ItemSent(const LaneItem& item, int64_t now_ns);
  void WaitWritable();
  void PassSkipped();
  void SkipIfTooFar(int64_t now_ns);
  void DropUpTo(uint64_t index);
  void Drained();
  void Terminate(ViewerEnd end, const std::string& text);

  // What every write touches comes first and together: with thousands of viewers each of these
  // cache lines has to be fetched for each frame.
  boost::asio::ip::tcp::socket& socket_;
  const std::shared_ptr<rpc::SessionRecord> record_;
  ShardFeed* feed_ = nullptr;
  uint64_t next_index_ = 0;
  uint64_t end_index_ = UINT64_MAX;  // items from here on are not this viewer's
  int64_t base_ms_ = 0;
  std::shared_ptr<const LaneTracks> tracks_;
  Phase phase_ = Phase::kWaiting;
  bool blocked_ = false;
  bool skipping_ = false;  // until the next random-access item
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

  ViewerObserver* observer_;
  size_t slot_ = 0;
  const int64_t created_ns_;
  int64_t end_deadline_ns_ = 0;
  ViewerEnd end_ = ViewerEnd::kRequested;
  std::string end_text_;
  const ViewerOptions options_;
};

}  // namespace millrace::stream
