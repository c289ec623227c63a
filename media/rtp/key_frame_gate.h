#pragma once
// What becomes of whole video units behind a loss: they wait for a key frame.

#include <cstdint>
#include <optional>

#include "media/frame/leading.h"

namespace millrace::media::rtp {

// Of one track, units in decoding order. Not thread-safe.
class KeyFrameGate {
 public:
  // Units are dropped for at most so long (ticks of their timestamps); then they go on, marked
  // kCorrupt, up to the next key frame: some encoders send none, and cameras that save bits send
  // them a minute apart.
  explicit KeyFrameGate(int64_t max_drop_ticks) : max_drop_ticks_(max_drop_ticks) {}

  // Something is missing that what comes next may refer to.
  void Damage() { waiting_ = true; }
  // Whether the unit may go on. Adds kLeading and kCorrupt to its flags where they apply.
  bool Admit(int64_t timestamp, uint16_t& flags);
  // What comes next has nothing to do with what came before.
  void Reset();

 private:
  const int64_t max_drop_ticks_;
  LeadingMarker leading_;
  bool waiting_ = false;
  std::optional<int64_t> waiting_since_;  // the timestamp of the first unit that was dropped
  bool corrupt_ = false;                  // waited too long: units go on, marked
  bool resumed_open_ = false;  // at a key frame whose leading pictures refer to what was lost
};

}  // namespace millrace::media::rtp
