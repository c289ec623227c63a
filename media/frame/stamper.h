#pragma once
// The numbers that all replicas must share, given once, by the publishing gateway: sequence, GOP,
// segment, discontinuity sequence.

#include <cstdint>
#include <vector>

#include "media/frame/frame.h"
#include "media/frame/track.h"

namespace millrace::media {

// Of one epoch. Not thread-safe.
//
// The leading track is the first video track, or the first audio track where there is no video, or
// else the first track. A GOP begins at each random-access point of leading video; without video at
// the first frame a second or more after the GOP began. Segment and discontinuity sequence change
// only where a GOP begins, so both are constant within a GOP.
class Stamper {
 public:
  struct Options {
    int64_t segment_target_ns = 4'000'000'000;
    uint32_t next_gop = 1;  // at least 1
    uint32_t next_segment = 0;
    uint32_t discontinuity_sequence =
        0;  // of the first frames; the caller counted this epoch's beginning
  };
  struct Stamp {
    bool leading = false;       // the frame is of the leading track
    bool reader_start = false;  // a GOP begins with it: a reader may start here
  };

  explicit Stamper(Options options);

  // Before the first frame, and at each change. A change within the epoch counts as a
  // discontinuity, from the next GOP on; not where it is in data tracks alone, which no decoder
  // sees.
  void SetTracks(const TrackSet& tracks);

  // Fills in the frame's numbers; dts and flags must be final. kDiscontinuity on any frame but the
  // first makes the next GOP begin a segment and raises its discontinuity sequence. Frames before
  // the first GOP bear the number before next_gop and the first segment.
  Stamp Apply(Frame& frame);

 private:
  bool BeginsGop(const Frame& frame) const;

  const Options options_;
  bool has_tracks_ = false;
  std::vector<Track> media_;  // the tracks that are not data
  bool leading_is_video_ = false;
  uint8_t leading_track_ = 0;
  bool pending_discontinuity_ = false;
  bool started_ = false;  // the first GOP has begun
  uint64_t sequence_ = 0;
  uint32_t gop_;
  uint32_t segment_;
  uint32_t discontinuity_sequence_;
  int64_t gop_dts_ns_ = 0;  // where the GOP and the segment began
  int64_t segment_dts_ns_ = 0;
};

}  // namespace millrace::media
