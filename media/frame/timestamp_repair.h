#pragma once
// The only place where timestamps are mended: once, at the gateway that a publisher is connected
// to.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/frame/track.h"

namespace millrace::media {

// Maps the clock of one publisher to the timeline of its stream. No clock inside: arrival times are
// arguments. Not thread-safe. All times are nanoseconds.
//
//  - All tracks share one offset, so that they keep their relation. It changes only where the
//  publisher's clock
//    jumps: by more than Options::max_jump_ns ahead of what arrival and the other tracks account
//    for, or back by more than max_step_back_ns. The timeline then goes on where it was, and a
//    track that jumps after another one takes over its offset.
//  - dts never falls within a track; of video it always rises, by a millisecond at least.
//  - Audio that came with whole milliseconds is put on the grid of its samples. It leaves that grid
//  rather
//    than change what its timestamp rounds to in milliseconds, as long as the source is true to its
//    own grid: so `MsFromNs` gives back the publisher's milliseconds, less one constant for all
//    tracks.
class TimestampRepair {
 public:
  enum class Kind : uint8_t {
    kJumpForward,    // the clock jumped ahead: the timeline did not
    kJumpBackward,   // the clock was reset or stepped back
    kTrackOffset,    // a track began on a clock of its own
    kTrackDrift,     // a track had fallen far behind the others and was brought forward
    kNonMonotonic,   // dts did not rise
    kBadPts,         // pts before dts, or absurdly far behind it
    kAudioSmoothed,  // audio timestamps jitter: replaced by the sample count, slowly following
  };
  static constexpr size_t kKinds = 7;
  static const char* KindName(Kind kind);  // "jump_forward" …: log field and metric label

  struct Options {
    int64_t max_jump_ns = 3'000'000'000;
    int64_t max_step_back_ns = 500'000'000;
    int64_t max_drift_ns = 10'000'000'000;
    int64_t max_composition_ns = 10'000'000'000;
  };

  struct Input {
    uint8_t track = 0;
    TrackKind kind = TrackKind::kVideo;
    uint32_t sample_rate = 0;  // 0: unknown
    uint32_t samples_per_frame = 0;
    uint32_t frame_rate_num = 0;
    uint32_t frame_rate_den = 0;
    int64_t dts_ns = 0;  // the publisher's clock, already unwrapped
    int64_t pts_ns = 0;
    int64_t arrival_ns = 0;  // monotonic clock of this machine
  };

  struct Output {
    int64_t dts_ns = 0;
    int64_t pts_ns = 0;
    int64_t duration_ns = 0;  // an estimate, never 0
    bool discontinuity = false;
    uint32_t kinds = 0;  // bit 1 << Kind for each repair made to this frame

    bool Has(Kind kind) const { return (kinds & (1u << static_cast<unsigned>(kind))) != 0; }
  };

  TimestampRepair() : TimestampRepair(Options{}) {}
  explicit TimestampRepair(Options options) : options_(options) {}

  // Where on the timeline this publisher begins: the end of the last epoch, or 0. Rounded up to a
  // whole millisecond. Before the first frame.
  void StartAt(int64_t base_ns);
  // The publisher's `dts_ns` is what begins there; without it the first frame's is. For callers
  // that hold the first frames of all tracks: give the smallest.
  void Anchor(int64_t dts_ns);

  Output Repair(const Input& input);

  uint64_t count(Kind kind) const { return counts_[static_cast<size_t>(kind)]; }

 private:
  struct TrackState {
    uint8_t id = 0;
    int64_t offset_ns = 0;
    int64_t in_dts_ns = 0;  // of the last frame, here and below
    int64_t out_dts_ns = 0;
    int64_t pts_end_ns = 0;  // the largest pts + duration that went out
    int64_t delta_ns = 0;    // between the last two frames, 0 before
    int64_t earlier_delta_ns = 0;
    int64_t duration_ns = 0;
    int64_t arrival_ns = 0;
    // The audio grid: frame `grid_frames` behind `grid_ns` comes next.
    bool on_grid = false;
    int64_t grid_ns = 0;
    int64_t grid_frames = 0;
    uint32_t grid_rate = 0;
    uint32_t grid_samples = 0;
    int jitter = 0;  // rises with each frame off the grid, falls with each on it
  };

  TrackState* Find(uint8_t id);
  TrackState& Begin(const Input& input, Output& output);
  void Follow(TrackState& track, const Input& input, Output& output);
  void Reanchor(TrackState& track, const Input& input, Kind kind, Output& output);
  // Where the timeline stands: behind the last frame of every track, and no less than arrival says.
  int64_t End(int64_t arrival_ns) const;
  // Where it can go on with nothing shown before or over what was.
  int64_t Restart(int64_t arrival_ns) const;
  int64_t Snap(TrackState& track, const Input& input, int64_t dts_ns, Output& output);
  static int64_t EstimateDuration(const TrackState& track, const Input& input);
  void Note(Kind kind, Output& output);

  const Options options_;
  int64_t base_ns_ = 0;
  bool anchored_ = false;
  int64_t offset_ns_ = 0;  // of the track that jumped last
  std::vector<TrackState> tracks_;
  std::array<uint64_t, kKinds> counts_{};
};

}  // namespace millrace::media
