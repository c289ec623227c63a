#include "control-plane/watch_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::control {
namespace {

using Result = WatchQueue::Result;

v1::StreamEvent Event(v1::StreamEvent::Type type, const std::string& name, uint32_t viewers = 0) {
  v1::StreamEvent event;
  event.set_type(type);
  event.mutable_stream()->set_name(name);
  event.mutable_stream()->set_viewers(viewers);
  return event;
}

TEST(WatchQueueTest, KeepsTheOrder) {
  WatchQueue queue;
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::CURRENT, "a")), Result::kFirst);
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::SYNCED, "")), Result::kQueued);
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::UP, "b")), Result::kQueued);
  EXPECT_EQ(queue.front().stream().name(), "a");
  EXPECT_TRUE(queue.Pop());
  EXPECT_EQ(queue.front().type(), v1::StreamEvent::SYNCED);
  EXPECT_TRUE(queue.Pop());
  EXPECT_EQ(queue.front().type(), v1::StreamEvent::UP);
  EXPECT_FALSE(queue.Pop());
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::DOWN, "b")), Result::kFirst);
}

TEST(WatchQueueTest, AChangeReplacesTheLastOfTheSameStream) {
  WatchQueue queue;
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::CHANGED, "a", 1)), Result::kFirst);
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::CHANGED, "a", 2)),
            Result::kQueued);  // 1 is under way
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::CHANGED, "a", 3)), Result::kReplaced);
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::CHANGED, "b", 4)), Result::kQueued);
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::CHANGED, "a", 5)), Result::kQueued);
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::DOWN, "a", 0)), Result::kQueued);
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::DOWN, "a", 0)), Result::kQueued);
  std::vector<uint32_t> viewers;
  do {
    viewers.push_back(queue.front().stream().viewers());
  } while (queue.Pop());
  EXPECT_EQ(viewers, (std::vector<uint32_t>{1, 3, 4, 5, 0, 0}));
}

TEST(WatchQueueTest, OneThatDoesNotReadIsToldSo) {
  WatchQueue queue;
  const size_t there = 10'000;  // what there was at the start is not held against it
  for (size_t i = 0; i < there; ++i) {
    ASSERT_NE(queue.Push(Event(v1::StreamEvent::CURRENT, std::to_string(i))), Result::kOverflow);
  }
  for (size_t i = 0; i < WatchQueue::kMaxBacklog; ++i) {
    ASSERT_EQ(queue.Push(Event(v1::StreamEvent::UP, std::to_string(i))), Result::kQueued) << i;
  }
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::UP, "one more")), Result::kOverflow);
  queue.Pop();
  EXPECT_EQ(queue.Push(Event(v1::StreamEvent::UP, "one more")), Result::kQueued);
}

}  // namespace
}  // namespace millrace::control
