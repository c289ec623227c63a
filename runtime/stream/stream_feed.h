#pragma once
// One subscribed stream on the home shard: its tracks, the frames since the last random-access
// point, and the lanes that mux them. Hands ready items to the shards that have viewers.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/bus/client.h"
#include "runtime/stream/feed_metrics.h"
#include "runtime/stream/lane.h"
#include "runtime/stream/lane_item.h"

namespace millrace::stream {

// Where a lane's items go: each call is carried to the shard and happens there in order.
class LaneSink {
 public:
  virtual ~LaneSink() = default;
  virtual void Tracks(size_t shard, const std::string& key,
                      std::shared_ptr<const LaneTracks> tracks) = 0;
  virtual void Waiting(size_t shard, const std::string& key) = 0;
  virtual void Item(size_t shard, const std::string& key, LaneItem item) = 0;
  virtual void Ended(size_t shard, const std::string& key, const std::string& text) = 0;
};

class StreamFeed : public bus::SubscriptionObserver {
 public:
  // `sink`: the sink of this stream. `gop_limit`: a longer run of frames is not kept for later
  // lanes. `credit_bytes`: what the subscription may have under way.
  StreamFeed(bus::Client& bus, const std::string& stream, LaneSink& sink, FeedMetrics& metrics,
             uint64_t gop_limit, uint64_t credit_bytes);

  // Shard `shard` has viewers for the lane now: it is sent the tracks and what is held, then what
  // comes.
  void AddShard(const Lane& lane, size_t shard);
  void RemoveShard(const std::string& key, size_t shard);
  bool unused() const { return lanes_.empty(); }

  void OnWaiting() override;
  void OnTracks(uint64_t epoch, const media::TrackSet& tracks) override;
  void OnFrames(uint64_t epoch, bool random_access, std::vector<media::Frame> frames) override;
  void OnSkipped(const bus::Skip& skip) override;
  void OnEnded(v1::EndReason reason, const std::string& text) override;

 private:
  struct LaneState {
    std::unique_ptr<LaneMuxer> muxer;
    std::shared_ptr<const LaneTracks> tracks;
    std::deque<LaneItem> held;  // since the last start
    uint64_t next_index = 0;
    uint64_t total_bytes = 0;
    uint64_t next_ordinal = 1;
    bool owes_start = false;  // a random-access point came that the lane had nothing of
    std::vector<size_t> shards;
  };
  struct Batch {
    bool random_access;
    int64_t received_ns;
    std::vector<media::Frame> frames;
  };

  void ApplyTracks(const std::string& key, LaneState& lane);
  void ApplyBatch(const std::string& key, LaneState& lane, const Batch& batch);
  bool Carried(const LaneState& lane, const media::Frame& frame) const;
  int64_t StartBase(const LaneState& lane, const std::vector<media::Frame>& frames) const;
  void ObserveInterleave(const std::vector<media::Frame>& frames);

  LaneSink& sink_;
  FeedMetrics& metrics_;
  const uint64_t gop_limit_;
  bool online_ = false;
  bool waiting_ = false;
  media::TrackSet tracks_;
  std::deque<Batch> gop_;  // empty where the run grew over gop_limit
  uint64_t gop_bytes_ = 0;
  int64_t newest_dts_ns_ = 0;
  int64_t interleave_ns_ = 0;  // how far a frame's dts lies behind what came before it
  std::unordered_map<std::string, LaneState> lanes_;
  std::unique_ptr<bus::Subscription> subscription_;
};

}  // namespace millrace::stream
