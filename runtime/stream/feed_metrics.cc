#include "runtime/stream/feed_metrics.h"

namespace millrace::stream {
namespace {
constexpr char kDropped[] = "millrace_frames_dropped_total";
constexpr char kDroppedHelp[] = "Frames that were not delivered, by reason.";
constexpr char kQueue[] = "millrace_queue_bytes";
constexpr char kQueueHelp[] = "Bytes waiting in a queue.";
}  // namespace

FeedMetrics::FeedMetrics(metrics::Registry& registry)
    : gateway_to_socket(registry.Histogram("millrace_hop_delay_seconds",
                                           "Delay that one hop added, sampled once a batch.",
                                           metrics::DelayBounds(), {{"hop", "gateway_to_socket"}})),
      dropped_slow_viewer(registry.Counter(kDropped, kDroppedHelp, {{"reason", "slow_viewer"}})),
      dropped_bus(registry.Counter(kDropped, kDroppedHelp, {{"reason", "bus_skipped"}})),
      dropped_jump(registry.Counter(kDropped, kDroppedHelp, {{"reason", "catch_up_jump"}})),
      viewer_backlog(registry.Gauge(kQueue, kQueueHelp, {{"queue", "viewer_backlog"}})),
      window(registry.Gauge("millrace_cache_bytes", "Media bytes held for viewers to start from.")),
      subscriptions(registry.Gauge("millrace_subscriptions", "Streams this node subscribes.")),
      registry_(registry) {}

ProtocolMetrics& FeedMetrics::ForProtocol(const std::string& protocol) {
  std::lock_guard lock(mutex_);
  if (auto found = protocols_.find(protocol); found != protocols_.end()) return found->second;
  const auto bytes = [&](const char* kind) -> prometheus::Counter& {
    return registry_.Counter("millrace_egress_bytes_total", "Media bytes written to viewers.",
                             {{"protocol", protocol}, {"kind", kind}});
  };
  const auto frames = [&](const char* kind) -> prometheus::Counter& {
    return registry_.Counter("millrace_egress_frames_total", "Frames written to viewers.",
                             {{"protocol", protocol}, {"kind", kind}});
  };
  ProtocolMetrics made{bytes("video"), bytes("audio"), frames("video"), frames("audio"),
                       registry_.Histogram("millrace_first_frame_seconds",
                                           "From a viewer's request of a live stream to its first "
                                           "frame written.",
                                           metrics::DelayBounds(), {{"protocol", protocol}})};
  return protocols_.emplace(protocol, made).first->second;
}

}  // namespace millrace::stream
