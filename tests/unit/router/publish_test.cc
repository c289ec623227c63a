// Epochs, fencing, settling, grace, kicks: who publishes a stream.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/router/table_world.h"

namespace millrace::router {
namespace {

constexpr ConnectionId kA = 1, kB = 2, kSub = 3;

struct PublishTest : testing::Test {
  TableWorld world;
  void SetUp() override {
    world.Advance(2'000);
    AttachAll();
  }
  void AttachAll() {
    world.Attach(kA, "a");
    world.Attach(kB, "b");
    world.Attach(kSub, "sub");
  }
  void Pass(int64_t ms) { world.AdvanceAlive(ms, {kA + 1000, kB + 1000, kSub + 1000}); }
  static v1::Publish Held(uint64_t request, uint64_t epoch, uint64_t sequence) {
    v1::Publish publish = TableWorld::PublishOf(request);
    publish.mutable_held()->set_epoch(epoch);
    publish.mutable_held()->set_last_sequence(sequence);
    publish.mutable_held()->set_dts_end_ns(99);
    return publish;
  }
};

TEST_F(PublishTest, TheEpochIsTheUnixMillisecond) {
  world.Publish(kA, TableWorld::PublishOf(7));
  const v1::PublishGrant grant = world.Last(kA).publish_grant();
  EXPECT_EQ(grant.request_id(), 7u);
  EXPECT_EQ(grant.epoch(), static_cast<uint64_t>(world.now.unix_ms()));
  EXPECT_EQ(grant.have_sequence(), 0u);
  EXPECT_EQ(grant.credit_limit(), 32u << 20);
  EXPECT_FALSE(grant.has_previous());
}

TEST_F(PublishTest, EpochsRiseWhenTheClockDoesNot) {
  const v1::PublishGrant first = world.Granted(kA, 1);
  const v1::PublishGrant second = world.Granted(kB, 1);
  EXPECT_EQ(second.epoch(), first.epoch() + 1);
  world.now.wall_ns -= 3'600'000'000'000;
  EXPECT_EQ(world.Granted(kA, 2).epoch(), second.epoch() + 1);
}

TEST_F(PublishTest, ARepeatedRequestGetsTheSameAnswer) {
  const v1::PublishGrant first = world.Granted(kA, 1);
  world.Advance(10);
  world.Publish(kA, TableWorld::PublishOf(1));
  const v1::PublishGrant again = world.Last(kA).publish_grant();
  EXPECT_EQ(again.epoch(), first.epoch());
  EXPECT_EQ(again.stream_id(), first.stream_id());
  EXPECT_EQ(world.table().usage().live, 1u);
}

TEST_F(PublishTest, ARepeatedRequestThatIsOverIsNotANewOne) {
  world.Granted(kA, 1);
  world.Granted(kB, 1);
  world.Take(kA);
  world.Publish(kA, TableWorld::PublishOf(1));
  EXPECT_EQ(world.Story(kA), "refused(REPLACED)");
  // After a goodbye as well.
  const v1::PublishGrant grant = world.Granted(kB, 2);
  world.Unpublish(kB, grant, false);
  world.Take(kB);
  world.Publish(kB, TableWorld::PublishOf(2));
  EXPECT_EQ(world.Story(kB), "refused(UNKNOWN)");
}

TEST_F(PublishTest, TheSameNumberOfAnotherNodeIsAnotherRequest) {
  const v1::PublishGrant first = world.Granted(kA, 1);
  const v1::PublishGrant second = world.Granted(kB, 1);
  EXPECT_NE(first.epoch(), second.epoch());
}

TEST_F(PublishTest, MalformedRequestsAreRefused) {
  const std::vector<std::string> names = {
      "",         "live",    "/a",  "live/",
      "live//a",  "live/..", "./a", std::string("live/") + std::string(300, 'x'),
      "live/\xff"};
  for (const std::string& name : names) {
    world.Publish(kA, TableWorld::PublishOf(1, name));
    EXPECT_EQ(world.Story(kA), "refused(INVALID)") << name;
  }
  world.Publish(kA, TableWorld::PublishOf(0));
  EXPECT_EQ(world.Story(kA), "refused(INVALID)");
  world.Publish(kA, Held(1, 0, 0));
  EXPECT_EQ(world.Story(kA), "refused(INVALID)");
  world.Publish(kA, Held(1, UINT64_MAX, 0));
  EXPECT_EQ(world.Story(kA), "refused(INVALID)");
  EXPECT_EQ(world.table().usage().live, 0u);
}

TEST_F(PublishTest, RejectRefusesASecondPublisherWhileTheFirstLives) {
  const v1::PublishGrant grant = world.Granted(kA, 1);
  v1::Publish publish = TableWorld::PublishOf(1);
  publish.set_policy(v1::PUBLISH_POLICY_REJECT);
  world.Publish(kB, publish);
  EXPECT_EQ(world.Story(kB), "refused(BUSY)");
  world.Unpublish(kA, grant, true);
  world.Publish(kB, publish);
  EXPECT_EQ(world.Story(kB), "granted") << "in grace nobody is alive";
}

TEST_F(PublishTest, ReplaceTellsTheOldPublisherAndDropsItsLateBatches) {
  const v1::PublishGrant old = world.Granted(kA, 1);
  world.Send(kA, old, 1, 1, true);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Take(kA);
  world.Take(kSub);
  const v1::PublishGrant next = world.Granted(kB, 1);
  const v1::PublishRefused refused = world.Last(kA).publish_refused();
  EXPECT_EQ(refused.reason(), v1::REFUSAL_REPLACED);
  EXPECT_EQ(refused.request_id(), 1u);
  EXPECT_EQ(refused.epoch(), old.epoch());
  world.Take(kA);
  world.Send(kA, old, 2);
  EXPECT_EQ(world.Story(kA), "");
  world.Send(kB, next, 1, 1, true);
  EXPECT_EQ(world.Story(kSub), "tracks1 1");
  EXPECT_EQ(world.table().counters().dropped_frames[static_cast<size_t>(Drop::kStale)], 1u);
  EXPECT_EQ(next.previous().last_sequence(), 1u);
}

TEST_F(PublishTest, ReplacedOnTheSameNode) {
  const v1::PublishGrant old = world.Granted(kA, 1);
  world.Take(kA);
  world.Publish(kA, TableWorld::PublishOf(2));
  EXPECT_EQ(world.Story(kA), "refused(REPLACED) granted");
  world.Send(kA, old, 1, 1, true);
  EXPECT_EQ(world.Story(kA), "")
      << "nobody is told twice: the newer publication is of the same node";
}

TEST_F(PublishTest, WhileSettlingOnlyReattachmentsAreTaken) {
  world.Restart();
  AttachAll();
  world.Publish(kA, TableWorld::PublishOf(1));
  EXPECT_EQ(world.Last(kA).publish_refused().reason(), v1::REFUSAL_SETTLING);
  EXPECT_GE(world.Last(kA).publish_refused().retry_after_ms(), 1'000u);
  EXPECT_LE(world.Last(kA).publish_refused().retry_after_ms(), 1'001u);
  world.Take(kA);
  world.Publish(kB, Held(1, 500, 10));
  EXPECT_EQ(world.Story(kB), "granted");
  world.Advance(1'000);
  world.Publish(kA, TableWorld::PublishOf(1, "live/b"));
  EXPECT_EQ(world.Story(kA), "granted") << "the very request that was told to wait";
}

TEST_F(PublishTest, AReattachedPublisherKeepsItsEpochOnARouterThatKnowsNothing) {
  world.Restart();
  AttachAll();
  world.Publish(kA, Held(3, 500, 1'000));
  const v1::PublishGrant grant = world.Last(kA).publish_grant();
  EXPECT_EQ(grant.epoch(), 500u);
  EXPECT_EQ(grant.have_sequence(), 0u) << "it sends its whole replay window";
}

TEST_F(PublishTest, AnOlderEpochIsFenced) {
  world.Restart();
  AttachAll();
  world.Publish(kA, Held(1, 501, 10));
  world.Publish(kB, Held(1, 500, 10));
  EXPECT_EQ(world.Story(kB), "refused(FENCED)");
  EXPECT_EQ(world.Story(kA), "granted");
}

TEST_F(PublishTest, ANewerEpochTakesOver) {
  world.Restart();
  AttachAll();
  world.Publish(kB, Held(1, 500, 10));
  world.Publish(kA, Held(1, 501, 10));
  EXPECT_EQ(world.Story(kB), "granted refused(FENCED)");
  EXPECT_EQ(world.Story(kA), "granted");
}

TEST_F(PublishTest, TheSameEpochOfAnotherNodeIsFencedWhileTheFirstIsThere) {
  world.Restart();
  AttachAll();
  world.Publish(kA, Held(1, 500, 10));
  world.Publish(kB, Held(1, 500, 10));
  EXPECT_EQ(world.Story(kB), "refused(FENCED)");
}

TEST_F(PublishTest, SubscribersReportsFenceToo) {
  world.Restart();
  AttachAll();
  world.Publish(kA, Held(1, 500, 10));
  world.Take(kA);
  world.Subscribe(kSub, TableWorld::AfterOf(1, 501, 4));
  EXPECT_EQ(world.Story(kA), "refused(FENCED)") << "somebody has seen a newer publisher";
  world.Publish(kA, Held(2, 500, 10));
  EXPECT_EQ(world.Story(kA), "refused(FENCED)");
  world.Publish(kB, Held(1, 501, 9));
  EXPECT_EQ(world.Story(kB), "granted");
}

TEST_F(PublishTest, ReportsBeforeSettlingDecideTheNextEpoch) {
  world.Restart();
  AttachAll();
  const uint64_t future = static_cast<uint64_t>(world.now.unix_ms()) + 1'000'000;
  v1::Subscribe subscribe = TableWorld::AfterOf(1, future, 40);
  subscribe.mutable_after()->set_dts_end_ns(12'345);
  subscribe.mutable_after()->set_next_segment(8);
  subscribe.mutable_after()->set_next_gop(5);
  subscribe.mutable_after()->set_discontinuity_sequence(2);
  world.Subscribe(kSub, subscribe);
  world.Advance(1'000);
  const v1::PublishGrant grant = world.Granted(kA, 1);
  EXPECT_EQ(grant.epoch(), future + 1);
  EXPECT_EQ(grant.previous().epoch(), future);
  EXPECT_EQ(grant.previous().last_sequence(), 40u);
  EXPECT_EQ(grant.previous().dts_end_ns(), 12'345);
  EXPECT_EQ(grant.previous().next_segment(), 8u);
  EXPECT_EQ(grant.previous().next_gop(), 5u);
  EXPECT_EQ(grant.previous().discontinuity_sequence(), 2u);
}

TEST_F(PublishTest, AReportFarBeyondAnyClockIsNotBelieved) {
  world.Subscribe(kSub, TableWorld::AfterOf(1, UINT64_MAX, 4));
  EXPECT_EQ(world.Granted(kA, 1).epoch(), static_cast<uint64_t>(world.now.unix_ms()));
}

TEST_F(PublishTest, ALostPublisherThatReturnsContinuesTheTimeline) {
  const v1::PublishGrant old = world.Granted(kA, 1);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Send(kA, old, 1, 25, true);
  world.Take(kSub);
  world.Unpublish(kA, old, true);
  Pass(10'000);
  const v1::PublishGrant next = world.Granted(kB, 1);
  EXPECT_EQ(next.stream_id(), old.stream_id());
  const v1::Timeline& previous = next.previous();
  EXPECT_EQ(previous.epoch(), old.epoch());
  EXPECT_EQ(previous.last_sequence(), 25u);
  EXPECT_EQ(previous.dts_end_ns(), 26 * 40'000'000);
  EXPECT_EQ(previous.next_segment(), 8u);
  EXPECT_EQ(previous.next_gop(), 4u);
  world.Send(kB, next, 1, 1, true);
  EXPECT_EQ(world.Story(kSub), "tracks1 1");
  Pass(20'000);
  EXPECT_EQ(world.Story(kSub), "") << "the old grace period does not end the new epoch";
}

TEST_F(PublishTest, AnEpochWithoutFramesDoesNotHideTheOneBefore) {
  const v1::PublishGrant first = world.Granted(kA, 1);
  world.Send(kA, first, 1, 25, true);
  world.Unpublish(kA, first, true);
  world.Unpublish(kA, world.Granted(kA, 2), true);
  EXPECT_EQ(world.Granted(kA, 3).previous().epoch(), first.epoch());
}

TEST_F(PublishTest, GraceExpires) {
  const v1::PublishGrant grant = world.Granted(kA, 1);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Unpublish(kA, grant, true);
  world.Take(kSub);
  Pass(14'900);
  EXPECT_EQ(world.Story(kSub), "");
  Pass(200);
  EXPECT_EQ(world.Story(kSub), "ended(GRACE_EXPIRED)");
  EXPECT_EQ(world.table().usage().waiting, 1u);
  const v1::PublishGrant next = world.Granted(kA, 2);
  world.Send(kA, next, 1, 1, true);
  EXPECT_EQ(world.Story(kSub), "tracks1 1") << "the subscription had stayed";
}

TEST_F(PublishTest, NoGraceEndsAtOnce) {
  v1::Publish publish = TableWorld::PublishOf(1);
  publish.set_grace_ms(0);
  world.Publish(kA, publish);
  const v1::PublishGrant grant = world.Last(kA).publish_grant();
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Take(kSub);
  world.Unpublish(kA, grant, true);
  EXPECT_EQ(world.Story(kSub), "ended(GRACE_EXPIRED)");
}

TEST_F(PublishTest, NoGraceStillSurvivesAReconnection) {
  v1::Publish publish = TableWorld::PublishOf(1);
  publish.set_grace_ms(0);
  world.Publish(kA, publish);
  const v1::PublishGrant grant = world.Last(kA).publish_grant();
  world.Attach(kA + 100, "a");
  v1::Publish again = Held(2, grant.epoch(), 0);
  again.set_grace_ms(0);
  world.Publish(kA + 100, again);
  EXPECT_EQ(world.Story(kA + 100), "granted");
}

TEST_F(PublishTest, UnpublishEndsAtOnce) {
  const v1::PublishGrant grant = world.Granted(kA, 1);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Send(kA, grant, 1, 2, true);
  world.Take(kSub);
  world.Unpublish(kA, grant, false);
  const v1::StreamEnded ended = world.Last(kSub).stream_ended();
  EXPECT_EQ(ended.reason(), v1::END_UNPUBLISHED);
  EXPECT_EQ(ended.epoch(), grant.epoch());
  EXPECT_EQ(ended.last_sequence(), 2u);
  EXPECT_EQ(ended.request_id(), 1u);
  // Idempotent.
  world.Take(kSub);
  world.Unpublish(kA, grant, false);
  EXPECT_EQ(world.Story(kSub), "");
}

TEST_F(PublishTest, GraceAfterUnpublish) {
  v1::Publish publish = TableWorld::PublishOf(1);
  publish.set_grace_after_unpublish_ms(2'000);
  world.Publish(kA, publish);
  const v1::PublishGrant grant = world.Last(kA).publish_grant();
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Take(kSub);
  world.Unpublish(kA, grant, false);
  EXPECT_EQ(world.table().usage().grace, 1u);
  Pass(1'900);
  EXPECT_EQ(world.Story(kSub), "");
  Pass(200);
  EXPECT_EQ(world.Story(kSub), "ended(UNPUBLISHED)");
}

TEST_F(PublishTest, UnpublishMaySetGraceAnew) {
  const v1::PublishGrant grant = world.Granted(kA, 1);  // with 15 s
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Take(kSub);
  v1::Envelope envelope;
  v1::Unpublish& unpublish = *envelope.mutable_unpublish();
  unpublish.set_stream_id(grant.stream_id());
  unpublish.set_epoch(grant.epoch());
  unpublish.set_request_id(grant.request_id());
  unpublish.set_lost(true);
  unpublish.set_grace_ms(2'000);
  world.Control(kA, envelope);
  EXPECT_EQ(world.table().usage().grace, 1u);
  Pass(1'900);
  EXPECT_EQ(world.Story(kSub), "");
  Pass(200);
  EXPECT_EQ(world.Story(kSub), "ended(GRACE_EXPIRED)");
}

TEST_F(PublishTest, UnpublishOfSomethingElseIsIgnored) {
  const v1::PublishGrant old = world.Granted(kA, 1);
  const v1::PublishGrant next = world.Granted(kB, 1);
  world.Unpublish(kA, old, false);
  v1::PublishGrant strange = next;
  world.Unpublish(kA, strange, false);
  strange.set_stream_id(4711);
  world.Unpublish(kB, strange, false);
  EXPECT_EQ(world.table().usage().live, 1u);
}

TEST_F(PublishTest, AfterAGoodbyeTheEpochDoesNotComeBack) {
  const v1::PublishGrant grant = world.Granted(kA, 1);
  world.Unpublish(kA, grant, false);
  world.Take(kA);
  world.Publish(kA, Held(2, grant.epoch(), 5));
  EXPECT_EQ(world.Story(kA), "refused(FENCED)");
}

TEST_F(PublishTest, TheEndIsRememberedForTenMinutes) {
  const v1::PublishGrant grant = world.Granted(kA, 1);
  world.Send(kA, grant, 1, 25, true);
  world.Unpublish(kA, grant, false);
  EXPECT_THAT(world.gone, testing::ElementsAre("live/a"));
  Pass(590'000);
  EXPECT_EQ(world.table().usage().remembered, 1u);
  EXPECT_EQ(world.table().usage().cache_bytes, 0u);
  EXPECT_EQ(world.Granted(kA, 2).previous().last_sequence(), 25u);
  v1::PublishGrant again = world.Last(kA).publish_grant();
  world.Unpublish(kA, again, false);
  Pass(601'000);
  EXPECT_EQ(world.table().usage().remembered, 0u);
  EXPECT_FALSE(world.Granted(kA, 3).has_previous());
}

TEST_F(PublishTest, WhatIsRememberedIsBounded) {
  TableWorld small({.max_streams = 20});
  small.Advance(2'000);
  small.Attach(kA, "a");
  for (uint64_t i = 1; i <= 200; ++i) {
    small.Unpublish(kA, small.Granted(kA, i, "live/" + std::to_string(i)), false);
    ASSERT_LE(small.table().usage().remembered, 20u);
  }
  EXPECT_GE(small.table().usage().remembered, 17u);
  small.Publish(kA, TableWorld::PublishOf(1'000, "live/200"));
  EXPECT_EQ(small.Last(kA).publish_grant().epoch(), static_cast<uint64_t>(small.now.unix_ms()) + 1)
      << "the newest is remembered";
}

TEST_F(PublishTest, StreamsAreBounded) {
  TableWorld small({.max_streams = 2});
  small.Advance(2'000);
  small.Attach(kA, "a");
  small.Granted(kA, 1, "live/1");
  const v1::PublishGrant second = small.Granted(kA, 2, "live/2");
  small.Take(kA);
  small.Publish(kA, TableWorld::PublishOf(3, "live/3"));
  EXPECT_EQ(small.Story(kA), "refused(LIMIT)");
  small.Subscribe(kA, TableWorld::SubscribeOf(1, "live/3"));
  EXPECT_EQ(small.Story(kA), "") << "the node asks again";
  small.Unpublish(kA, second, false);
  small.Publish(kA, TableWorld::PublishOf(3, "live/3"));
  EXPECT_EQ(small.Story(kA), "granted");
  EXPECT_EQ(small.table().counters().refused_streams, 2u);
}

TEST_F(PublishTest, AKickEndsTheStreamAndTellsEverybodyWhy) {
  const v1::PublishGrant grant = world.Granted(kA, 1);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Send(kA, grant, 1, 1, true);
  world.ClearInboxes();
  EXPECT_TRUE(world.table().KickStream("live/a", "not here", world.now));
  EXPECT_EQ(world.Last(kA).publish_refused().reason(), v1::REFUSAL_KICKED);
  EXPECT_EQ(world.Last(kA).publish_refused().text(), "not here");
  EXPECT_EQ(world.Last(kSub).stream_ended().reason(), v1::END_KICKED);
  EXPECT_EQ(world.Last(kSub).stream_ended().text(), "not here");
  EXPECT_EQ(world.table().usage().cache_bytes, 0u);
  world.ClearInboxes();
  world.Send(kA, grant, 2);
  EXPECT_EQ(world.Story(kA), "") << "late batches are dropped";
  world.Publish(kA, Held(2, grant.epoch(), 2));
  EXPECT_EQ(world.Story(kA), "refused(KICKED)");
  world.Publish(kA, TableWorld::PublishOf(3));
  EXPECT_EQ(world.Story(kA), "granted") << "keeping it out is the ban's business";
}

TEST_F(PublishTest, AKickFindsStreamsThatOnlyWait) {
  EXPECT_FALSE(world.table().KickStream("live/a", "x", world.now));
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Take(kSub);
  EXPECT_TRUE(world.table().KickStream("live/a", "x", world.now));
  EXPECT_EQ(world.Story(kSub), "ended(KICKED)");
}

TEST_F(PublishTest, AKickInGraceKeepsThePublisherOut) {
  const v1::PublishGrant grant = world.Granted(kA, 1);
  world.Attach(kA + 100, "a");
  world.table().KickStream("live/a", "x", world.now);
  world.Publish(kA + 100, Held(2, grant.epoch(), 0));
  EXPECT_EQ(world.Story(kA + 100), "refused(KICKED)");
}

TEST_F(PublishTest, StreamIdsDifferBetweenInstances) {
  const uint64_t before = world.Granted(kA, 1).stream_id();
  world.Restart();
  world.Advance(1'000);
  AttachAll();
  const v1::PublishGrant after = world.Granted(kA, 1);
  EXPECT_NE(before >> 32, after.stream_id() >> 32);
  // What was encoded for the old instance is not taken for anything.
  world.Take(kA);
  world.Media(kA, {.stream_id = before, .epoch = 5});
  EXPECT_EQ(world.Story(kA), "refused(UNKNOWN)");
}

TEST_F(PublishTest, ReportsFollowTheStream) {
  world.changed.clear();
  const v1::PublishGrant grant = world.Granted(kA, 1);
  EXPECT_THAT(world.changed, testing::ElementsAre("live/a", "live/a"));
  v1::Stream row;
  ASSERT_TRUE(world.table().Describe("live/a", row));
  EXPECT_EQ(row.state(), v1::STREAM_LIVE);
  EXPECT_EQ(row.publisher_session(), "rtmp-1-1");
  EXPECT_EQ(row.publisher_node(), "a");
  EXPECT_EQ(row.epoch(), grant.epoch());
  ASSERT_EQ(row.tracks_size(), 1);
  EXPECT_EQ(row.tracks(0).codec(), "h264");
  EXPECT_EQ(row.tracks(0).kind(), "video");
  world.Send(kA, grant, 1, 25, true);
  Pass(1'000);
  std::vector<v1::Stream> rows;
  world.table().TakeActive(world.now, [&](const v1::Stream& active) { rows.push_back(active); });
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_GT(rows[0].bitrate_bps(), 0);
  EXPECT_EQ(rows[0].frames_in(), 25u);
  EXPECT_EQ(rows[0].last_sequence(), 25u);
  for (const size_t expected : {1u, 0u}) {  // once with rate 0, then no more
    rows.clear();
    Pass(1'000);
    world.table().TakeActive(world.now, [&](const v1::Stream& active) { rows.push_back(active); });
    ASSERT_EQ(rows.size(), expected);
    if (expected == 1) EXPECT_EQ(rows[0].bitrate_bps(), 0);
  }
  world.Unpublish(kA, grant, true);
  ASSERT_TRUE(world.table().Describe("live/a", row));
  EXPECT_EQ(row.state(), v1::STREAM_GRACE);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  Pass(16'000);
  row.Clear();
  ASSERT_TRUE(world.table().Describe("live/a", row));
  EXPECT_EQ(row.state(), v1::STREAM_WAITING);
  EXPECT_EQ(row.subscriptions(), 1u);
  EXPECT_TRUE(world.gone.empty());
  v1::Envelope envelope;
  envelope.mutable_unsubscribe()->set_stream_id(grant.stream_id());
  envelope.mutable_unsubscribe()->set_request_id(1);
  world.Control(kSub, envelope);
  EXPECT_THAT(world.gone, testing::ElementsAre("live/a"));
  EXPECT_FALSE(world.table().Describe("live/a", row));
}

TEST_F(PublishTest, HowFarKeyFramesAreApart) {
  const v1::PublishGrant grant = world.Granted(kA, 1);
  v1::Envelope envelope;
  v1::TrackSetUpdate& tracks = *envelope.mutable_track_set();
  tracks.set_stream_id(grant.stream_id());
  tracks.set_epoch(grant.epoch());
  tracks.set_version(1);
  tracks.set_first_sequence(1);
  tracks.add_tracks()->set_id(1);
  tracks.mutable_tracks(0)->set_kind(1);
  tracks.mutable_tracks(0)->set_codec(1);
  world.Control(kA, envelope);
  const auto interval = [&] {
    v1::Stream row;
    world.table().Describe("live/a", row);
    return row.key_frame_interval_ms();
  };
  const auto key = [&](uint64_t sequence, int64_t dts_ms) {
    std::vector<media::Frame> frames(1);
    frames[0].track = 1;
    frames[0].sequence = sequence;
    frames[0].dts_ns = frames[0].pts_ns = dts_ms * TableWorld::kMs;
    media::BatchHeader header;
    header.stream_id = grant.stream_id();
    header.epoch = grant.epoch();
    header.track_set_version = 1;
    header.flags = media::kBatchRandomAccess;
    std::vector<uint8_t> bytes(media::EncodedBatchSize(frames));
    media::EncodeBatch(header, frames, bytes);
    world.table().OnMedia(kA, {media::Payload::FromVector(bytes), true}, world.now);
  };
  key(1, 0);
  EXPECT_EQ(interval(), 0u);
  key(2, 2'000);
  EXPECT_EQ(interval(), 2'000u);
  key(3, 10'000);
  EXPECT_EQ(interval(), 8'000u);
}

TEST_F(PublishTest, ReorderedPicturesAreNoticedAndTheTimelineGoesOnBehindThem) {
  const v1::PublishGrant grant = world.Granted(kA, 1);
  const std::vector<int64_t> pts = {80, 200, 120, 160};
  std::vector<media::Frame> frames(pts.size());
  for (size_t i = 0; i < pts.size(); ++i) {
    frames[i].track = 1;
    frames[i].sequence = i + 1;
    frames[i].dts_ns = static_cast<int64_t>(i) * 40 * TableWorld::kMs;
    frames[i].pts_ns = pts[i] * TableWorld::kMs;
    frames[i].duration_ns = 40 * TableWorld::kMs;
  }
  media::BatchHeader header;
  header.stream_id = grant.stream_id();
  header.epoch = grant.epoch();
  header.track_set_version = 1;
  header.flags = media::kBatchRandomAccess;
  std::vector<uint8_t> bytes(media::EncodedBatchSize(frames));
  media::EncodeBatch(header, frames, bytes);
  world.table().OnMedia(kA, {media::Payload::FromVector(bytes), true}, world.now);
  v1::Stream row;
  world.table().Describe("live/a", row);
  EXPECT_TRUE(row.has_b_frames());
  world.Unpublish(kA, grant, true);
  const v1::PublishGrant next = world.Granted(kB, 1);
  EXPECT_EQ(next.previous().dts_end_ns(), 160 * TableWorld::kMs);
  EXPECT_EQ(next.previous().pts_end_ns(), 240 * TableWorld::kMs);
}

}  // namespace
}  // namespace millrace::router
