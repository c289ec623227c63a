#include "media/frame/timestamp_repair.h"

#include <algorithm>
#include <cstdlib>

#include "media/base/ticks.h"

namespace millrace::media {
namespace {

constexpr int64_t kMinStepNs = kNsPerMs;
constexpr int64_t kDefaultVideoNs = 40 * kNsPerMs;
constexpr int64_t kDefaultAudioNs = 20 * kNsPerMs;
// Arrival counts at a jump only where it shows a real pause rather than the network's unevenness.
constexpr int64_t kPauseNs = 500 * kNsPerMs;
// A track is compared with another only while that one is alive.
constexpr int64_t kAliveNs = kNsPerSecond;
constexpr int64_t kMaxSlowNs = 30 * kNsPerSecond;
constexpr int64_t kMaxDurationNs = 10 * kNsPerSecond;
// Beyond these, sums of three times could overflow; no publisher's clock is there (2^61 ns are 73
// years).
constexpr int64_t kMaxTimeNs = int64_t{1} << 61;

// Audio grid. A timestamp rounded to the nearest millisecond is off by half of one, a truncated one
// by a whole.
constexpr int64_t kHalfMs = kNsPerMs / 2;
constexpr int64_t kTrueToGridNs = 3 * kHalfMs;
constexpr int64_t kLeaveGridNs = 30 * kNsPerMs;
constexpr int kJitterUp = 8;
constexpr int kJitterMax = 64;
constexpr int kJittery = 24;          // four frames off the grid of nine or so
constexpr int64_t kFollowParts = 16;  // smoothed audio makes up this part of its deviation a frame

int64_t RoundUpToMs(int64_t ns) {
  const int64_t rest = ns % kNsPerMs;
  if (rest == 0) return ns;
  return ns - rest + (rest > 0 ? kNsPerMs : 0);
}

int64_t Sane(int64_t ns) { return std::clamp(ns, -kMaxTimeNs, kMaxTimeNs); }

}  // namespace

const char* TimestampRepair::KindName(Kind kind) {
  switch (kind) {
    case Kind::kJumpForward:
      return "jump_forward";
    case Kind::kJumpBackward:
      return "jump_backward";
    case Kind::kTrackOffset:
      return "track_offset";
    case Kind::kTrackDrift:
      return "track_drift";
    case Kind::kNonMonotonic:
      return "non_monotonic";
    case Kind::kBadPts:
      return "bad_pts";
    case Kind::kAudioSmoothed:
      return "audio_smoothed";
  }
  return "unknown";
}

void TimestampRepair::Note(Kind kind, Output& output) {
  output.kinds |= 1u << static_cast<unsigned>(kind);
  ++counts_[static_cast<size_t>(kind)];
}

void TimestampRepair::StartAt(int64_t base_ns) { base_ns_ = RoundUpToMs(Sane(base_ns)); }

void TimestampRepair::Anchor(int64_t dts_ns) {
  offset_ns_ = base_ns_ - Sane(dts_ns);
  anchored_ = true;
}

TimestampRepair::TrackState* TimestampRepair::Find(uint8_t id) {
  for (TrackState& track : tracks_) {
    if (track.id == id) return &track;
  }
  return nullptr;
}

int64_t TimestampRepair::End(int64_t arrival_ns) const {
  int64_t end = base_ns_;
  int64_t last = base_ns_;
  int64_t silence = tracks_.empty() ? 0 : INT64_MAX;
  for (const TrackState& track : tracks_) {
    end = std::max(end, track.out_dts_ns + track.duration_ns);
    last = std::max(last, track.out_dts_ns);
    silence = std::min(silence, arrival_ns - track.arrival_ns);
  }
  return silence > kPauseNs ? std::max(end, last + silence) : end;
}

int64_t TimestampRepair::Restart(int64_t arrival_ns) const {
  int64_t end = End(arrival_ns);
  for (const TrackState& track : tracks_) end = std::max(end, track.pts_end_ns);
  return RoundUpToMs(end);  // so that whole milliseconds stay whole ones
}

void TimestampRepair::Reanchor(TrackState& track, const Input& input, Kind kind, Output& output) {
  offset_ns_ = Restart(input.arrival_ns) - input.dts_ns;
  track.offset_ns = offset_ns_;
  track.on_grid = false;
  track.delta_ns = track.earlier_delta_ns = 0;
  output.discontinuity = true;
  Note(kind, output);
}

// The first frame of a track.
TimestampRepair::TrackState& TimestampRepair::Begin(const Input& input, Output& output) {
  if (!anchored_) Anchor(input.dts_ns);
  TrackState track;
  track.id = input.track;
  track.offset_ns = offset_ns_;
  const int64_t end = End(input.arrival_ns);
  const int64_t dts = input.dts_ns + offset_ns_;
  if (dts > end + options_.max_jump_ns || dts < end - options_.max_jump_ns) {
    const bool alone = tracks_.empty();
    track.offset_ns = RoundUpToMs(end) - input.dts_ns;
    if (alone) offset_ns_ = track.offset_ns;  // Anchor() was given something else than what came
    Note(Kind::kTrackOffset, output);
  }
  tracks_.push_back(track);
  return tracks_.back();
}

// Any later frame: decides whether the track's offset still holds.
void TimestampRepair::Follow(TrackState& track, const Input& input, Output& output) {
  if (track.offset_ns != offset_ns_) {
    // Another track has jumped. Frames that were under way come on the old clock; the first on the
    // new clock is nearer to what is due with the new offset.
    const int64_t due = track.out_dts_ns + track.duration_ns;
    const int64_t with_old = std::abs(input.dts_ns + track.offset_ns - due);
    const int64_t with_new = std::abs(input.dts_ns + offset_ns_ - due);
    if (with_new < with_old && with_new <= options_.max_jump_ns) {
      track.offset_ns = offset_ns_;
      track.on_grid = false;
      track.delta_ns = track.earlier_delta_ns = 0;
      return;
    }
  }
  const int64_t dts = input.dts_ns + track.offset_ns;
  const int64_t delta = input.dts_ns - track.in_dts_ns;
  // Compared with what went out, so that many small steps back add up. A track whose first frames
  // lie before the base is no such case: it catches up by itself.
  const bool before_base = dts < base_ns_ && delta >= 0;
  if (dts < track.out_dts_ns - options_.max_step_back_ns && !before_base) {
    return Reanchor(track, input, Kind::kJumpBackward, output);
  }
  const int64_t elapsed = input.arrival_ns - track.arrival_ns;
  // Slow sources send seconds apart, and a file may be pushed faster than it plays.
  const int64_t allowed = std::max(options_.max_jump_ns, 2 * std::min(track.delta_ns, kMaxSlowNs));
  if (delta > allowed + elapsed && dts > End(input.arrival_ns) + allowed) {
    return Reanchor(track, input, Kind::kJumpForward, output);
  }
  for (const TrackState& other : tracks_) {
    if (other.id == track.id || input.arrival_ns - other.arrival_ns > kAliveNs) continue;
    if (dts >= other.out_dts_ns - options_.max_drift_ns) continue;
    track.offset_ns = RoundUpToMs(other.out_dts_ns) - input.dts_ns;
    track.on_grid = false;
    output.discontinuity = true;
    Note(Kind::kTrackDrift, output);
    return;
  }
}

int64_t TimestampRepair::EstimateDuration(const TrackState& track, const Input& input) {
  const bool audio = input.kind == TrackKind::kAudio;
  if (audio && input.sample_rate > 0 && input.samples_per_frame > 0) {
    const int64_t frame = NsFromSamples(input.samples_per_frame, input.sample_rate);
    return std::clamp<int64_t>(frame, 1, kMaxDurationNs);
  }
  // The shorter of the last two: one gap is no frame rate.
  int64_t seen = track.delta_ns;
  if (track.earlier_delta_ns > 0) seen = std::min(seen, track.earlier_delta_ns);
  if (!audio && input.frame_rate_num > 0 && input.frame_rate_den > 0) {
    const int64_t frame = kNsPerSecond * input.frame_rate_den / input.frame_rate_num;
    const bool sane = frame >= 2 * kNsPerMs && frame <= 2 * kNsPerSecond;
    // Some encoders write twice or half of their rate: the timestamps know better.
    const bool agrees =
        seen == 0 || (frame < seen * 3 / 2 + kNsPerMs && frame > seen * 2 / 3 - kNsPerMs);
    if (sane && agrees) return frame;
  }
  if (seen > 0) return std::min(seen, kMaxDurationNs);
  return audio ? kDefaultAudioNs : kDefaultVideoNs;
}

int64_t TimestampRepair::Snap(TrackState& track, const Input& input, int64_t dts_ns,
                              Output& output) {
  const bool known = input.sample_rate > 0 && input.samples_per_frame > 0;
  if (!known || input.dts_ns % kNsPerMs != 0 || track.offset_ns % kNsPerMs != 0) {
    track.on_grid = false;
    return dts_ns;
  }
  const auto restart = [&](int64_t at) {
    track.on_grid = true;
    track.grid_ns = at;
    track.grid_frames = 1;
    track.grid_rate = input.sample_rate;
    track.grid_samples = input.samples_per_frame;
    return at;
  };
  if (!track.on_grid || track.grid_rate != input.sample_rate ||
      track.grid_samples != input.samples_per_frame) {
    return restart(dts_ns);
  }
  const int64_t due =
      track.grid_ns + NsFromSamples(track.grid_frames * input.samples_per_frame, input.sample_rate);
  const int64_t deviation = dts_ns - due;
  const bool is_true = std::abs(deviation) <= kTrueToGridNs;
  track.jitter = std::clamp(track.jitter + (is_true ? -1 : kJitterUp), 0, kJitterMax);
  if (std::abs(deviation) > kLeaveGridNs) return restart(dts_ns);  // a gap, or frames left out
  if (track.jitter >= kJittery) {
    Note(Kind::kAudioSmoothed, output);
    return restart(due + deviation / kFollowParts);
  }
  if (!is_true) return restart(dts_ns);  // a step: the source knows better
  if (deviation > kHalfMs) return restart(dts_ns - kHalfMs);
  if (deviation <= -kHalfMs) return restart(dts_ns + kHalfMs - 1);
  ++track.grid_frames;
  return due;
}

TimestampRepair::Output TimestampRepair::Repair(const Input& given) {
  Input input = given;
  input.dts_ns = Sane(given.dts_ns);
  input.pts_ns = Sane(given.pts_ns);
  Output output;
  TrackState* found = Find(input.track);
  const bool first = found == nullptr;
  if (!first) Follow(*found, input, output);
  TrackState& track = first ? Begin(input, output) : *found;

  int64_t dts = input.dts_ns + track.offset_ns;
  if (input.kind == TrackKind::kAudio) dts = Snap(track, input, dts, output);
  const int64_t step = input.kind == TrackKind::kVideo ? kMinStepNs : 0;
  const int64_t least = first ? base_ns_ : track.out_dts_ns + step;
  if (dts < least) {
    dts = least;
    track.on_grid = false;
    Note(Kind::kNonMonotonic, output);
  }
  // Composition is what the publisher said; a dts that was moved up may pass it.
  const int64_t composition = input.pts_ns - input.dts_ns;
  int64_t pts = composition == 0 ? dts : input.pts_ns + track.offset_ns;
  if (composition < 0 || composition > options_.max_composition_ns) {
    Note(Kind::kBadPts, output);
    pts = dts;
  }
  pts = std::max(pts, dts);

  if (!first && dts > track.out_dts_ns && !output.discontinuity)
    track.delta_ns = dts - track.out_dts_ns;
  track.duration_ns = EstimateDuration(track, input);
  track.in_dts_ns = input.dts_ns;
  track.out_dts_ns = dts;
  track.pts_end_ns = std::max(track.pts_end_ns, pts + track.duration_ns);
  track.arrival_ns = input.arrival_ns;
  output.dts_ns = dts;
  output.pts_ns = pts;
  output.duration_ns = track.duration_ns;
  return output;
}

}  // namespace millrace::media
