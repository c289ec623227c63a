#pragma once
// The playing side's metrics. Counters are raised once a flush or tick, never per viewer and frame.

#include <map>
#include <mutex>
#include <string>

#include "runtime/metrics/registry.h"

namespace millrace::stream {

struct ProtocolMetrics {
  prometheus::Counter& video_bytes;
  prometheus::Counter& audio_bytes;
  prometheus::Counter& video_frames;
  prometheus::Counter& audio_frames;
  prometheus::Histogram& first_frame;
};

class FeedMetrics {
 public:
  explicit FeedMetrics(metrics::Registry& registry);
  // Thread-safe; the result lives as long as this.
  ProtocolMetrics& ForProtocol(const std::string& protocol);

  prometheus::Histogram& gateway_to_socket;
  prometheus::Counter& dropped_slow_viewer;
  prometheus::Counter& dropped_bus;
  prometheus::Counter& dropped_jump;
  prometheus::Gauge& viewer_backlog;
  prometheus::Gauge& window;
  prometheus::Gauge& subscriptions;

 private:
  metrics::Registry& registry_;
  std::mutex mutex_;
  std::map<std::string, ProtocolMetrics> protocols_;
};

}  // namespace millrace::stream
