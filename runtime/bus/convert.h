#pragma once
// Tracks and timelines as the bus messages carry them.

#include "absl/status/statusor.h"
#include "media/frame/track.h"
#include "millrace/v1/bus.pb.h"
#include "runtime/bus/client.h"

namespace millrace::bus {

v1::TrackInfo ToProto(const media::Track& track);
v1::Timeline ToProto(const Timeline& timeline);
Timeline FromProto(const v1::Timeline& timeline);

// Sets version and tracks; the other fields stay.
void SetTracks(const media::TrackSet& tracks, v1::TrackSetUpdate& update);

// InvalidArgument where an id, kind or codec number does not fit its type, or an id occurs twice. A
// codec number that this build does not know is kept: it is relayed and not played.
absl::StatusOr<media::TrackSet> TracksOf(const v1::TrackSetUpdate& update);

}  // namespace millrace::bus
