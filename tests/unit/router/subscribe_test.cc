// Where a subscription starts, what it is told, and what it misses.

#include <gtest/gtest.h>

#include "tests/unit/router/table_world.h"

namespace millrace::router {
namespace {

constexpr ConnectionId kPub = 1, kSub = 2, kLate = 3;

struct SubscribeTest : testing::Test {
  TableWorld world;
  v1::PublishGrant grant;
  void SetUp() override {
    world.Advance(2'000);
    AttachAll();
  }
  void AttachAll() {
    world.Attach(kPub, "pub");
    world.Attach(kSub, "sub");
    world.Attach(kLate, "late");
  }
  void Pass(int64_t ms) { world.AdvanceAlive(ms, {kPub + 1000, kSub + 1000, kLate + 1000}); }
  void PublishNow() {
    grant = world.Granted(kPub, ++request);
    world.ClearInboxes();
  }
  // One batch a frame; every fifth from 1 on is a random-access point.
  void SendFrames(uint64_t from, uint64_t to) {
    for (uint64_t i = from; i <= to; ++i) world.Send(kPub, grant, i, 1, i % 5 == 1);
  }
  void Reattach(uint64_t have) {
    v1::Publish publish = TableWorld::PublishOf(++request);
    publish.mutable_held()->set_epoch(grant.epoch());
    publish.mutable_held()->set_last_sequence(have);
    world.Publish(kPub, publish);
    grant = world.Last(kPub).publish_grant();
    ASSERT_NE(grant.stream_id(), 0u);
  }
  uint64_t request = 0;
};

TEST_F(SubscribeTest, WaitsForAPublisher) {
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  EXPECT_EQ(world.Story(kSub), "waiting");
  EXPECT_EQ(world.table().usage().waiting, 1u);
  grant = world.Granted(kPub, 1);
  EXPECT_EQ(world.Story(kSub), "tracks1");
  SendFrames(1, 3);
  EXPECT_EQ(world.Story(kSub), "1 2 3");
}

TEST_F(SubscribeTest, StartsAtTheLastRandomAccessPoint) {
  PublishNow();
  SendFrames(1, 8);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  EXPECT_EQ(world.Last(kSub).track_set().epoch(), grant.epoch());
  EXPECT_EQ(world.Story(kSub), "online tracks1 6 7 8");
  SendFrames(9, 9);
  EXPECT_EQ(world.Story(kSub), "9");
}

TEST_F(SubscribeTest, WithoutOneInTheCacheTheNextOneIsWaitedFor) {
  PublishNow();
  world.Send(kPub, grant, 1, 1, false);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  EXPECT_EQ(world.Story(kSub), "online tracks1");
  world.Send(kPub, grant, 2, 1, false);
  EXPECT_EQ(world.Story(kSub), "");
  world.Send(kPub, grant, 3, 1, true);
  EXPECT_EQ(world.Story(kSub), "3") << "nothing was skipped: it had not begun";
}

TEST_F(SubscribeTest, StartsLive) {
  PublishNow();
  SendFrames(1, 2);
  v1::Subscribe subscribe = TableWorld::SubscribeOf(1);
  subscribe.set_start(v1::START_LIVE);
  world.Subscribe(kSub, subscribe);
  SendFrames(3, 4);
  EXPECT_EQ(world.Story(kSub), "online tracks1 3 4");
}

TEST_F(SubscribeTest, StartsExactlyAfterWhatItHad) {
  PublishNow();
  SendFrames(1, 10);
  world.Subscribe(kSub, TableWorld::AfterOf(1, grant.epoch(), 8));
  EXPECT_EQ(world.Story(kSub), "online tracks1 9 10");
  world.Subscribe(kLate, TableWorld::AfterOf(1, grant.epoch(), 10));
  SendFrames(11, 11);
  EXPECT_EQ(world.Story(kLate), "online tracks1 11");
}

TEST_F(SubscribeTest, LateFramesAreSkippedToTheOldestRandomAccessPointHeld) {
  PublishNow();
  SendFrames(1, 13);  // held: 11 12 13
  world.Subscribe(kSub, TableWorld::AfterOf(1, grant.epoch(), 4));
  EXPECT_EQ(world.Story(kSub), "online skip(5-10 late) tracks1 11 12 13");
  EXPECT_EQ(world.table().counters().dropped_frames[static_cast<size_t>(Drop::kLate)], 6u);
}

TEST_F(SubscribeTest, RetentionHoldsWhatALateReplicaNeeds) {
  PublishNow();
  v1::Subscribe hls = TableWorld::SubscribeOf(1);
  hls.set_retention_ms(400);  // two GOPs of 200 ms beside the current one
  world.Subscribe(kSub, hls);
  SendFrames(1, 23);
  world.Take(kSub);
  world.Subscribe(kLate, TableWorld::AfterOf(1, grant.epoch(), 12));
  EXPECT_EQ(world.Story(kLate), "online tracks1 13 14 15 16 17 18 19 20 21 22 23");
  // When nobody needs it any more the next GOP lets it go.
  v1::Envelope envelope;
  envelope.mutable_unsubscribe()->set_stream_id(grant.stream_id());
  world.Control(kSub, envelope);
  SendFrames(24, 26);
  world.Subscribe(kSub, TableWorld::AfterOf(2, grant.epoch(), 12));
  EXPECT_EQ(world.Story(kSub), "online skip(13-25 late) tracks1 26");
}

TEST_F(SubscribeTest, AShortReconnectionMissesNothingWhateverTheGop) {
  TableWorld held({.min_retention_ms = 400});
  held.Advance(2'000);
  held.Attach(kPub, "pub");
  held.Attach(kSub, "sub");
  const v1::PublishGrant granted = held.Granted(kPub, 1);
  // Each frame is a random-access point, as in audio.
  for (uint64_t i = 1; i <= 50; ++i) held.Send(kPub, granted, i, 1, true);
  held.Subscribe(kSub, TableWorld::AfterOf(1, granted.epoch(), 45));
  EXPECT_EQ(held.Story(kSub), "online tracks1 46 47 48 49 50");
  held.Subscribe(kSub, TableWorld::SubscribeOf(2));
  EXPECT_EQ(held.Story(kSub), "online tracks1 50") << "who begins does so as late as possible";
}

TEST_F(SubscribeTest, AnOlderEpochContinuesFromTheStartOfTheCurrentOne) {
  PublishNow();
  SendFrames(1, 3);
  const uint64_t old = grant.epoch();
  PublishNow();
  SendFrames(1, 3);
  world.Subscribe(kSub, TableWorld::AfterOf(1, old, 3));
  EXPECT_EQ(world.Story(kSub), "online tracks1 1 2 3");
  world.Subscribe(kLate, TableWorld::AfterOf(1, old, 1));
  EXPECT_EQ(world.Story(kLate), "online skip(2-3 late) tracks1 1 2 3");
}

TEST_F(SubscribeTest, AnOlderEpochThatIsNotCachedFromItsStart) {
  PublishNow();
  const uint64_t old = grant.epoch();
  PublishNow();
  SendFrames(1, 12);
  world.Subscribe(kSub, TableWorld::AfterOf(1, old, 0));
  EXPECT_EQ(world.Story(kSub), "online skip(1-10 late) tracks1 11 12");
}

TEST_F(SubscribeTest, AheadOfARouterThatWasRestarted) {
  PublishNow();
  SendFrames(1, 8);
  world.Restart();
  AttachAll();
  world.Subscribe(kSub, TableWorld::AfterOf(1, grant.epoch(), 8));
  EXPECT_EQ(world.Story(kSub), "waiting");
  Reattach(10);
  world.Tracks(kPub, grant, 1, 6);  // its replay window begins at 6
  SendFrames(6, 10);
  EXPECT_EQ(world.Story(kSub), "tracks1 9 10") << "nothing twice, nothing missing";
}

TEST_F(SubscribeTest, PublisherFirstAfterARestart) {
  PublishNow();
  SendFrames(1, 8);
  world.Restart();
  AttachAll();
  Reattach(10);
  world.Tracks(kPub, grant, 1, 6);
  SendFrames(6, 10);
  world.Subscribe(kSub, TableWorld::AfterOf(1, grant.epoch(), 8));
  EXPECT_EQ(world.Story(kSub), "online tracks1 9 10");
}

// The publisher's node may notice the new router first, and replay many GOPs before anybody asks.
TEST_F(SubscribeTest, WhoReattachesLaterThanItsPublisherFindsWhatWasReplayed) {
  PublishNow();
  SendFrames(1, 100);
  world.Restart();
  AttachAll();
  Reattach(100);
  world.Tracks(kPub, grant, 1, 1);
  SendFrames(1, 100);
  world.Subscribe(kSub, TableWorld::AfterOf(1, grant.epoch(), 97));
  EXPECT_EQ(world.Story(kSub), "online tracks1 98 99 100");
  world.Subscribe(kLate, TableWorld::AfterOf(1, grant.epoch(), 50));
  EXPECT_EQ(world.Take(kLate).size(), 2u + 50u) << "grant, track set, frames 51 to 100";
  Pass(6'000);
  SendFrames(101, 101);
  world.Take(kLate);
  world.Subscribe(kLate, TableWorld::AfterOf(2, grant.epoch(), 50));
  EXPECT_EQ(world.Story(kLate), "online skip(51-100 late) tracks1 101") << "all are back: it went";
}

TEST_F(SubscribeTest, AReplayWindowThatDoesNotReachBackFarEnough) {
  PublishNow();
  SendFrames(1, 3);
  world.Restart();
  AttachAll();
  world.Subscribe(kSub, TableWorld::AfterOf(1, grant.epoch(), 3));
  Reattach(12);
  world.Tracks(kPub, grant, 1, 6);
  SendFrames(6, 8);
  EXPECT_EQ(world.Story(kSub), "waiting skip(4-5 lost) tracks1 6 7 8");
}

TEST_F(SubscribeTest, ARepeatedRequestStartsNothingAgain) {
  PublishNow();
  SendFrames(1, 3);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  EXPECT_EQ(world.Story(kSub), "online tracks1 1 2 3 online");
  EXPECT_EQ(world.table().usage().subscriptions, 1u);
}

TEST_F(SubscribeTest, ANewRequestReplacesTheOldOne) {
  PublishNow();
  SendFrames(1, 3);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Take(kSub);
  world.Subscribe(kSub, TableWorld::AfterOf(2, grant.epoch(), 2));
  EXPECT_EQ(world.Story(kSub), "online tracks1 3");
  EXPECT_EQ(world.table().usage().subscriptions, 1u);
  // A late Unsubscribe of the old one changes nothing.
  v1::Envelope envelope;
  envelope.mutable_unsubscribe()->set_stream_id(grant.stream_id());
  envelope.mutable_unsubscribe()->set_request_id(1);
  world.Control(kSub, envelope);
  EXPECT_EQ(world.table().usage().subscriptions, 1u);
  envelope.mutable_unsubscribe()->set_request_id(2);
  world.Control(kSub, envelope);
  EXPECT_EQ(world.table().usage().subscriptions, 0u);
}

TEST_F(SubscribeTest, TracksChangeInOrder) {
  PublishNow();
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  SendFrames(1, 2);
  world.Tracks(kPub, grant, 2, 3);
  world.Send(kPub, grant, 3, 1, true, 100, 2);
  EXPECT_EQ(world.Story(kSub), "online tracks1 1 2 tracks2 3");
}

TEST_F(SubscribeTest, ALateSubscriberGetsTheTracksInForceWhereItStarts) {
  PublishNow();
  SendFrames(1, 3);
  world.Tracks(kPub, grant, 2, 4);
  world.Send(kPub, grant, 4, 1, false, 100, 2);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  EXPECT_EQ(world.Story(kSub), "online tracks1 1 2 3 tracks2 4");
}

TEST_F(SubscribeTest, TracksThatAreSentAgainAreNotForwarded) {
  PublishNow();
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  SendFrames(1, 2);
  world.Take(kSub);
  world.Tracks(kPub, grant, 1, 1);
  SendFrames(1, 3);
  EXPECT_EQ(world.Story(kSub), "3");
}

TEST_F(SubscribeTest, OlderTracksThatAreSentAgainDoNotHideNewerOnes) {
  PublishNow();
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  SendFrames(1, 2);
  world.Tracks(kPub, grant, 2, 3);
  world.Send(kPub, grant, 3, 1, false, 100, 2);
  world.Take(kSub);
  world.Tracks(kPub, grant, 1, 1);
  world.Send(kPub, grant, 4, 1, false, 100, 2);
  EXPECT_EQ(world.Story(kSub), "4");
}

TEST_F(SubscribeTest, ABatchOfUnknownTracksIsAskedForAgain) {
  PublishNow();
  world.Send(kPub, grant, 1, 1, true, 100, 2);
  const v1::Ack ack = world.Last(kPub).ack();
  EXPECT_TRUE(ack.resend());
  EXPECT_EQ(ack.sequence(), 0u);
}

TEST_F(SubscribeTest, WhatThePublisherLostIsSkipped) {
  PublishNow();
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  SendFrames(1, 3);
  world.Take(kSub);
  world.Tracks(kPub, grant, 1, 9);  // what is before 9 is lost
  world.Send(kPub, grant, 9);
  EXPECT_EQ(world.Story(kSub), "") << "not a random-access point";
  world.Send(kPub, grant, 10);
  SendFrames(11, 12);
  EXPECT_EQ(world.Story(kSub), "skip(4-10 lost) 11 12");
  EXPECT_EQ(world.table().counters().dropped_frames[static_cast<size_t>(Drop::kLost)], 5u);
}

TEST_F(SubscribeTest, TheEndReachesASubscriberThatWasAway) {
  PublishNow();
  SendFrames(1, 4);
  world.Unpublish(kPub, grant, false);
  world.Subscribe(kSub, TableWorld::AfterOf(1, grant.epoch(), 2));
  EXPECT_EQ(world.Story(kSub), "waiting tracks1 3 4 ended(UNPUBLISHED)") << "with its last frames";
  Pass(6'000);
  world.Subscribe(kLate, TableWorld::AfterOf(1, grant.epoch(), 2));
  EXPECT_EQ(world.Story(kLate), "waiting skip(3-4 late) ended(UNPUBLISHED)");
  // Who begins waits for the next publisher.
  world.Subscribe(kLate, TableWorld::SubscribeOf(2));
  EXPECT_EQ(world.Story(kLate), "waiting");
}

TEST_F(SubscribeTest, OrphansAreToldAfterTheRestartIsOver) {
  world.Restart();
  AttachAll();
  world.Subscribe(kSub, TableWorld::AfterOf(1, 500, 8));
  world.Subscribe(kLate, TableWorld::SubscribeOf(1));
  Pass(15'500);
  EXPECT_EQ(world.Story(kSub), "waiting");
  Pass(1'000);
  const v1::StreamEnded ended = world.Last(kSub).stream_ended();
  EXPECT_EQ(ended.reason(), v1::END_GRACE_EXPIRED);
  EXPECT_EQ(ended.epoch(), 500u);
  EXPECT_EQ(ended.last_sequence(), 8u);
  EXPECT_EQ(world.Story(kLate), "waiting") << "it was not promised anything";
}

TEST_F(SubscribeTest, NoOrphansWhereThePublisherReturns) {
  world.Restart();
  AttachAll();
  world.Subscribe(kSub, TableWorld::AfterOf(1, 500, 8));
  Pass(5'000);
  v1::Publish publish = TableWorld::PublishOf(1);
  publish.mutable_held()->set_epoch(500);
  world.Publish(kPub, publish);
  Pass(20'000);
  EXPECT_EQ(world.Story(kSub), "waiting");
}

TEST_F(SubscribeTest, InGraceTheLastGopIsStillServed) {
  PublishNow();
  SendFrames(1, 3);
  world.Unpublish(kPub, grant, true);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  EXPECT_EQ(world.Story(kSub), "online tracks1 1 2 3");
}

TEST_F(SubscribeTest, FetchReadsWhatIsHeld) {
  PublishNow();
  SendFrames(1, 8);  // held: 6 7 8
  v1::Envelope envelope;
  v1::Fetch& fetch = *envelope.mutable_fetch();
  fetch.set_request_id(9);
  fetch.set_stream_id(grant.stream_id());
  fetch.set_epoch(grant.epoch());
  fetch.set_from_sequence(2);
  fetch.set_to_sequence(7);
  world.Control(kLate, envelope);
  const v1::Fetched fetched = world.Last(kLate).fetched();
  EXPECT_EQ(fetched.request_id(), 9u);
  EXPECT_EQ(fetched.first_sequence(), 6u);
  EXPECT_EQ(fetched.last_sequence(), 7u);
  ASSERT_EQ(fetched.track_sets_size(), 1);
  EXPECT_EQ(world.Story(kLate), "fetched2 6 7");

  fetch.set_max_bytes(300);  // one batch of 228 bytes
  world.Control(kLate, envelope);
  EXPECT_EQ(world.Story(kLate), "fetched1 6");
  fetch.set_max_bytes(10);
  world.Control(kLate, envelope);
  EXPECT_EQ(world.Story(kLate), "fetched0");
  fetch.set_max_bytes(0);
  fetch.set_epoch(1);
  world.Control(kLate, envelope);
  fetch.set_epoch(grant.epoch());
  fetch.set_from_sequence(8);
  world.Control(kLate, envelope);
  fetch.set_stream_id(4711);
  world.Control(kLate, envelope);
  EXPECT_EQ(world.Story(kLate), "fetched0 fetched0 fetched0");
}

TEST_F(SubscribeTest, FetchIsBounded) {
  TableWorld small({.max_fetch = 500});
  small.Advance(2'000);
  small.Attach(kPub, "pub");
  const v1::PublishGrant granted = small.Granted(kPub, 1);
  for (uint64_t i = 1; i <= 5; ++i) small.Send(kPub, granted, i, 1, i == 1);
  small.Take(kPub);
  v1::Envelope envelope;
  envelope.mutable_fetch()->set_stream_id(granted.stream_id());
  envelope.mutable_fetch()->set_epoch(granted.epoch());
  envelope.mutable_fetch()->set_from_sequence(1);
  envelope.mutable_fetch()->set_to_sequence(UINT64_MAX);
  envelope.mutable_fetch()->set_max_bytes(UINT64_MAX);
  small.Control(kPub, envelope);
  EXPECT_EQ(small.Story(kPub), "fetched2 1 2");
}

TEST_F(SubscribeTest, AMarkTellsOnceASecondWhenAFrameWasForwarded) {
  PublishNow();
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  const auto marks = [&] {
    std::vector<uint64_t> sequences;
    for (const Received& message : world.Take(kSub)) {
      if (message.control && message.control->has_mark()) {
        EXPECT_EQ(message.control->mark().router_wall_ns(), world.now.wall_ns);
        sequences.push_back(message.control->mark().sequence());
      }
    }
    return sequences;
  };
  SendFrames(1, 3);
  EXPECT_EQ(marks(), std::vector<uint64_t>{1});
  world.Advance(500);
  SendFrames(4, 4);
  EXPECT_TRUE(marks().empty());
  world.Advance(600);
  SendFrames(5, 6);
  EXPECT_EQ(marks(), std::vector<uint64_t>{5});
}

TEST_F(SubscribeTest, TheCacheOfOneStreamIsBounded) {
  TableWorld small({.stream_cache_limit = 60'000});
  small.Advance(2'000);
  small.Attach(kPub, "pub");
  small.Attach(kSub, "sub");
  const v1::PublishGrant granted = small.Granted(kPub, 1);
  for (uint64_t i = 1; i <= 4; ++i) small.Send(kPub, granted, i, 1, i == 1, 20'000);
  EXPECT_EQ(small.table().usage().cache_bytes, 0u);
  EXPECT_EQ(small.table().counters().gops_evicted, 1u);
  small.Subscribe(kSub, TableWorld::SubscribeOf(1));
  small.Send(kPub, granted, 5, 1, false, 20'000);
  small.Send(kPub, granted, 6, 1, true, 20'000);
  EXPECT_EQ(small.Story(kSub), "online tracks1 6");
}

TEST_F(SubscribeTest, TheCacheOfAllStreamsIsBounded) {
  TableWorld small({.cache_limit = 100'000});
  small.Advance(2'000);
  small.Attach(kPub, "pub");
  small.Attach(kSub, "sub");
  v1::Subscribe history = TableWorld::SubscribeOf(1, "live/history");
  history.set_retention_ms(60'000);
  small.Subscribe(kSub, history);
  const v1::PublishGrant first = small.Granted(kPub, 1, "live/history");
  const v1::PublishGrant second = small.Granted(kPub, 2, "live/other");
  for (uint64_t i = 1; i <= 4; ++i) small.Send(kPub, first, i, 1, true, 20'000);
  EXPECT_GT(small.table().usage().cache_bytes, 80'000u);
  // Another stream's current GOP goes before history.
  for (uint64_t i = 1; i <= 3; ++i) small.Send(kPub, second, i, 1, i == 1, 20'000);
  EXPECT_LE(small.table().usage().cache_bytes, 100'000u);
  small.Subscribe(kSub, TableWorld::SubscribeOf(2, "live/other"));
  small.Take(kPub);
  EXPECT_NE(small.Story(kSub).find("online tracks1 1 2 3"), std::string::npos);
}

}  // namespace
}  // namespace millrace::router
