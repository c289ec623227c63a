#include "runtime/bus/replay_window.h"

#include <gtest/gtest.h>

#include <thread>

#include "runtime/bus/port.h"

namespace millrace::bus {
namespace {

class ReplayWindowTest : public testing::Test {
 protected:
  // One batch of `count` frames and `size` bytes.
  std::optional<ReplayWindow::Range> Push(ReplayWindow& window, bool random_access,
                                          size_t size = 100, uint64_t count = 1) {
    ReplayWindow::Item item;
    item.batch = BatchRef::Allocate(size);
    item.first_sequence = window.next_sequence();
    item.last_sequence = item.first_sequence + count - 1;
    item.pushed_ns = now_ns;
    item.random_access = random_access;
    return window.Push(std::move(item));
  }
  void PushGops(ReplayWindow& window, int gops, int batches, int64_t batch_ns) {
    for (int i = 0; i < gops * batches; ++i) {
      now_ns += batch_ns;
      Push(window, i % batches == 0);
    }
  }
  int64_t now_ns = 0;
};

TEST_F(ReplayWindowTest, KeepsTheCurrentAndThePreviousGop) {
  ReplayWindow window(1 << 20, 0);
  PushGops(window, 10, 5, kSecond);
  EXPECT_EQ(window.size(), 10u);
  EXPECT_EQ(window.front()->first_sequence, 41u);
  EXPECT_EQ(window.next_sequence(), 51u);
  EXPECT_EQ(window.bytes(), 1'000u);
}

TEST_F(ReplayWindowTest, KeepsFiveSecondsOfShortGops) {
  ReplayWindow window(1 << 20, 5 * kSecond);
  PushGops(window, 100, 2, kSecond / 2);  // a GOP a second
  // What stays covers five seconds without the oldest GOP.
  EXPECT_GE(now_ns - window.front()->pushed_ns, 5 * kSecond);
  EXPECT_LE(now_ns - window.front()->pushed_ns, 7 * kSecond);
  EXPECT_TRUE(window.front()->random_access);
}

TEST_F(ReplayWindowTest, KeepsFiveSecondsOfAudioWhereEachBatchIsRandomAccess) {
  ReplayWindow window(1 << 20, 5 * kSecond);
  PushGops(window, 1'000, 1, 20 * kMillisecond);
  EXPECT_GE(now_ns - window.front()->pushed_ns, 5 * kSecond);
  EXPECT_LE(window.size(), 252u);
}

TEST_F(ReplayWindowTest, LimitTakesOldGopsFirstAndThenOldBatches) {
  ReplayWindow window(1'000, 5 * kSecond);
  for (int i = 0; i < 4; ++i) Push(window, i == 0);
  for (int i = 0; i < 8; ++i) Push(window, i == 0);
  EXPECT_EQ(window.front()->first_sequence, 5u);
  for (int i = 0; i < 12; ++i) Push(window, false);
  EXPECT_EQ(window.bytes(), 1'000u);
  EXPECT_EQ(window.size(), 10u);
  EXPECT_FALSE(window.front()->random_access);
}

TEST_F(ReplayWindowTest, OneBatchAlwaysStays) {
  ReplayWindow window(10, 0);
  Push(window, true, 5'000);
  EXPECT_EQ(window.size(), 1u);
  Push(window, false, 6'000);
  EXPECT_EQ(window.size(), 1u);
  EXPECT_EQ(window.bytes(), 6'000u);
}

TEST_F(ReplayWindowTest, TellsWhatNobodyWasSent) {
  ReplayWindow window(300, 0);
  EXPECT_FALSE(Push(window, true, 100, 2).has_value());
  window.Advance();  // sent: 1 and 2
  EXPECT_FALSE(Push(window, false, 100, 2).has_value());
  EXPECT_FALSE(Push(window, false, 100, 2).has_value());
  EXPECT_FALSE(Push(window, false, 100, 1).has_value());  // lets 1 and 2 go
  const auto lost = Push(window, false, 200, 1);
  ASSERT_TRUE(lost.has_value());
  EXPECT_EQ(lost->from, 3u);
  EXPECT_EQ(lost->to, 6u);
  ASSERT_NE(window.Next(), nullptr);
  EXPECT_EQ(window.Next()->first_sequence, 7u);
}

TEST_F(ReplayWindowTest, SeeksBehindASequence) {
  ReplayWindow window(1 << 20, 0);
  for (int i = 0; i < 5; ++i) Push(window, i == 0, 100, 3);
  const auto next_behind = [&](uint64_t sequence) {
    window.SeekBehind(sequence);
    return window.Next() == nullptr ? 0 : window.Next()->first_sequence;
  };
  EXPECT_EQ(next_behind(0), 1u);
  EXPECT_EQ(next_behind(3), 4u);
  EXPECT_EQ(next_behind(4), 4u);  // in the middle of a batch: the whole of it again
  EXPECT_EQ(next_behind(15), 0u);
  EXPECT_EQ(next_behind(99), 0u);
  Push(window, false);
  EXPECT_EQ(window.Next()->first_sequence, 16u);
}

TEST_F(ReplayWindowTest, ClearForgetsAllButTheCount) {
  ReplayWindow window(1 << 20, 0);
  PushGops(window, 2, 3, 0);
  window.Clear();
  EXPECT_EQ(window.bytes(), 0u);
  EXPECT_EQ(window.Next(), nullptr);
  EXPECT_EQ(window.next_sequence(), 7u);
  Push(window, true);
  EXPECT_EQ(window.Next()->first_sequence, 7u);
}

TEST(BatchRefTest, SharesAndDropsOnAnotherThread) {
  BatchRef batch = BatchRef::Allocate(1'000);
  EXPECT_TRUE(batch.unique());
  batch.writable()[999] = 1;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    void* share = batch.NewShare();
    threads.emplace_back([share] { BatchRef::DropShare(share); });
  }
  while (!batch.unique()) std::this_thread::yield();
  // Ordered behind the drops: nobody reads any more.
  batch.writable()[999] = 2;
  for (std::thread& thread : threads) thread.join();
  BatchRef copy = batch;
  EXPECT_FALSE(batch.unique());
  EXPECT_EQ(copy.data(), batch.data());
  copy = BatchRef();
  EXPECT_TRUE(batch.unique());
  EXPECT_FALSE(copy);
  EXPECT_EQ(copy.size(), 0u);
}

}  // namespace
}  // namespace millrace::bus
