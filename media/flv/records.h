#pragma once
// Configuration records: a Track has the body of the codec's ISO-BMFF box, an FLV tag what the FLV
// specifications want; they differ for some audio codecs.

#include <cstdint>
#include <vector>

#include "media/frame/track.h"

namespace millrace::media::flv {

// What a tag carries of Track::config; empty where the codec has no record there.
std::vector<uint8_t> WireRecord(const Track& track);

// What stands in front of a key frame's payload: AV1's sequence header OBU, which frames do not
// bear inside Millrace; empty for other codecs.
std::vector<uint8_t> KeyFrameRecord(const Track& track);

}  // namespace millrace::media::flv
