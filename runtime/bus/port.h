#pragma once
// What the bus's state machines have in common: time, the connection to a router, what they count.

#include <cstdint>
#include <vector>

#include "millrace/v1/bus.pb.h"
#include "runtime/bus/batch_buffer.h"

namespace millrace::bus {

// Both clocks at one instant.
struct Instant {
  int64_t mono_ns = 0;  // never goes back; only differences mean something
  int64_t wall_ns = 0;  // Unix time
};

inline constexpr int64_t kNever = INT64_MAX;
inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000 * kMillisecond;
// Pings and keep-alives happen on multiples of this, so that one wake-up serves all that are due.
inline constexpr int64_t kTickNs = kSecond / 2;

// The media connection to one router, as a stream attached to it sees it. Messages arrive in the
// order of the calls or, from some call on, not at all. False: there is no connection; the stream
// will be detached.
class Port {
 public:
  virtual ~Port() = default;
  virtual bool SendControl(v1::Envelope& message) = 0;  // fills in the term
  virtual bool SendMedia(const BatchRef& batch) = 0;
  virtual uint64_t term() const = 0;
  // Pings the router behind everything sent so far and returns the ping's number: its pong tells
  // that all of that arrived. 0: there is no connection.
  virtual uint64_t SendPing() = 0;
  // What the router's wall clock is ahead of ours.
  virtual int64_t clock_offset_ns() const = 0;
};

// Counted on the home loop, published by whoever owns the client.
struct ClientStats {
  uint64_t reconnects = 0;
  uint64_t sequence_gaps = 0;
  uint64_t messages_in = 0;
  uint64_t messages_out = 0;
  uint64_t lost_frames = 0;   // left a replay window unsent
  uint64_t replay_bytes = 0;  // held by all replay windows
  uint64_t replay_limit = 0;  // that they may hold
  // From router to here, since they were last taken; at most one a second and subscription.
  std::vector<double> router_delay_seconds;
};

// Request ids carry who asks in their upper part, so that an answer finds its way back and a late
// answer to somebody who is gone finds nobody.
inline constexpr int kAttemptBits = 24;
inline uint64_t RequestOf(uint64_t stream_number, uint32_t attempt) {
  return stream_number << kAttemptBits | (attempt & ((1u << kAttemptBits) - 1));
}
inline uint64_t StreamNumberOf(uint64_t request_id) { return request_id >> kAttemptBits; }

}  // namespace millrace::bus
