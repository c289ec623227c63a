// What no peer should send, and what must stay cheap.

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/router/table_world.h"

namespace millrace::router {
namespace {

constexpr ConnectionId kPub = 1, kSub = 2;

struct RobustnessTest : testing::Test {
  TableWorld world;
  void SetUp() override {
    world.Advance(2'000);
    world.Attach(kPub, "pub");
    world.Attach(kSub, "sub");
  }
};

TEST_F(RobustnessTest, MalformedBatchesAreCounted) {
  const v1::PublishGrant grant = world.Granted(kPub, 1);
  world.Take(kPub);
  const SharedBatch good = MakeBatch({.stream_id = grant.stream_id(), .epoch = grant.epoch()});
  for (const size_t size : {size_t{0}, size_t{4}, size_t{64}, size_t{127}, good.bytes.size() - 1}) {
    world.table().OnMedia(kPub, {good.bytes.Slice(0, size), true}, world.now);
  }
  EXPECT_EQ(world.table().counters().dropped_frames[static_cast<size_t>(Drop::kMalformed)], 5u);
  EXPECT_EQ(world.Story(kPub), "");
}

TEST_F(RobustnessTest, MessagesThatAreTheRoutersToSayAreCounted) {
  for (int i = 0; i < 12; ++i) {
    v1::Envelope envelope;
    switch (i) {
      case 0:
        envelope.mutable_welcome();
        break;
      case 1:
        envelope.mutable_publish_grant();
        break;
      case 2:
        envelope.mutable_publish_refused();
        break;
      case 3:
        envelope.mutable_ack();
        break;
      case 4:
        envelope.mutable_subscribe_grant();
        break;
      case 5:
        envelope.mutable_fetched();
        break;
      case 6:
        envelope.mutable_skipped();
        break;
      case 7:
        envelope.mutable_stream_ended();
        break;
      case 8:
        envelope.mutable_not_owner();
        break;
      case 9:
        envelope.mutable_pong();
        break;
      case 10:
        envelope.mutable_mark();
        break;
      default:
        break;  // empty
    }
    world.Control(kPub, envelope);
  }
  EXPECT_EQ(world.table().counters().malformed_control, 12u);
  EXPECT_EQ(world.Story(kPub), "");
}

TEST_F(RobustnessTest, TracksOfNobodyAndTracksOfTooMuch) {
  v1::PublishGrant grant = world.Granted(kPub, 1);
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.ClearInboxes();
  world.Tracks(kSub, grant, 2, 1);
  world.Tracks(kPub, grant, 0, 1);
  world.Tracks(kPub, grant, 2, UINT64_MAX);
  v1::Envelope envelope;
  envelope.mutable_track_set()->set_stream_id(grant.stream_id());
  envelope.mutable_track_set()->set_epoch(grant.epoch());
  envelope.mutable_track_set()->set_version(3);
  envelope.mutable_track_set()->add_tracks()->set_config(std::string(1 << 20, 'x'));
  world.Control(kPub, envelope);
  EXPECT_EQ(world.Story(kSub), "");
  EXPECT_EQ(world.Story(kPub), "");
  grant.set_stream_id(4711);
  world.Tracks(kPub, grant, 2, 1);
  EXPECT_EQ(world.Story(kPub), "refused(UNKNOWN)");
}

TEST_F(RobustnessTest, TrackSetsAreBounded) {
  const v1::PublishGrant grant = world.Granted(kPub, 1);
  for (uint32_t version = 1; version <= 500; ++version) {
    world.Tracks(kPub, grant, version, version);
    world.Send(kPub, grant, version, 1, version == 1, 100, version);
  }
  world.Subscribe(kSub, TableWorld::SubscribeOf(1));
  world.Tracks(kPub, grant, 501, 501);
  world.Send(kPub, grant, 501, 1, true, 100, 501);
  // The GOP that began 500 versions ago cannot be told any more.
  EXPECT_EQ(world.Story(kSub), "online tracks501 501");
}

TEST_F(RobustnessTest, ManyIdleStreamsKeepNoTimersBusy) {
  for (uint64_t i = 1; i <= 2'000; ++i) world.Granted(kPub, i, "live/" + std::to_string(i));
  world.ClearInboxes();
  // Ten seconds: what wakes the table is the leases, not the streams.
  int wakes = 0;
  const int64_t end = world.now.mono_ns + 10'000 * TableWorld::kMs;
  for (int64_t ping = 0; ping < 20; ++ping) {
    v1::Envelope envelope;
    envelope.mutable_ping();
    world.Control(kPub + 1000, envelope);
    world.Control(kSub + 1000, envelope);
    const int64_t until = world.now.mono_ns + 500 * TableWorld::kMs;
    while (world.table().NextDeadline() <= until) {
      ++wakes;
      world.now.mono_ns = world.table().NextDeadline();
      world.table().OnTimer(world.now);
    }
    world.now.mono_ns = until;
  }
  EXPECT_EQ(world.now.mono_ns, end);
  EXPECT_LE(wakes, 10);
  EXPECT_EQ(world.table().usage().live, 2'000u);
}

// Peers that say anything, in any order, with numbers that mostly mean something.
TEST_F(RobustnessTest, RandomConversations) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
    TableWorld chaos({.cache_limit = 60'000, .stream_cache_limit = 20'000, .max_streams = 3});
    std::vector<v1::PublishGrant> grants(1);
    uint64_t request = 0;
    for (int step = 0; step < 1'500; ++step) {
      const ConnectionId from = 1 + pick(5);
      const std::string name = "live/" + std::to_string(pick(4));
      const v1::PublishGrant& grant = grants[pick(static_cast<uint32_t>(grants.size()))];
      switch (pick(12)) {
        case 0:
          chaos.Hello(from, "n" + std::to_string(pick(4)), pick(2),
                      pick(4) == 0 ? v1::CHANNEL_LEASE : v1::CHANNEL_MEDIA);
          break;
        case 1: {
          v1::Publish publish = TableWorld::PublishOf(pick(3) == 0 ? request : ++request, name);
          publish.set_grace_ms(pick(2) * 500);
          if (pick(2) == 0) publish.mutable_held()->set_epoch(grant.epoch() + pick(2));
          chaos.Publish(from, publish);
          break;
        }
        case 2: {
          v1::Subscribe subscribe = TableWorld::SubscribeOf(++request, name);
          subscribe.set_start(static_cast<v1::StartFrom>(pick(4)));
          subscribe.mutable_after()->set_epoch(grant.epoch() + pick(2));
          subscribe.mutable_after()->set_last_sequence(pick(40));
          subscribe.set_credit_limit(pick(5'000));
          subscribe.set_retention_ms(pick(3) * 400);
          chaos.Subscribe(from, subscribe);
          break;
        }
        case 3:
          chaos.Credit(from, grant.stream_id(), request - pick(2), pick(100'000));
          break;
        case 4:
          chaos.Tracks(from, grant, 1 + pick(3), pick(50));
          break;
        case 5:
          chaos.Unpublish(from, grant, pick(2) == 0);
          break;
        case 6: {
          v1::Envelope envelope;
          envelope.mutable_unsubscribe()->set_stream_id(grant.stream_id());
          chaos.Control(from, envelope);
          break;
        }
        case 7:
          chaos.Advance(pick(2'000));
          break;
        case 8: {
          v1::Envelope envelope;
          envelope.mutable_fetch()->set_stream_id(grant.stream_id());
          envelope.mutable_fetch()->set_epoch(grant.epoch());
          envelope.mutable_fetch()->set_from_sequence(pick(40));
          envelope.mutable_fetch()->set_to_sequence(pick(60));
          chaos.Control(from, envelope);
          break;
        }
        case 9:
          if (pick(4) == 0) chaos.table().KickStream(name, "x", chaos.now);
          if (pick(4) == 0) chaos.table().OnConnectionUnreachable(from, chaos.now);
          break;
        default:
          for (uint64_t i = 0, at = 1 + pick(40); i < 6; ++i) {
            chaos.Send(from, grant, at + i, 1 + pick(2), pick(4) == 0, pick(4'000), 1 + pick(2));
          }
          break;
      }
      if (chaos.Last(from).has_publish_grant()) grants.push_back(chaos.Last(from).publish_grant());
      if (step % 50 == 0) chaos.ClearInboxes();
      ASSERT_LE(chaos.table().usage().cache_bytes, 60'000u);
    }
    // Left alone, everything is let go.
    chaos.Advance(700'000);
    EXPECT_EQ(chaos.table().usage().nodes, 0u);
    EXPECT_EQ(
        chaos.table().usage().live + chaos.table().usage().grace + chaos.table().usage().waiting,
        0u);
    EXPECT_EQ(chaos.table().usage().remembered, 0u);
    EXPECT_EQ(chaos.table().usage().cache_bytes, 0u);
    EXPECT_EQ(chaos.table().NextDeadline(), kNever);
  }
}

}  // namespace
}  // namespace millrace::router
