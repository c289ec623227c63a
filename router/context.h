#pragma once
// What the parts of one table share.

#include <cstdint>
#include <string>

#include "router/cache.h"
#include "router/counters.h"
#include "router/observer.h"
#include "router/outbox.h"
#include "router/table.h"

namespace millrace::router {

inline constexpr int64_t kMillisecond = 1'000'000;
inline constexpr int64_t kSecond = 1'000 * kMillisecond;

struct Context {
  Options options;
  Outbox& outbox;
  Observer& observer;
  Counters counters{};
  CacheBudget budget{};
  uint64_t term = 0;
  int64_t settled_at_ns = 0;  // mono

  // An envelope of our term, to be filled in and sent.
  v1::Envelope Envelope() const {
    v1::Envelope envelope;
    envelope.set_term(term);
    return envelope;
  }
  void Send(ConnectionId to, const v1::Envelope& envelope) {
    ++counters.control_out;
    outbox.SendControl(to, envelope);
  }
  void Send(ConnectionId to, const SharedBatch& batch) {
    ++counters.media_out;
    counters.media_out_bytes += batch.bytes.size();
    outbox.SendMedia(to, batch);
  }
  void CountDropped(Drop reason, uint64_t frames) {
    counters.dropped_frames[static_cast<size_t>(reason)] += frames;
  }
};

}  // namespace millrace::router
