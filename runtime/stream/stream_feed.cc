#include "runtime/stream/stream_feed.h"

#include <algorithm>
#include <utility>

#include "media/base/ticks.h"
#include "runtime/stream/viewer_state.h"

namespace millrace::stream {
namespace {

constexpr int64_t kMaxInterleaveNs = 1'000'000'000;

bool SameTracks(const media::TrackSet& a, const media::TrackSet& b) { return a.tracks == b.tracks; }

bool SameMedia(const media::TrackSet& a, const media::TrackSet& b) {
  const auto media = [](const media::TrackSet& set) {
    std::vector<media::Track> tracks = set.tracks;
    std::erase_if(tracks,
                  [](const media::Track& one) { return one.kind == media::TrackKind::kData; });
    return tracks;
  };
  return media(a) == media(b);
}

}  // namespace

StreamFeed::StreamFeed(bus::Client& bus, const std::string& stream, LaneSink& sink,
                       FeedMetrics& metrics, uint64_t gop_limit, uint64_t credit_bytes)
    : sink_(sink), metrics_(metrics), gop_limit_(gop_limit) {
  subscription_ = bus.Subscribe(stream, bus::SubscribeOptions{.credit_bytes = credit_bytes}, *this);
}

void StreamFeed::AddShard(const Lane& lane, size_t shard) {
  auto [found, is_new] = lanes_.try_emplace(lane.key);
  LaneState& state = found->second;
  if (is_new) {
    state.muxer = lane.make_muxer();
    if (online_) {
      ApplyTracks(lane.key, state);
      for (const Batch& batch : gop_) ApplyBatch(lane.key, state, batch);
    }
  }
  state.shards.push_back(shard);
  if (!online_) {
    if (waiting_) sink_.Waiting(shard, lane.key);
    return;
  }
  sink_.Tracks(shard, lane.key, state.tracks);
  for (LaneItem item : state.held) {
    item.received_ns = 0;  // what was held says nothing about delay
    item.edge_ms = state.held.back().dts_ms;
    sink_.Item(shard, lane.key, std::move(item));
  }
}

void StreamFeed::RemoveShard(const std::string& key, size_t shard) {
  const auto found = lanes_.find(key);
  if (found == lanes_.end()) return;
  std::erase(found->second.shards, shard);
  if (found->second.shards.empty()) lanes_.erase(found);
}

void StreamFeed::OnWaiting() {
  waiting_ = true;
  for (auto& [key, lane] : lanes_) {
    for (const size_t shard : lane.shards) sink_.Waiting(shard, key);
  }
}

void StreamFeed::OnTracks(uint64_t, const media::TrackSet& tracks) {
  // A new publisher with the same format continues the stream: nothing to announce.
  const bool same = online_ && SameTracks(tracks, tracks_);
  // Where only the data is described anew, what is held can still be played from its start.
  const bool same_media = online_ && SameMedia(tracks, tracks_);
  tracks_ = tracks;
  online_ = true;
  waiting_ = false;
  if (same) return;
  if (!same_media) {
    gop_.clear();
    gop_bytes_ = 0;
    for (auto& [key, lane] : lanes_) lane.held.clear();
  }
  for (auto& [key, lane] : lanes_) ApplyTracks(key, lane);
}

void StreamFeed::ApplyTracks(const std::string& key, LaneState& lane) {
  auto tracks = std::make_shared<LaneTracks>();
  tracks->ordinal = lane.next_ordinal++;
  tracks->tracks = tracks_;
  if (lane.tracks != nullptr) {
    const int64_t now_ms = media::MsFromNs(newest_dts_ns_);
    tracks->announce = lane.muxer->TracksChanged(tracks_, now_ms);
    tracks->restate = lane.muxer->TracksRestated(tracks_, now_ms);
  }
  tracks->preamble = lane.muxer->Preamble(tracks_);
  lane.tracks = std::move(tracks);
  for (const size_t shard : lane.shards) sink_.Tracks(shard, key, lane.tracks);
}

void StreamFeed::OnFrames(uint64_t, bool random_access, std::vector<media::Frame> frames) {
  if (!online_ || frames.empty()) return;
  Batch batch{random_access, MonotonicNs(), std::move(frames)};
  ObserveInterleave(batch.frames);
  for (auto& [key, lane] : lanes_) ApplyBatch(key, lane, batch);
  if (random_access) {
    gop_.clear();
    gop_bytes_ = 0;
  } else if (gop_.empty()) {
    return;
  }
  for (const media::Frame& frame : batch.frames) gop_bytes_ += frame.payload.size();
  gop_.push_back(std::move(batch));
  if (gop_bytes_ > gop_limit_) gop_.clear();
}

void StreamFeed::ObserveInterleave(const std::vector<media::Frame>& frames) {
  for (const media::Frame& frame : frames) {
    const bool jumped = frame.flags & media::kDiscontinuity;
    const int64_t behind = newest_dts_ns_ - frame.dts_ns;
    if (!jumped && behind > interleave_ns_ && behind < kMaxInterleaveNs) interleave_ns_ = behind;
    newest_dts_ns_ = std::max(newest_dts_ns_, frame.dts_ns);
  }
}

bool StreamFeed::Carried(const LaneState& lane, const media::Frame& frame) const {
  const media::Track* track = tracks_.Find(frame.track);
  return track != nullptr && lane.muxer->Carries(tracks_, *track);
}

int64_t StreamFeed::StartBase(const LaneState& lane,
                              const std::vector<media::Frame>& frames) const {
  // A viewer starts at 0 and no frame of its may lie before that: what comes behind the
  // random-access point may be as far back as the publisher's interleaving has ever been.
  int64_t base = frames.front().dts_ns - interleave_ns_;
  for (const media::Frame& frame : frames) {
    if (Carried(lane, frame)) base = std::min(base, frame.dts_ns);
  }
  return media::MsFromNs(base);
}

void StreamFeed::ApplyBatch(const std::string& key, LaneState& lane, const Batch& batch) {
  if (lane.tracks == nullptr || lane.tracks->preamble == nullptr) return;
  WireUnitPtr unit = lane.muxer->Frames(tracks_, batch.frames);
  // Where the lane has nothing of the batch (`?only=audio` of a key frame), it starts with what
  // comes next.
  lane.owes_start |= batch.random_access;
  if (unit == nullptr) return;
  LaneItem item;
  item.index = lane.next_index++;
  item.unit = std::move(unit);
  item.tracks = lane.tracks;
  item.random_access = std::exchange(lane.owes_start, false);
  item.received_ns = batch.received_ns;
  if (item.random_access) item.base_ms = StartBase(lane, batch.frames);
  item.dts_ms = media::MsFromNs(batch.frames.front().dts_ns);
  for (const media::Frame& frame : batch.frames) {
    if (!Carried(lane, frame)) continue;
    item.bytes += frame.payload.size();
    const media::TrackKind kind = tracks_.Find(frame.track)->kind;
    if (kind == media::TrackKind::kData) continue;
    item.dts_ms = std::max(item.dts_ms, media::MsFromNs(frame.dts_ns));
    const bool video = kind == media::TrackKind::kVideo;
    (video ? item.video_frames : item.audio_frames) += 1;
    (video ? item.video_bytes : item.audio_bytes) += frame.payload.size();
  }
  item.edge_ms = item.dts_ms;
  lane.total_bytes += item.bytes;
  item.end_bytes = lane.total_bytes;
  if (item.random_access) {
    lane.held.clear();
    lane.held.push_back(item);
  } else if (!lane.held.empty()) {
    const uint64_t held = item.end_bytes - lane.held.front().end_bytes;
    if (held > gop_limit_) {
      lane.held.clear();
    } else {
      lane.held.push_back(item);
    }
  }
  for (const size_t shard : lane.shards) sink_.Item(shard, key, item);
}

void StreamFeed::OnSkipped(const bus::Skip& skip) {
  metrics_.dropped_bus.Increment(static_cast<double>(skip.to_sequence - skip.from_sequence + 1));
  gop_.clear();
  for (auto& [key, lane] : lanes_) lane.held.clear();
}

void StreamFeed::OnEnded(v1::EndReason, const std::string& text) {
  online_ = false;
  waiting_ = true;
  gop_.clear();
  newest_dts_ns_ = interleave_ns_ = 0;
  for (auto& [key, lane] : lanes_) {
    lane.held.clear();
    lane.tracks.reset();
    for (const size_t shard : lane.shards) sink_.Ended(shard, key, text);
  }
}

}  // namespace millrace::stream
