#pragma once
// The description of a stream for who wants to play it.

#include <cstdint>
#include <string>
#include <vector>

#include "media/frame/track.h"
#include "media/sdp/description.h"
#include "media/sdp/sources.h"

namespace millrace::media::sdp {

struct OfferOptions {
  std::string name;                         // s=
  std::string origin;                       // o=, "" for a neutral one
  std::string control_prefix = "trackID=";  // of each media, followed by its index
};

// What is sent of one track.
struct OfferedTrack {
  uint8_t track_id = 0;
  PayloadFormat payload = PayloadFormat::kNone;
  uint8_t payload_type = 0;
  uint32_t clock_rate = 0;
};

struct Offer {
  Description description;
  std::vector<OfferedTrack> tracks;  // one a media, in order
};

// Tracks that RTP has no form for, and those whose configuration cannot be read, are left out; the
// offer is empty where none is left. AAC is MPEG4-GENERIC in AAC-hbr; payload types are static
// where there is one, else 96 and up.
Offer MakeOffer(const TrackSet& tracks, const OfferOptions& options);

}  // namespace millrace::media::sdp
