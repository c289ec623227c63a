#pragma once
// The stream table of one router endpoint: who publishes what, who subscribes, what is cached, what
// is owed. A state machine without I/O (contract: proto/README.md): messages and time in, messages
// out through Outbox, NextDeadline() for timers. One thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/v1/bus.pb.h"
#include "millrace/v1/config.pb.h"
#include "millrace/v1/node.pb.h"
#include "router/counters.h"
#include "router/observer.h"
#include "router/outbox.h"

namespace millrace::router {

struct Options {
  uint64_t incarnation = 1;  // differs at each start of the process
  // This endpoint as the topology lists it. As long as no topology lists it, the table owns
  // everything.
  std::string endpoint;
  int64_t lease_ms = 3'000;
  int64_t settle_ms = 1'000;  // after start: re-attachments only
  int64_t orphan_grace_ms =
      15'000;  // after settling: a re-attached subscriber's publisher may still return
  // History held in any case: a node whose connection breaks notices late, and finds what was under
  // way even where a GOP has begun in the meantime.
  int64_t min_retention_ms = 2'000;
  int64_t memory_ms = 600'000;      // where a stream ended is remembered at least so long
  uint64_t cache_limit = 1u << 30;  // bytes pinned over all streams
  uint64_t stream_cache_limit = 64u << 20;
  uint64_t publish_credit = 32u << 20;
  uint32_t max_streams =
      20'000;  // with a publisher or subscribers; as many ended ones are remembered
  uint32_t max_nodes = 4'096;
  uint64_t max_fetch = 16u << 20;
};

// Numbers for gauges.
struct Usage {
  size_t live = 0;
  size_t grace = 0;
  size_t waiting = 0;
  size_t remembered = 0;
  size_t subscriptions = 0;
  size_t nodes = 0;
  uint64_t cache_bytes = 0;
  uint64_t owed_bytes = 0;        // sent to subscribers and not yet given back as credit, at most
  uint64_t owed_limit_bytes = 0;  // what their credit windows allow
};

class Table {
 public:
  // `outbox` and `observer` must outlive the table. Settling starts at `now`.
  Table(Options options, Outbox& outbox, Time now, Observer* observer = nullptr);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  void OnControl(ConnectionId from, const v1::Envelope& envelope, Time now);
  // `batch` as received: decoded and checked here. `batch.original` must be true.
  void OnMedia(ConnectionId from, const SharedBatch& batch, Time now);
  // The connection is gone for good (a send failed). Unknown ones are ignored.
  void OnConnectionUnreachable(ConnectionId connection, Time now);
  void OnTimer(Time now);
  // mono_ns at which OnTimer wants to be called; kNever where nothing is pending.
  int64_t NextDeadline() const;

  // This endpoint as the topology lists it, where that is known only then; before SetTopology.
  void SetEndpoint(const std::string& endpoint);
  // Ignored unless `topology.term` is newer. Streams that this endpoint does not own any more are
  // let go with NotOwner; all of them where it has been listed before and is not any more.
  void SetTopology(const v1::Topology& topology, Time now);
  // Applies the fields that are set; others stay.
  void SetSettings(const v1::RouterSettings& settings, Time now);
  // Ends the stream at once and tells everybody why. False where nobody published or subscribed.
  bool KickStream(const std::string& name, const std::string& reason, Time now);

  uint64_t term() const;
  const Options& options() const;
  const Counters& counters() const;
  Counters& counters();  // the process adds what it drops before the table sees it
  Usage usage() const;

  // A row for reports, without bitrate. False where the stream has neither publisher nor
  // subscribers.
  bool Describe(const std::string& name, v1::Stream& row) const;
  // Every stream with a publisher or subscribers.
  void ForEachStream(const std::function<void(const v1::Stream&)>& visit) const;
  // Those that moved media since the last call, with their bitrate since then.
  void TakeActive(Time now, const std::function<void(const v1::Stream&)>& visit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::router
