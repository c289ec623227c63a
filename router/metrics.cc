#include "router/metrics.h"

namespace millrace::router {
namespace {

constexpr size_t kRememberedOverflow = 10'000;

}  // namespace

Metrics::Metrics(metrics::Registry& registry)
    : registry_(registry),
      live_(registry.Gauge("millrace_streams", "Streams by state", {{"state", "live"}})),
      grace_(registry.Gauge("millrace_streams", "Streams by state", {{"state", "grace"}})),
      waiting_(registry.Gauge("millrace_streams", "Streams by state", {{"state", "waiting"}})),
      subscriptions_(
          registry.Gauge("millrace_subscriptions", "Subscriptions: one a node and stream")),
      nodes_(registry.Gauge("millrace_bus_nodes", "Nodes that hold a lease")),
      cache_(registry.Gauge("millrace_cache_bytes", "Memory pinned by GOP caches")),
      cache_limit_(registry.Gauge("millrace_cache_limit_bytes", "What GOP caches may pin")),
      owed_(registry.Gauge("millrace_queue_bytes",
                           "Bytes on their way, as far as credit tells; by queue",
                           {{"queue", "subscriptions"}})),
      owed_limit_(registry.Gauge("millrace_queue_limit_bytes", "What each queue may hold",
                                 {{"queue", "subscriptions"}})),
      messages_in_(registry.Counter("millrace_bus_messages_total", "Messages on the media bus",
                                    {{"direction", "in"}})),
      messages_out_(registry.Counter("millrace_bus_messages_total", "Messages on the media bus",
                                     {{"direction", "out"}})),
      bytes_in_(registry.Counter("millrace_bus_media_bytes_total", "Media on the media bus",
                                 {{"direction", "in"}})),
      bytes_out_(registry.Counter("millrace_bus_media_bytes_total", "Media on the media bus",
                                  {{"direction", "out"}})),
      gaps_(registry.Counter("millrace_bus_sequence_gaps_total",
                             "Gaps in what publishers sent; asked for again")),
      reconnects_(registry.Counter("millrace_bus_reconnects_total",
                                   "Nodes that came back on another connection")),
      leases_(
          registry.Counter("millrace_bus_leases_expired_total", "Nodes that stopped answering")),
      evicted_(registry.Counter("millrace_cache_gops_evicted_total",
                                "GOPs let go because a cache limit was reached")),
      refused_(registry.Counter("millrace_streams_refused_total",
                                "Publish and Subscribe turned down because the table was full")),
      garbage_(registry.Counter("millrace_protocol_errors_total", "What peers got wrong",
                                {{"protocol", "bus"}, {"error", "malformed"}})),
      hop_delay_(registry.Histogram("millrace_hop_delay_seconds",
                                    "Delay that each hop adds to a frame", metrics::DelayBounds(),
                                    {{"hop", "ingest_to_router"}})) {
  for (size_t i = 0; i < kDropCount; ++i) {
    dropped_.push_back(&registry.Counter("millrace_frames_dropped_total",
                                         "Frames that did not go on, by reason",
                                         {{"reason", DropName(static_cast<Drop>(i))}}));
  }
}

void Metrics::Raise(prometheus::Counter& counter, uint64_t now, uint64_t before) {
  if (now > before) counter.Increment(static_cast<double>(now - before));
}

void Metrics::Publish(const Table& table, uint64_t garbage) {
  const Usage usage = table.usage();
  live_.Set(static_cast<double>(usage.live));
  grace_.Set(static_cast<double>(usage.grace));
  waiting_.Set(static_cast<double>(usage.waiting));
  subscriptions_.Set(static_cast<double>(usage.subscriptions));
  nodes_.Set(static_cast<double>(usage.nodes));
  cache_.Set(static_cast<double>(usage.cache_bytes));
  cache_limit_.Set(static_cast<double>(table.options().cache_limit));
  owed_.Set(static_cast<double>(usage.owed_bytes));
  owed_limit_.Set(static_cast<double>(usage.owed_limit_bytes));

  const Counters& now = table.counters();
  Raise(messages_in_, now.media_in + now.control_in, before_.media_in + before_.control_in);
  Raise(messages_out_, now.media_out + now.control_out, before_.media_out + before_.control_out);
  Raise(bytes_in_, now.media_in_bytes, before_.media_in_bytes);
  Raise(bytes_out_, now.media_out_bytes, before_.media_out_bytes);
  Raise(gaps_, now.sequence_gaps, before_.sequence_gaps);
  Raise(reconnects_, now.reconnects, before_.reconnects);
  Raise(leases_, now.leases_expired, before_.leases_expired);
  Raise(evicted_, now.gops_evicted, before_.gops_evicted);
  Raise(refused_, now.refused_streams, before_.refused_streams);
  Raise(garbage_, now.malformed_control + garbage, before_.malformed_control + garbage_before_);
  for (size_t i = 0; i < kDropCount; ++i) {
    Raise(*dropped_[i], now.dropped_frames[i], before_.dropped_frames[i]);
  }
  std::vector<double> buckets(now.hop_delay.size());
  bool any = false;
  for (size_t i = 0; i < buckets.size(); ++i) {
    buckets[i] = static_cast<double>(now.hop_delay[i] - before_.hop_delay[i]);
    any = any || buckets[i] > 0;
  }
  if (any) {
    hop_delay_.ObserveMultiple(buckets, now.hop_delay_sum_seconds - before_.hop_delay_sum_seconds);
  }
  before_ = now;
  garbage_before_ = garbage;
}

void Metrics::Configure(const v1::MetricsSettings& settings) {
  per_stream_ = settings.per_stream();
  if (settings.has_per_stream_limit()) per_stream_limit_ = settings.per_stream_limit();
}

void Metrics::PublishStream(const v1::Stream& row) {
  if (!per_stream_) return;
  if (!reported_.contains(row.name())) {
    if (reported_.size() >= per_stream_limit_) {
      // Once a stream, as far as that can be told without remembering all of them.
      if (overflow_.size() >= kRememberedOverflow) overflow_.clear();
      if (overflow_.insert(row.name()).second) {
        registry_
            .Counter("millrace_stream_series_overflow_total",
                     "Streams without a series of their own because of metrics.per_stream_limit")
            .Increment();
      }
      return;
    }
  }
  prometheus::Counter& bytes = registry_.Counter(
      "millrace_stream_bytes_total", "Media taken in, by stream", {{"stream", row.name()}});
  // An epoch that begins counts from 0 again.
  const auto total = static_cast<double>(row.bytes_in());
  double& reported = reported_[row.name()];
  bytes.Increment(total >= reported ? total - reported : total);
  reported = total;
}

}  // namespace millrace::router
