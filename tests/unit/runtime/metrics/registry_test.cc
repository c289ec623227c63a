#include "runtime/metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace millrace::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Registry, TheSameNameAndLabelsAreTheSameMetric) {
  Registry registry("test");
  registry.Counter("millrace_things_total", "Things", {{"kind", "a"}}).Increment(2);
  registry.Counter("millrace_things_total", "Things", {{"kind", "a"}}).Increment();
  registry.Counter("millrace_things_total", "Things", {{"kind", "b"}}).Increment();
  const std::string text = registry.Expose();
  EXPECT_THAT(text, HasSubstr("# TYPE millrace_things_total counter"));
  EXPECT_THAT(text, HasSubstr("millrace_things_total{kind=\"a\"} 3"));
  EXPECT_THAT(text, HasSubstr("millrace_things_total{kind=\"b\"} 1"));
}

TEST(Registry, HistogramsCumulate) {
  Registry registry;
  auto& delay = registry.Histogram("millrace_delay_seconds", "Delay", {0.1, 1});
  delay.Observe(0.05);
  delay.Observe(0.5);
  const std::string text = registry.Expose();
  EXPECT_THAT(text, HasSubstr("millrace_delay_seconds_bucket{le=\"0.1\"} 1"));
  EXPECT_THAT(text, HasSubstr("millrace_delay_seconds_bucket{le=\"1\"} 2"));
  EXPECT_THAT(text, HasSubstr("millrace_delay_seconds_count 2"));
}

TEST(Registry, TellsAboutTheProcess) {
  Registry registry("router");
  const std::string text = registry.Expose();
  EXPECT_THAT(text, HasSubstr("millrace_build_info{kind=\"router\",version=\""));
  for (const char* name :
       {"process_resident_memory_bytes ", "process_open_fds ", "process_max_fds ",
        "process_start_time_seconds ", "process_cpu_seconds_total "}) {
    EXPECT_THAT(text, HasSubstr(name));
  }
  EXPECT_THAT(text, Not(HasSubstr("process_resident_memory_bytes 0\n")));
}

TEST(Registry, DelayBoundsAscend) {
  const auto& bounds = DelayBounds();
  EXPECT_TRUE(std::is_sorted(bounds.begin(), bounds.end()));
  EXPECT_DOUBLE_EQ(bounds.front(), 0.0001);
  EXPECT_DOUBLE_EQ(bounds.back(), 10);
}

}  // namespace
}  // namespace millrace::metrics
