#include "media/codec/g711/g711.h"

namespace millrace::media::g711 {

Track MakeTrack(Law law, uint32_t sample_rate, uint32_t channels) {
  Track track;
  track.id = 2;
  track.kind = TrackKind::kAudio;
  track.codec = law == Law::kA ? Codec::kG711A : Codec::kG711U;
  track.codec_string = law == Law::kA ? "alaw" : "ulaw";
  track.sample_rate = sample_rate;
  track.channels = channels;
  return track;
}

}  // namespace millrace::media::g711
