#pragma once
// One entry of a lane's shared list: a ready unit and what viewers need to know to walk over it.

#include <cstdint>
#include <memory>

#include "media/frame/track.h"
#include "runtime/stream/wire_unit.h"

namespace millrace::stream {

// The tracks that a run of items belongs to. Compared by address.
struct LaneTracks {
  uint64_t ordinal = 0;  // rises by one at each change
  media::TrackSet tracks;
  WireUnitPtr preamble;  // for a viewer that starts here
  WireUnitPtr announce;  // for a viewer that comes from the set before; may be null
  WireUnitPtr restate;   // for a viewer that missed sets in between; may be null
  bool ends = false;     // nobody may come from a set before
};

struct LaneItem {
  uint64_t index = 0;  // consecutive within the lane
  WireUnitPtr unit;
  std::shared_ptr<const LaneTracks> tracks;
  bool random_access = false;
  int64_t base_ms = 0;  // random access: the time base of a viewer that starts here
  int64_t dts_ms = 0;   // stream time of the latest frame in the unit
  int64_t edge_ms = 0;  // where the stream was when the item was handed out; later: it is a replay
  uint64_t bytes = 0;   // payload bytes in the unit
  uint64_t end_bytes = 0;  // cumulative, this item included: lag is a difference of two of these
  uint32_t video_frames = 0;
  uint32_t audio_frames = 0;
  uint64_t video_bytes = 0;
  uint64_t audio_bytes = 0;
  int64_t received_ns = 0;  // monotonic, when the batch came from the bus
  uint32_t frames() const { return video_frames + audio_frames; }
};

}  // namespace millrace::stream
