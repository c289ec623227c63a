#include "runtime/loop/shards.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <set>
#include <thread>
#include <vector>

namespace millrace::loop {
namespace {

TEST(Shards, EachRunsOnItsOwnThreadAndTheFirstOnTheCallers) {
  Shards shards(3);
  ASSERT_EQ(shards.size(), 3u);
  std::vector<std::thread::id> ids(3);
  std::atomic<int> ran = 0;
  for (size_t i = 0; i < 3; ++i) {
    boost::asio::post(shards.at(i), [&, i] {
      ids[i] = std::this_thread::get_id();
      if (++ran == 3) shards.Stop();
    });
  }
  shards.Run();
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), 3u);
  EXPECT_EQ(&shards.home(), &shards.at(0));
}

TEST(Shards, RoundRobin) {
  Shards shards(2);
  EXPECT_EQ(shards.NextIndex(), 0u);
  EXPECT_EQ(shards.NextIndex(), 1u);
  EXPECT_EQ(shards.NextIndex(), 0u);
}

TEST(Shards, ADefaultNumberAndDestructionWithoutRunning) {
  const Shards shards(0);
  EXPECT_GE(shards.size(), 1u);
  EXPECT_LE(shards.size(), 8u);
}

}  // namespace
}  // namespace millrace::loop
