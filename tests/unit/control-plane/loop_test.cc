#include "control-plane/loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "tests/unit/control-plane/test_cluster.h"

namespace millrace::control {
namespace {

using std::chrono::milliseconds;

TEST(LoopTest, RunsInOrderAndTicks) {
  Loop loop;
  std::atomic<int> ticks{0};
  loop.Start(milliseconds(5), [&] { ++ticks; });
  std::string order;
  loop.Post([&] { order += 'a'; });
  loop.Post([&] {
    order += 'b';
    loop.Post([&] { order += 'd'; });
    order += 'c';
  });
  EXPECT_TRUE(Eventually([&] { return ticks >= 3; }));
  loop.Stop();
  EXPECT_EQ(order, "abcd");
}

TEST(LoopTest, CallWaits) {
  Loop loop;
  loop.Start(milliseconds(1'000), [] {});
  int value = 0;
  EXPECT_TRUE(loop.Call(milliseconds(5'000), [&] { value = 7; }));
  EXPECT_EQ(value, 7);
}

TEST(LoopTest, CallGivesUp) {
  Loop loop;
  // Not started: nothing runs.
  auto touched = std::make_shared<bool>(false);
  EXPECT_FALSE(loop.Call(milliseconds(10), [touched] { *touched = true; }));
  loop.Start(milliseconds(1'000), [] {});
  loop.Stop();
  EXPECT_FALSE(loop.Call(milliseconds(5'000), [] {}));
}

TEST(LoopTest, StopRunsWhatWasPosted) {
  Loop loop;
  int ran = 0;
  for (int i = 0; i < 10; ++i) loop.Post([&] { ++ran; });
  loop.Start(milliseconds(1'000), [] {});
  loop.Stop();
  EXPECT_EQ(ran, 10);
}

}  // namespace
}  // namespace millrace::control
