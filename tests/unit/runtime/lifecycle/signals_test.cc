#include "runtime/lifecycle/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <future>

namespace millrace::lifecycle {
namespace {

TEST(Signals, TheFirstDrainsAndTheSecondEnds) {
  std::promise<int> drained;
  std::promise<int> ended;
  {
    const Signals signals([&](int signal) { drained.set_value(signal); },
                          [&](int signal) { ended.set_value(signal); });
    kill(getpid(), SIGTERM);
    auto drain = drained.get_future();
    ASSERT_EQ(drain.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(drain.get(), SIGTERM);
    kill(getpid(), SIGINT);
    auto end = ended.get_future();
    ASSERT_EQ(end.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(end.get(), SIGINT);
  }
}

}  // namespace
}  // namespace millrace::lifecycle
