#pragma once
// What the router shows to Prometheus. The table counts in plain integers; once a second they are
// published.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "millrace/v1/config.pb.h"
#include "router/table.h"
#include "runtime/metrics/registry.h"

namespace millrace::router {

class Metrics {
 public:
  explicit Metrics(metrics::Registry& registry);

  void Publish(const Table& table, uint64_t garbage);
  // One stream's bytes, where the configuration asks for series of each stream.
  void PublishStream(const v1::Stream& row);
  void Configure(const v1::MetricsSettings& settings);

 private:
  void Raise(prometheus::Counter& counter, uint64_t now, uint64_t before);

  metrics::Registry& registry_;
  Counters before_;
  uint64_t garbage_before_ = 0;
  bool per_stream_ = false;
  uint32_t per_stream_limit_ = 100;
  std::map<std::string, double> reported_;  // bytes of the streams that have a series
  std::set<std::string> overflow_;

  prometheus::Gauge& live_;
  prometheus::Gauge& grace_;
  prometheus::Gauge& waiting_;
  prometheus::Gauge& subscriptions_;
  prometheus::Gauge& nodes_;
  prometheus::Gauge& cache_;
  prometheus::Gauge& cache_limit_;
  prometheus::Gauge& owed_;
  prometheus::Gauge& owed_limit_;
  prometheus::Counter& messages_in_;
  prometheus::Counter& messages_out_;
  prometheus::Counter& bytes_in_;
  prometheus::Counter& bytes_out_;
  prometheus::Counter& gaps_;
  prometheus::Counter& reconnects_;
  prometheus::Counter& leases_;
  prometheus::Counter& evicted_;
  prometheus::Counter& refused_;
  prometheus::Counter& garbage_;
  std::vector<prometheus::Counter*> dropped_;
  prometheus::Histogram& hop_delay_;
};

}  // namespace millrace::router
