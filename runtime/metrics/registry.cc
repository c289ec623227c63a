#include "runtime/metrics/registry.h"

#include <dirent.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace millrace::metrics {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

double ResidentBytes() {
  unsigned long size = 0;
  unsigned long resident = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "re"); file != nullptr) {
    if (std::fscanf(file, "%lu %lu", &size, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double OpenFiles() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  int count = 0;
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count - 1;  // the folder itself
}

double UnixTime() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

Registry::Registry(const std::string& kind) : registry_(std::make_shared<prometheus::Registry>()) {
  if (!kind.empty()) {
    Gauge("millrace_build_info", "Version and kind of this process; always 1.",
          {{"version", MILLRACE_VERSION}, {"kind", kind}})
        .Set(1);
  }
  cpu_ = &Counter("process_cpu_seconds_total", "User and system CPU time spent");
  resident_ = &Gauge("process_resident_memory_bytes", "Resident memory");
  files_ = &Gauge("process_open_fds", "Open file descriptors");
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  Gauge("process_max_fds", "Most file descriptors that may be open")
      .Set(static_cast<double>(limit.rlim_cur));
  Gauge("process_start_time_seconds", "Start of the process since the Unix epoch").Set(UnixTime());
}

prometheus::Counter& Registry::Counter(const std::string& name, const std::string& help,
                                       const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels);
}

prometheus::Gauge& Registry::Gauge(const std::string& name, const std::string& help,
                                   const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add(labels);
}

prometheus::Histogram& Registry::Histogram(const std::string& name, const std::string& help,
                                           const std::vector<double>& bounds,
                                           const Labels& labels) {
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Register(*registry_)
      .Add(labels, bounds);
}

std::string Registry::Expose() {
  {
    const std::lock_guard lock(expose_mutex_);
    cpu_->Increment(std::max(0.0, CpuSeconds() - cpu_->Value()));
    resident_->Set(ResidentBytes());
    files_->Set(OpenFiles());
  }
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

const std::vector<double>& DelayBounds() {
  static const std::vector<double> bounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                             0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                             1,      2.5,     5,      10};
  return bounds;
}

}  // namespace millrace::metrics
