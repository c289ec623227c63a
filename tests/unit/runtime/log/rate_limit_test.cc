#include "runtime/log/rate_limit.h"

#include <gtest/gtest.h>

namespace millrace::log {
namespace {

using std::chrono::seconds;

TEST(RateLimit, LetsABurstThroughAndThenCountsWhatItHeldBack) {
  RateLimit limit(2, seconds(10));
  const RateLimit::TimePoint start{};
  EXPECT_EQ(limit.Allow(start), 0u);
  EXPECT_EQ(limit.Allow(start + seconds(1)), 0u);
  EXPECT_EQ(limit.Allow(start + seconds(2)), std::nullopt);
  EXPECT_EQ(limit.Allow(start + seconds(9)), std::nullopt);
  EXPECT_EQ(limit.Allow(start + seconds(10)), 2u);
  EXPECT_EQ(limit.Allow(start + seconds(10)), 0u);
  EXPECT_EQ(limit.Allow(start + seconds(10)), std::nullopt);
}

}  // namespace
}  // namespace millrace::log
