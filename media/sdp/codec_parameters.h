#pragma once
// The fmtp parameters of each payload format: to a source's packing, parameter sets and track.

#include "media/sdp/sources.h"

namespace millrace::media::sdp {

// Fills in packing, parameter_sets and track from payload, format and codec.
void ReadCodecParameters(Source& source);

}  // namespace millrace::media::sdp
