#pragma once
// RTP timestamps of all tracks of a sender to one timeline.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "media/base/ticks.h"
#include "media/frame/track.h"
#include "media/rtp/rtcp.h"

namespace millrace::media::rtp {

// Each track counts from a random number; sender reports relate it to a wall clock (RFC 3550
// §6.4.1). Until there are reports of two tracks, they stand to each other as their packets
// arrived. Then the others are brought to where the leading one (audio, if there is any: its
// listeners hear a step) says, slowly: a report never makes time step. Only a track that begins
// when it and another have been reported on already stands where the reports say at once: FFmpeg
// reports before it sends anything. Reports are believed as far as they agree with those before and
// with arrival:
//
//  - one whose wall clock jumps against the one before (devices that set their clock, once a second
//    or once a day) voids all reports; time goes on as it was until each track has a new one, and
//    the one that jumped a second one that agrees;
//  - one that would put tracks further apart than max_skew_ns, against how they arrive, is ignored.
//
// A timestamp that jumps, or a sender that begins anew, does not make time jump either: it goes on
// with what arrival says, marked as a discontinuity.
//
// No clock inside: `now_ns` and arrival are monotonic. Not thread-safe.
class Clock {
 public:
  struct Options {
    // Timestamps may run ahead of arrival by so much more than they ever did, and may step back by
    // so much (pictures out of order do), before that counts as a jump.
    int64_t max_step_ns = 3 * kNsPerSecond;
    int64_t max_step_back_ns = 1 * kNsPerSecond;
    int64_t max_report_jump_ns = 250 * kNsPerMs;  // of a wall clock between two reports
    int64_t max_skew_ns = 3 * kNsPerSecond;
    // A correction takes so many times as long as it is large.
    int64_t slew_factor = 20;
  };
  struct Time {
    // Of presentation; the first unit of all is at 0. Another track may begin a little before.
    int64_t ns = 0;
    bool discontinuity = false;
  };
  struct Counters {
    uint64_t reports_used = 0;
    uint64_t reports_ignored = 0;  // without a clock, or implausible
    uint64_t report_jumps = 0;
    uint64_t timestamp_jumps = 0;
  };

  Clock() : Clock(Options{}) {}
  explicit Clock(Options options) : options_(options) {}

  // Returns its index. All before the first unit, or as they come.
  size_t AddTrack(TrackKind kind, uint32_t clock_rate);

  // Of an access unit, in the order of decoding.
  Time Map(size_t track, int64_t timestamp, int64_t arrival_ns, bool restart = false);
  // A report of the track's source. Those before its first unit are kept until then.
  void OnSenderReport(size_t track, const SenderReport& report);

  // What is still to be corrected of the track.
  int64_t pending_ns(size_t track) const { return tracks_[track].pending_ns; }
  const Counters& counters() const { return counters_; }

 private:
  struct Report {
    int64_t wall_ns = 0;
    uint32_t rtp_timestamp = 0;
  };
  struct TrackState {
    TrackKind kind = TrackKind::kVideo;
    uint32_t clock_rate = 90'000;
    bool started = false;
    int64_t anchor_timestamp = 0;  // which is at anchor_ns
    int64_t anchor_ns = 0;
    int64_t timestamp = 0;  // of the last unit, here and below
    int64_t ns = 0;
    int64_t latest_ns = 0;  // the latest of all
    int64_t arrival_ns = 0;
    int64_t lead_ns = 0;  // the most that time was ever ahead of arrival, less what it drifts
    int64_t pending_ns = 0;
    std::optional<Report> report;
    bool trusted = true;  // since its wall clock jumped, two reports agreed
  };

  int64_t Line(const TrackState& track, int64_t timestamp) const;
  void Begin(TrackState& track, int64_t timestamp, int64_t arrival_ns);
  // Where the reports say, a track that begins.
  void Place(TrackState& track) const;
  void Reanchor(TrackState& track, int64_t timestamp, int64_t arrival_ns);
  void Slew(TrackState& track, int64_t timestamp);
  // Whether the report fits the one before; if not, all reports are void.
  bool Follows(const TrackState& track, const Report& report) const;
  const TrackState* Leading() const;
  // The wall clock less the timeline, by the track's report.
  int64_t WallOffset(const TrackState& track) const;
  // How the tracks would stand to each other after the correction, against how they arrived.
  bool Plausible(const TrackState& track, const TrackState& other, int64_t correction_ns) const;
  void Align();

  const Options options_;
  std::vector<TrackState> tracks_;
  bool started_ = false;
  int64_t first_arrival_ns_ = 0;
  Counters counters_;
};

}  // namespace millrace::media::rtp
