#include "runtime/stream/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::stream {
namespace {

using testing::ElementsAre;

constexpr int64_t kMs = 1'000'000;

media::Frame WithSequence(uint64_t sequence, size_t bytes = 10) {
  media::Frame frame;
  frame.sequence = sequence;
  frame.payload = media::Payload::FromVector(std::vector<uint8_t>(bytes));
  return frame;
}

class BatcherTest : public testing::Test {
 protected:
  void Make(Batcher::Options options) {
    batcher_ = std::make_unique<Batcher>(options, [this](std::vector<media::Frame> frames) {
      std::vector<uint64_t> sequences;
      for (const media::Frame& frame : frames) sequences.push_back(frame.sequence);
      sent_.push_back(sequences);
    });
  }
  void Video(uint64_t sequence, int64_t now) {
    batcher_->Add(WithSequence(sequence), true, false, now);
  }
  void Key(uint64_t sequence, int64_t now) {
    batcher_->Add(WithSequence(sequence), true, true, now);
  }
  void Audio(uint64_t sequence, int64_t now) {
    batcher_->Add(WithSequence(sequence), false, false, now);
  }

  std::unique_ptr<Batcher> batcher_;
  std::vector<std::vector<uint64_t>> sent_;
};

TEST_F(BatcherTest, PromptVideoLeavesAtOnceAndTakesTheAudioThatWaits) {
  Make({});
  Audio(1, 0);
  Audio(2, 20 * kMs);
  EXPECT_THAT(sent_, ElementsAre());
  Video(3, 30 * kMs);
  EXPECT_THAT(sent_, ElementsAre(ElementsAre(1, 2, 3)));
}

TEST_F(BatcherTest, PromptAudioWaitsForItsVideoNoLongerThanAudioHold) {
  Make({});
  Audio(1, 5 * kMs);
  ASSERT_EQ(batcher_->NextDeadline(), 45 * kMs);
  batcher_->OnTimer(44 * kMs);
  EXPECT_THAT(sent_, ElementsAre());
  batcher_->OnTimer(45 * kMs);
  EXPECT_THAT(sent_, ElementsAre(ElementsAre(1)));
  EXPECT_FALSE(batcher_->NextDeadline().has_value());
}

TEST_F(BatcherTest, AReaderStartIsTheFirstOfItsBatch) {
  Make({});
  Audio(1, 0);
  Key(2, 1 * kMs);
  EXPECT_THAT(sent_, ElementsAre(ElementsAre(1), ElementsAre(2)));
}

TEST_F(BatcherTest, ThriftyCollectsForTheFlushTimeButStartsABatchAtAKeyFrame) {
  Make({.flush_ns = 350 * kMs});
  Video(1, 0);
  Audio(2, 100 * kMs);
  Key(3, 200 * kMs);
  EXPECT_THAT(sent_, ElementsAre(ElementsAre(1, 2)));
  Video(4, 549 * kMs);
  EXPECT_EQ(sent_.size(), 1u);
  Video(5, 550 * kMs);
  EXPECT_THAT(sent_, ElementsAre(ElementsAre(1, 2), ElementsAre(3, 4, 5)));
}

TEST_F(BatcherTest, ThriftyIsBoundedInFramesAndBytes) {
  Make({.flush_ns = 350 * kMs, .max_frames = 3, .max_bytes = 1000});
  for (uint64_t i = 1; i <= 3; ++i) Video(i, 0);
  EXPECT_THAT(sent_, ElementsAre(ElementsAre(1, 2, 3)));
  batcher_->Add(WithSequence(4, 1000), true, false, 0);
  EXPECT_THAT(sent_.back(), ElementsAre(4));
}

TEST_F(BatcherTest, AnotherPolicyHoldsForWhatIsPendingToo) {
  Make({});
  Audio(1, 0);
  batcher_->SetPolicy(350 * kMs, 40 * kMs);
  EXPECT_EQ(batcher_->NextDeadline(), 350 * kMs);
  Video(2, 10 * kMs);
  EXPECT_TRUE(sent_.empty());
  batcher_->SetPolicy(0, 20 * kMs);
  EXPECT_EQ(batcher_->NextDeadline(), 20 * kMs);
  Video(3, 15 * kMs);
  EXPECT_THAT(sent_, ElementsAre(ElementsAre(1, 2, 3)));
}

}  // namespace
}  // namespace millrace::stream
