#pragma once
// The publishing pipeline without I/O and without a clock: held until the tracks are known,
// repaired once, stamped, batched. Time comes in as an argument (monotonic and Unix nanoseconds).

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "media/frame/frame.h"
#include "media/frame/stamper.h"
#include "media/frame/timestamp_repair.h"
#include "media/frame/track.h"
#include "millrace/v1/config.pb.h"
#include "runtime/bus/client.h"
#include "runtime/stream/batcher.h"
#include "runtime/stream/ingest.h"

namespace millrace::stream {

struct IngestTime {
  int64_t monotonic_ns = 0;
  int64_t unix_ns = 0;
};

enum class IngestDrop {
  kUnknownTrack,    // media before its configuration, when the wait was over
  kNoRandomAccess,  // video before the first random-access point
  kHeldTooMuch,     // more than max_held_bytes before the stream was granted
};
const char* IngestDropName(IngestDrop drop);

class IngestCore {
 public:
  struct Options {
    int64_t track_wait_ns = 2'500'000'000;
    int64_t segment_target_ns = 4'000'000'000;
    size_t max_held_bytes = 16u << 20;
    Batcher::Options batcher;
  };
  struct Output {
    std::function<void(const media::TrackSet&)> tracks;
    std::function<void(std::vector<media::Frame>)> batch;  // sequences without a gap from 1
    std::function<void(IngestDrop)> dropped;
    std::function<void(media::TimestampRepair::Kind)> repaired;
  };

  IngestCore(Options options, Output output);

  void SetTrack(media::Track track, IngestTime now);
  void Push(InputFrame frame, IngestTime now);
  // The router granted the stream; `now` decides the first segment of a stream that nobody
  // remembers.
  void Granted(const bus::Grant& grant, IngestTime now);
  void OnTimer(IngestTime now);
  std::optional<int64_t> NextDeadline() const;  // monotonic
  // The flush policy from now on.
  void SetPolicy(int64_t flush_ns, int64_t audio_hold_ns) {
    batcher_.SetPolicy(flush_ns, audio_hold_ns);
  }
  // No more input: what is held or pending is sent.
  void Finish(IngestTime now);

 private:
  struct Held {
    InputFrame frame;
    IngestTime at;
  };
  using HeldEvent = std::variant<media::Track, Held>;

  bool Knows(media::TrackKind kind) const;
  void StartIfReady(IngestTime now);
  void Start(IngestTime now);
  void ApplyTrack(media::Track track);
  void Process(InputFrame frame, IngestTime at);
  void Emit(media::Frame frame, const media::Track& track, bool hold, int64_t now_ns);

  const Options options_;
  const Output output_;
  std::optional<bus::Grant> grant_;
  bool live_ = false;

  std::deque<HeldEvent> held_;
  size_t held_bytes_ = 0;
  std::optional<int64_t> first_media_ns_;
  std::map<uint8_t, media::Track> known_;  // first configuration of each held track

  media::TrackSet tracks_;
  media::TimestampRepair repair_;
  std::optional<media::Stamper> stamper_;
  Batcher batcher_;
  bool reader_started_ = false;  // a random-access point has been sent
  bool mark_discontinuity_ = false;
  std::deque<media::Frame> early_;  // audio before the first random-access point
};

}  // namespace millrace::stream
