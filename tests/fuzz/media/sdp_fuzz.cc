// Any bytes as a session description: faults have names, what was read can be written and read
// again, and its media are usable or ignored.

#include "media/base/bytes.h"
#include "media/base/fault.h"
#include "media/sdp/description.h"
#include "media/sdp/offer.h"
#include "media/sdp/sources.h"
#include "tests/support/require.h"

namespace {

using namespace millrace::media;
using millrace::tests::Require;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto description = sdp::Parse(AsText({data, size}));
  if (!description.ok()) {
    Require(FaultName(description.status()).starts_with("sdp_"), "a fault has a name");
    return 0;
  }
  const auto again = sdp::Parse(sdp::Build(*description));
  Require(again.ok() || FaultName(again.status()) == "sdp_too_large" ||
              FaultName(again.status()) == "sdp_line_too_long",
          "what was read can be written and read again");
  if (again.ok()) Require(again->media.size() == description->media.size(), "as many media");

  TrackSet tracks;
  const auto sources = sdp::SourcesOf(*description);
  Require(sources.size() == description->media.size(), "one source a media");
  for (const sdp::Source& source : sources) {
    if (source.ignored != sdp::Ignored::kNo) continue;
    Require(source.track_id != 0, "a track has an id");
    Require(source.format.clock_rate > 0, "a format has a clock");
    Require(source.packing.size_length <= 32, "fields fit 32 bits");
    if (source.track.has_value()) tracks.tracks.push_back(*source.track);
  }
  const auto offer = sdp::MakeOffer(tracks, {});
  Require(sdp::SourcesOf(offer.description).size() == offer.tracks.size(), "an offer is readable");
  return 0;
}
