#pragma once
// Which frames travel together: the flush policy of an application. No I/O and no clock.
//
// Prompt (flush 0): a video frame leaves at once and takes the audio that waits with it; audio
// waits for its video at most audio_hold. Thrifty (flush > 0): what came within that time leaves
// together. Either way a frame at which a reader may start is the first of its batch, so that a
// batch boundary is where a reader starts.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "media/frame/frame.h"

namespace millrace::stream {

class Batcher {
 public:
  struct Options {
    int64_t flush_ns = 0;
    int64_t audio_hold_ns = 40'000'000;
    size_t max_frames = 256;
    size_t max_bytes = 1u << 20;
  };
  using Emit = std::function<void(std::vector<media::Frame>)>;

  Batcher(Options options, Emit emit) : options_(options), emit_(std::move(emit)) {}

  // `leading`: a frame of the track that others wait for (video where there is video).
  // `reader_start`: see above. `now_ns` is monotonic.
  void Add(media::Frame frame, bool leading, bool reader_start, int64_t now_ns);
  // Call at NextDeadline() or later; earlier calls do nothing.
  void OnTimer(int64_t now_ns);
  std::optional<int64_t> NextDeadline() const;
  void Flush();
  // Holds for what is pending too: NextDeadline() may move.
  void SetPolicy(int64_t flush_ns, int64_t audio_hold_ns) {
    options_.flush_ns = flush_ns;
    options_.audio_hold_ns = audio_hold_ns;
  }

 private:
  Options options_;
  const Emit emit_;
  std::vector<media::Frame> pending_;
  size_t pending_bytes_ = 0;
  int64_t oldest_ns_ = 0;
};

}  // namespace millrace::stream
