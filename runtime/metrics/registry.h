#pragma once
// The process's metrics: one prometheus-cpp registry, handed to whoever counts. No globals. Names
// follow Prometheus (`millrace_…_total`, `_seconds`, `_bytes`); labels come from bounded sets only.

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

// Repeated calls for a metric cost a map look-up behind a lock: keep the reference on hot paths.
namespace millrace::metrics {

using Labels = prometheus::Labels;

class Registry {
 public:
  // Adds millrace_build_info{version,kind} where a kind is given, and process metrics (CPU,
  // resident memory, open files, start time).
  explicit Registry(const std::string& kind = "");

  // Repeated calls with the same name and labels return the same metric; references live as long as
  // this.
  prometheus::Counter& Counter(const std::string& name, const std::string& help,
                               const Labels& labels = {});
  prometheus::Gauge& Gauge(const std::string& name, const std::string& help,
                           const Labels& labels = {});
  // Upper bounds in the metric's unit, ascending.
  prometheus::Histogram& Histogram(const std::string& name, const std::string& help,
                                   const std::vector<double>& bounds, const Labels& labels = {});

  // Text exposition format 0.0.4.
  std::string Expose();

 private:
  std::shared_ptr<prometheus::Registry> registry_;
  std::mutex expose_mutex_;
  prometheus::Counter* cpu_ = nullptr;
  prometheus::Gauge* resident_ = nullptr;
  prometheus::Gauge* files_ = nullptr;
};

// Bounds for delays in seconds: 0.1 ms to 10 s.
const std::vector<double>& DelayBounds();

}  // namespace millrace::metrics
