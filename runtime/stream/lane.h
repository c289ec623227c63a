#pragma once
// A lane is one muxed form of one stream: "rtmp", "flv", "flv-audio". Each gateway brings its
// muxers.

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "media/frame/frame.h"
#include "media/frame/track.h"
#include "runtime/stream/wire_unit.h"

namespace millrace::stream {

// Turns frames into wire units. Lives on the home shard; called in stream order.
class LaneMuxer {
 public:
  virtual ~LaneMuxer() = default;
  // What a viewer is sent first: file header, metadata, codec configuration, all at timestamp 0
  // (sent with base 0). Made once for each track set. nullptr where this lane has nothing to show
  // of these tracks
  // (`?only=video` of an audio stream): viewers are then refused.
  virtual WireUnitPtr Preamble(const media::TrackSet& tracks) = 0;
  // Inside a running stream: announces a changed track set at `dts_ms` (stream time). nullptr:
  // nothing to say.
  virtual WireUnitPtr TracksChanged(const media::TrackSet& tracks, int64_t dts_ms) = 0;
  // The same for a viewer that missed other changes before: everything there is to say of `tracks`.
  virtual WireUnitPtr TracksRestated(const media::TrackSet& tracks, int64_t dts_ms) = 0;
  // Whether viewers who began before cannot go on with `tracks`: they are sent what they are owed,
  // and then it is over for them.
  virtual bool Ends(const media::TrackSet&) const { return false; }
  // Whether this lane has `track`, one of `tracks`, in it.
  virtual bool Carries(const media::TrackSet& tracks, const media::Track& track) const = 0;
  // One batch, as one unit. nullptr where none of the frames belongs to this lane.
  virtual WireUnitPtr Frames(const media::TrackSet& tracks,
                             std::span<const media::Frame> frames) = 0;
};

struct Lane {
  std::string key;  // from a bounded set: lanes of one stream with equal keys are shared
  std::function<std::unique_ptr<LaneMuxer>()> make_muxer;
};

}  // namespace millrace::stream
