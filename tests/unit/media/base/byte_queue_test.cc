#include "media/base/byte_queue.h"

#include <gtest/gtest.h>

namespace millrace::media {
namespace {

TEST(ByteQueue, KeepsOrderWhileBytesComeAndGo) {
  ByteQueue queue;
  uint8_t next_in = 0;
  uint8_t next_out = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<uint8_t> piece;
    for (int i = 0; i < round % 13; ++i) piece.push_back(next_in++);
    queue.Append(piece);
    const size_t take = queue.size() * (round % 4) / 3;
    for (size_t i = 0; i < take; ++i) ASSERT_EQ(queue.view()[i], next_out++);
    queue.Consume(take);
  }
}

TEST(ByteQueue, ConsumesAtMostWhatIsThere) {
  ByteQueue queue;
  queue.Append(AsBytes("abc"));
  queue.Consume(2);
  EXPECT_EQ(AsText(queue.view()), "c");
  queue.Consume(5);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace millrace::media
