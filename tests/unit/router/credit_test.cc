// Credit both ways, continuity of what a publisher sends, and what a slow subscriber misses.

#include <gtest/gtest.h>

#include "tests/unit/router/table_world.h"

namespace millrace::router {
namespace {

constexpr ConnectionId kPub = 1, kSub = 2, kFast = 3;
constexpr uint64_t kBatch = 64 + 64 + 1'000;  // bytes of each batch below

struct CreditTest : testing::Test {
  TableWorld world;
  v1::PublishGrant grant;
  void SetUp() override {
    world.Advance(2'000);
    world.Attach(kPub, "pub");
    world.Attach(kSub, "sub");
    world.Attach(kFast, "fast");
    grant = world.Granted(kPub, 1);
    world.Subscribe(kFast, TableWorld::SubscribeOf(1));
    world.ClearInboxes();
  }
  void SubscribeWith(uint64_t batches, uint64_t request = 1) {
    v1::Subscribe subscribe = TableWorld::SubscribeOf(request);
    subscribe.set_credit_limit(batches * kBatch);
    world.Subscribe(kSub, subscribe);
  }
  void Raise(uint64_t batches) { world.Credit(kSub, grant.stream_id(), 1, batches * kBatch); }
  void SendFrames(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i <= to; ++i) world.Send(kPub, grant, i, 1, i % 5 == 1, 1'000);
  }
  uint64_t dropped(Drop reason) {
    return world.table().counters().dropped_frames[static_cast<size_t>(reason)];
  }
};

TEST_F(CreditTest, WithoutCreditFramesAreDroppedThroughToARandomAccessPoint) {
  SubscribeWith(3);
  SendFrames(1, 9);
  EXPECT_EQ(world.Story(kSub), "online tracks1 1 2 3");
  SendFrames(10, 10);
  // Credit comes when the next GOP begins.
  v1::Envelope none;
  SendFrames(11, 11);
  EXPECT_EQ(world.Story(kSub), "");
  Raise(6);
  EXPECT_EQ(world.Last(kSub).has_skipped(), true);
  EXPECT_EQ(world.Story(kSub), "skip(4-10 credit) 11")
      << "the current GOP began behind what was sent";
  SendFrames(12, 12);
  EXPECT_EQ(world.Story(kSub), "12");
  EXPECT_EQ(dropped(Drop::kCredit), 7u);
  EXPECT_EQ(world.Story(kFast), "1 2 3 4 5 6 7 8 9 10 11 12") << "another node is not delayed";
}

TEST_F(CreditTest, SkippedTellsBytes) {
  SubscribeWith(2);
  SendFrames(1, 5);
  world.Take(kSub);
  Raise(10);
  EXPECT_EQ(world.Story(kSub), "") << "the current GOP began before what was sent";
  SendFrames(6, 6);
  for (const Received& message : world.Take(kSub)) {
    if (message.is_media() || !message.control->has_skipped()) continue;
    EXPECT_EQ(message.control->skipped().from_sequence(), 3u);
    EXPECT_EQ(message.control->skipped().to_sequence(), 5u);
    EXPECT_EQ(message.control->skipped().bytes(), 3 * kBatch);
    EXPECT_EQ(message.control->skipped().epoch(), grant.epoch());
    return;
  }
  FAIL() << "no Skipped";
}

TEST_F(CreditTest, BytesOfTheGopThatIsSentAfterAllAreNotCounted) {
  SubscribeWith(2);
  SendFrames(1, 8);
  world.Take(kSub);
  Raise(20);
  bool seen = false;
  for (const Received& message : world.Take(kSub)) {
    if (message.is_media() || !message.control->has_skipped()) continue;
    seen = true;
    EXPECT_EQ(message.control->skipped().to_sequence(), 5u);
    EXPECT_EQ(message.control->skipped().bytes(), 3 * kBatch);
  }
  EXPECT_TRUE(seen);
}

TEST_F(CreditTest, ARandomAccessPointWithoutCreditIsSkippedToo) {
  SubscribeWith(2);
  SendFrames(1, 13);
  world.Take(kSub);
  SendFrames(14, 15);
  Raise(4);
  EXPECT_EQ(world.Story(kSub), "skip(3-10 credit) 11 12");
  SendFrames(16, 16);
  EXPECT_EQ(world.Story(kSub), "") << "what follows the credit waits for more";
}

TEST_F(CreditTest, TracksThatChangedWhileSkippingComeBeforeTheNextBatch) {
  SubscribeWith(2);
  SendFrames(1, 4);
  world.Tracks(kPub, grant, 2, 5);
  world.Send(kPub, grant, 5, 1, false, 1'000, 2);
  world.Take(kSub);
  Raise(10);
  world.Send(kPub, grant, 6, 1, true, 1'000, 2);
  EXPECT_EQ(world.Story(kSub), "skip(3-5 credit) tracks2 6");
}

TEST_F(CreditTest, AReplayWaitsForCreditInsteadOfSkipping) {
  SendFrames(1, 4);
  SubscribeWith(2);
  EXPECT_EQ(world.Story(kSub), "online tracks1 1 2");
  SendFrames(5, 5);
  EXPECT_EQ(world.Story(kSub), "");
  Raise(3);
  EXPECT_EQ(world.Story(kSub), "3");
  Raise(100);
  EXPECT_EQ(world.Story(kSub), "4 5");
  SendFrames(6, 6);
  EXPECT_EQ(world.Story(kSub), "6");
}

TEST_F(CreditTest, AReplayThatTheCacheOutranSkips) {
  SendFrames(1, 4);
  SubscribeWith(2);
  world.Take(kSub);
  SendFrames(5, 12);  // held: 11 12
  Raise(100);
  EXPECT_EQ(world.Story(kSub), "skip(3-10 late) 11 12");
}

TEST_F(CreditTest, NoCreditAtAllAtFirst) {
  SendFrames(1, 2);
  SubscribeWith(0);
  EXPECT_EQ(world.Story(kSub), "online");
  SendFrames(3, 6);
  Raise(10);
  EXPECT_EQ(world.Story(kSub), "tracks1 6") << "it had not begun: nothing is skipped";
}

TEST_F(CreditTest, NoCreditBeforeTheFirstFrame) {
  SubscribeWith(0);
  SendFrames(1, 3);
  EXPECT_EQ(world.Story(kSub), "online tracks1");
  Raise(10);
  EXPECT_EQ(world.Story(kSub), "1 2 3");
}

TEST_F(CreditTest, CreditDoesNotShrink) {
  SubscribeWith(10);
  Raise(1);
  SendFrames(1, 5);
  EXPECT_EQ(world.Story(kSub), "online tracks1 1 2 3 4 5");
}

TEST_F(CreditTest, ABatchLargerThanTheWindowStillPasses) {
  SubscribeWith(3);
  world.Send(kPub, grant, 1, 1, true, 10 * kBatch);
  EXPECT_EQ(world.Story(kSub), "online tracks1 1");
  SendFrames(2, 2);
  EXPECT_EQ(world.Story(kSub), "") << "and is paid for afterwards";
}

TEST_F(CreditTest, CreditForAnUnknownSubscriptionIsAnswered) {
  world.Credit(kSub, grant.stream_id(), 1, 100);
  EXPECT_EQ(world.Last(kSub).stream_ended().request_id(), 1u);
  EXPECT_EQ(world.Story(kSub), "ended(UNKNOWN_SUBSCRIPTION)");
  world.Credit(kSub, 4711, 1, 100);
  EXPECT_EQ(world.Story(kSub), "ended(UNKNOWN_SUBSCRIPTION)");
  SubscribeWith(3, 2);
  world.Take(kSub);
  world.Credit(kSub, grant.stream_id(), 1, 100);
  EXPECT_EQ(world.Last(kSub).stream_ended().request_id(), 1u) << "not the one that is there";
  EXPECT_EQ(world.table().usage().subscriptions, 2u);
}

TEST_F(CreditTest, AnEndWhileSkippingTellsWhatWasSkipped) {
  SubscribeWith(2);
  SendFrames(1, 7);
  world.Take(kSub);
  world.Unpublish(kPub, grant, false);
  EXPECT_EQ(world.Story(kSub), "skip(3-7 credit) ended(UNPUBLISHED)");
}

TEST_F(CreditTest, ANewEpochWhileSkippingTellsWhatWasSkipped) {
  SubscribeWith(2);
  SendFrames(1, 7);
  world.Take(kSub);
  grant = world.Granted(kPub, 2);
  EXPECT_EQ(world.Story(kSub), "skip(3-7 credit) tracks1");
  SendFrames(1, 1);
  EXPECT_EQ(world.Story(kSub), "");
  Raise(5);
  EXPECT_EQ(world.Story(kSub), "1") << "the new epoch from its beginning";
}

TEST_F(CreditTest, ANewEpochInAReplayTellsWhatWasMissed) {
  SendFrames(1, 4);
  SubscribeWith(2);
  world.Take(kSub);
  grant = world.Granted(kPub, 2);
  SendFrames(1, 2);
  Raise(100);
  EXPECT_EQ(world.Story(kSub), "skip(3-4 late) tracks1 1 2");
}

TEST_F(CreditTest, PublishersCreditRisesWithWhatIsTaken) {
  TableWorld small({.publish_credit = 4 * kBatch});
  small.Advance(2'000);
  small.Attach(kPub, "pub");
  const v1::PublishGrant granted = small.Granted(kPub, 1);
  EXPECT_EQ(granted.credit_limit(), 4 * kBatch);
  uint64_t limit = granted.credit_limit();
  uint64_t sent = 0;
  for (uint64_t i = 1; i <= 100; ++i) {
    ASSERT_GE(limit, sent + kBatch) << "a publisher never has to stop where the router keeps up";
    small.Send(kPub, granted, i, 1, i == 1, 1'000);
    sent += kBatch;
    for (const Received& message : small.Take(kPub)) {
      if (!message.is_media() && message.control->has_credit()) {
        EXPECT_EQ(message.control->credit().request_id(), 1u);
        EXPECT_EQ(message.control->credit().stream_id(), granted.stream_id());
        limit = message.control->credit().limit();
      }
    }
  }
}

TEST_F(CreditTest, DuplicatesCountForCreditAndAreDropped) {
  SendFrames(1, 5);
  world.Take(kFast);
  SendFrames(1, 6);
  EXPECT_EQ(world.Story(kFast), "6");
  EXPECT_EQ(dropped(Drop::kDuplicate), 5u);
}

TEST_F(CreditTest, AGapIsAskedForAgainFiveTimesASecondAtMost) {
  SendFrames(1, 2);
  SendFrames(5, 7);
  size_t asked = 0;
  for (const Received& message : world.Take(kPub)) {
    if (message.control->has_ack() && message.control->ack().resend()) {
      ++asked;
      EXPECT_EQ(message.control->ack().sequence(), 2u);
      EXPECT_EQ(message.control->ack().epoch(), grant.epoch());
    }
  }
  EXPECT_EQ(asked, 1u);
  EXPECT_EQ(world.table().counters().sequence_gaps, 1u);
  world.Advance(250);
  SendFrames(8, 8);
  EXPECT_TRUE(world.Last(kPub).ack().resend());
  world.Take(kFast);
  SendFrames(3, 8);
  EXPECT_EQ(world.Story(kFast), "3 4 5 6 7 8");
  EXPECT_EQ(world.table().counters().sequence_gaps, 1u);
  EXPECT_EQ(dropped(Drop::kGap), 4u);
}

TEST_F(CreditTest, AcknowledgesEverySecondOrEvery64Batches) {
  const auto acks = [&] {
    std::vector<uint64_t> sequences;
    for (const Received& message : world.Take(kPub)) {
      if (!message.is_media() && message.control->has_ack()) {
        sequences.push_back(message.control->ack().sequence());
      }
    }
    return sequences;
  };
  SendFrames(1, 130);
  EXPECT_EQ(acks(), (std::vector<uint64_t>{64, 128}));
  world.Advance(1'000);
  SendFrames(131, 132);
  EXPECT_EQ(acks(), std::vector<uint64_t>{131});
}

TEST_F(CreditTest, AfterAReattachmentCreditStartsAgain) {
  SendFrames(1, 5);
  world.Attach(kPub + 100, "pub");
  v1::Publish publish = TableWorld::PublishOf(2);
  publish.mutable_held()->set_epoch(grant.epoch());
  publish.mutable_held()->set_last_sequence(5);
  world.Publish(kPub + 100, publish);
  EXPECT_EQ(world.Last(kPub + 100).publish_grant().credit_limit(), 32u << 20);
  EXPECT_EQ(world.Last(kPub + 100).publish_grant().have_sequence(), 5u);
}

}  // namespace
}  // namespace millrace::router
