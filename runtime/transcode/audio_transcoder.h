#pragma once
// Sound to AAC-LC (ISO/IEC 14496-3 §4), by libavcodec.

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "media/base/bytes.h"
#include "media/base/payload.h"
#include "media/frame/track.h"

namespace millrace::transcode {

struct AudioUnit {
  int64_t dts_ns = 0;  // on the clock of what came in
  media::Payload payload;
};

// One track's decoder, resampler and encoder. Not thread-safe.
class AudioTranscoder {
 public:
  // INVALID_ARGUMENT: no codec that this decodes, or a configuration that the decoder refuses.
  static absl::StatusOr<std::unique_ptr<AudioTranscoder>> Create(const media::Track& source);
  ~AudioTranscoder();

  const media::Track& source() const;
  // AAC-LC with one or two channels, at 32, 44.1 or 48 kHz; id, language and label of the source.
  const media::Track& track() const;

  // Decodes the unit and appends what has become complete: nothing, or some units of 1024 samples.
  // `dts_ns` is the time of the unit's first sample; where it is more than 60 ms from where the
  // samples before it end, the clock goes on from there. INVALID_ARGUMENT: the unit cannot be
  // decoded and is left out, the next may be better.
  absl::Status Take(int64_t dts_ns, media::Bytes unit, std::vector<AudioUnit>& units);

 private:
  struct Codecs;
  explicit AudioTranscoder(std::unique_ptr<Codecs> codecs);

  std::unique_ptr<Codecs> codecs_;
};

}  // namespace millrace::transcode
