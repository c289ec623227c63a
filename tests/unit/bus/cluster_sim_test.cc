// Scenarios on a whole cluster: router tables and bus clients over a network that fails.

#include <gtest/gtest.h>

#include "runtime/bus/rendezvous.h"
#include "tests/support/sim/actors.h"
#include "tests/support/sim/cluster.h"

namespace millrace::sim {
namespace {

constexpr char kRouter[] = "tcp://router-a:5555";
constexpr char kOther[] = "tcp://router-b:5555";
constexpr char kStream[] = "live/one";

class ClusterTest : public testing::Test {
 protected:
  void Begin(ClusterOptions options = {}) {
    cluster = std::make_unique<Cluster>(options);
    cluster->SetTopology(1, {kRouter}, 0);
    cluster->StartRouter(kRouter);
    for (const char* name : {"in", "in2", "out", "out2"}) cluster->StartNode(name);
    cluster->RunFor(1'100 * kMs);  // settled
  }
  void TearDown() override {
    for (const std::string& text : ledger.violations) ADD_FAILURE() << text;
  }
  bool Caught(const Subscriber& viewer, const Publisher& publisher, int64_t limit_ns = 2 * kSec) {
    return cluster->RunUntil(
        [&] {
          return viewer.epoch() == publisher.epoch() &&
                 viewer.last_sequence() + 4 >= publisher.last_sequence();
        },
        limit_ns);
  }

  Ledger ledger;
  std::unique_ptr<Cluster> cluster;
};

TEST_F(ClusterTest, PublishesAndDelivers) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  cluster->RunFor(100 * kMs);
  EXPECT_EQ(viewer.waits(), 1);
  Publisher publisher(*cluster, ledger, "in", {});
  EXPECT_TRUE(cluster->RunUntil([&] { return viewer.frames() > 100; }, 10 * kSec));
  publisher.Unpublish(false);
  EXPECT_TRUE(cluster->RunUntil([&] { return viewer.ended(); }, 1 * kSec));
  EXPECT_EQ(viewer.end_reason(), v1::END_UNPUBLISHED);
  EXPECT_EQ(viewer.last_sequence(), publisher.last_sequence());
  EXPECT_EQ(viewer.skipped(), 0u);
  EXPECT_TRUE(cluster->RunUntil([&] { return cluster->node("in")->publications() == 0; }, kSec));
  EXPECT_EQ(cluster->node("in")->stats().replay_bytes, 0u);
  EXPECT_EQ(cluster->node("in")->stats().replay_limit, 0u);
}

TEST_F(ClusterTest, JoinsAtTheLastRandomAccessPoint) {
  Begin();
  Publisher publisher(*cluster, ledger, "in", {.frames_per_gop = 50});
  cluster->RunFor(3'300 * kMs);
  Subscriber viewer(*cluster, ledger, "out", kStream);
  cluster->RunFor(20 * kMs);
  ASSERT_FALSE(viewer.epochs().empty());
  const auto& starts = ledger.streams[kStream][publisher.epoch()].random_access;
  EXPECT_EQ(viewer.epochs().begin()->second.first, starts.back());
  EXPECT_EQ(viewer.waits(), 0);
}

TEST_F(ClusterTest, LostPublisherComesBackWithinGraceOnOneTimeline) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  Publisher first(*cluster, ledger, "in", {});
  cluster->RunFor(2 * kSec);
  first.Unpublish(true);
  cluster->RunFor(3 * kSec);
  EXPECT_FALSE(viewer.ended());
  Publisher second(*cluster, ledger, "in2", {});
  EXPECT_TRUE(cluster->RunUntil([&] { return viewer.epoch() == second.epoch(); }, kSec));
  ASSERT_TRUE(second.previous().has_value());
  EXPECT_EQ(second.previous()->epoch, first.epoch());
  EXPECT_EQ(second.previous()->last_sequence, first.last_sequence());
  EXPECT_GT(second.previous()->dts_end_ns, 0);
  EXPECT_GT(second.previous()->next_gop, 0u);
  EXPECT_EQ(viewer.epochs().at(first.epoch()).last, first.last_sequence());
  EXPECT_EQ(viewer.ends(), 0);
  EXPECT_EQ(viewer.skipped(), 0u);
}

TEST_F(ClusterTest, GraceRunsOut) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  PublisherOptions options;
  options.publish.grace_ms = 2'000;
  Publisher publisher(*cluster, ledger, "in", options);
  cluster->RunFor(1 * kSec);
  publisher.Unpublish(true);
  cluster->RunFor(1'500 * kMs);
  EXPECT_FALSE(viewer.ended());
  EXPECT_TRUE(cluster->RunUntil([&] { return viewer.ended(); }, 1 * kSec));
  EXPECT_EQ(viewer.end_reason(), v1::END_GRACE_EXPIRED);
}

TEST_F(ClusterTest, KilledPublisherIsMissedAfterLeaseAndGrace) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  PublisherOptions options;
  options.publish.grace_ms = 2'000;
  Publisher publisher(*cluster, ledger, "in", options);
  cluster->RunFor(1 * kSec);
  cluster->KillNode("in");
  publisher.Abandon();
  cluster->RunFor(4 * kSec);
  EXPECT_FALSE(viewer.ended());
  EXPECT_TRUE(cluster->RunUntil([&] { return viewer.ended(); }, 2 * kSec));
}

TEST_F(ClusterTest, SecondPublisherIsRefused) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  PublisherOptions options;
  options.publish.policy = v1::PUBLISH_POLICY_REJECT;
  Publisher first(*cluster, ledger, "in", options);
  cluster->RunFor(kSec);
  Publisher second(*cluster, ledger, "in2", options);
  Publisher third(*cluster, ledger, "in", options);  // on the same node
  EXPECT_TRUE(cluster->RunUntil([&] { return second.refused() && third.refused(); }, kSec));
  EXPECT_EQ(second.reason(), v1::REFUSAL_BUSY);
  EXPECT_EQ(third.reason(), v1::REFUSAL_BUSY);
  EXPECT_FALSE(first.refused());
  EXPECT_TRUE(Caught(viewer, first));
}

TEST_F(ClusterTest, NewestPublisherWins) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  Publisher first(*cluster, ledger, "in", {});
  cluster->RunFor(kSec);
  Publisher second(*cluster, ledger, "in2", {});
  EXPECT_TRUE(cluster->RunUntil([&] { return first.refused(); }, kSec));
  EXPECT_EQ(first.reason(), v1::REFUSAL_REPLACED);
  Publisher third(*cluster, ledger, "in2", {});  // an encoder that reconnects to the same gateway
  EXPECT_TRUE(cluster->RunUntil([&] { return second.refused(); }, kSec));
  cluster->RunFor(kSec);
  EXPECT_EQ(viewer.epoch(), third.epoch());
  EXPECT_GT(viewer.last_sequence(), 10u);
  EXPECT_EQ(viewer.ends(), 0);
}

TEST_F(ClusterTest, EncoderThatReconnectsDoesNotCutItsLastFramesOff) {
  // Policy reject: were the old one still there when the new one asks, it would be refused.
  Begin({.seed = 3,
         .network = {.min_latency_ns = 30 * kMs, .max_latency_ns = 60 * kMs},
         .router = {}});
  Subscriber viewer(*cluster, ledger, "out", kStream);
  PublisherOptions options;
  options.publish.policy = v1::PUBLISH_POLICY_REJECT;
  Publisher first(*cluster, ledger, "in", options);
  cluster->RunFor(2 * kSec);
  cluster->Break("in", kRouter, v1::CHANNEL_MEDIA);
  cluster->RunFor(kMs);
  first.Unpublish(true);
  first.DestroyHandle();
  Publisher second(*cluster, ledger, "in", options);
  EXPECT_TRUE(cluster->RunUntil([&] { return second.granted() || second.refused(); }, 2 * kSec));
  EXPECT_FALSE(second.refused());
  EXPECT_TRUE(Caught(viewer, second));
  EXPECT_EQ(viewer.epochs().at(first.epoch()).last, first.last_sequence());
  EXPECT_EQ(viewer.skipped(), 0u);
  EXPECT_EQ(viewer.ends(), 0);
}

TEST_F(ClusterTest, SilentNodeLeavesTheOthersAlone) {
  Begin();
  Publisher publisher(*cluster, ledger, "in", {.key_payload_bytes = 20'000});
  Subscriber slow(*cluster, ledger, "out", kStream, {.credit_bytes = 60'000});
  Subscriber viewer(*cluster, ledger, "out2", kStream);
  cluster->RunFor(2 * kSec);
  viewer.Watch();
  cluster->Pause("out");
  const uint64_t before = cluster->delivered_media_bytes("out");
  cluster->RunFor(2'500 * kMs);
  EXPECT_TRUE(Caught(viewer, publisher, 100 * kMs));
  EXPECT_LT(viewer.longest_pause_ns(), 60 * kMs);
  EXPECT_EQ(viewer.skipped(), 0u);
  cluster->Resume("out");
  EXPECT_LE(cluster->delivered_media_bytes("out") - before, 60'000u + 25'000u);
  EXPECT_TRUE(Caught(slow, publisher));
  EXPECT_GT(slow.skipped(), 0u);
  for (const bus::Skip& skip : slow.skips()) EXPECT_EQ(skip.reason, "credit");
  EXPECT_GT(slow.skips().front().bytes, 0u);
}

TEST_F(ClusterTest, RouterIsAwayLongerThanTheReplayWindow) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  Publisher publisher(*cluster, ledger, "in", {});
  cluster->RunFor(2 * kSec);
  cluster->KillRouter(kRouter);
  cluster->RunFor(20 * kSec);
  EXPECT_GT(publisher.lost(), 0u);
  EXPECT_EQ(cluster->node("in")->stats().lost_frames, publisher.lost());
  cluster->StartRouter(kRouter);
  EXPECT_TRUE(Caught(viewer, publisher));
  EXPECT_GT(viewer.skipped(), 0u);
  EXPECT_EQ(viewer.epochs().size(), 1u);
  EXPECT_EQ(viewer.ends(), 0);
}

TEST_F(ClusterTest, ReplayWindowStaysWithinItsLimit) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  PublisherOptions options{.frames_per_gop = 1'000, .payload_bytes = 1'000};
  options.publish.replay_limit_bytes = 50'000;
  Publisher publisher(*cluster, ledger, "in", options);
  cluster->RunFor(2 * kSec);
  for (int i = 0; i < 300; ++i) {
    if (i == 20) cluster->KillRouter(kRouter);
    if (i == 200) cluster->StartRouter(kRouter);
    cluster->RunFor(40 * kMs);
    EXPECT_LE(cluster->node("in")->stats().replay_bytes, 50'000u);
  }
  // Within one GOP nothing can follow a loss: it comes back with the next random-access point.
  EXPECT_GT(publisher.lost(), 0u);
  EXPECT_TRUE(Caught(viewer, publisher, 60 * kSec));
}

TEST_F(ClusterTest, PublisherWaitsForCreditAndLosesNothingWithinItsWindow) {
  ClusterOptions options;
  options.router.publish_credit = 64 * 1024;
  Begin(options);
  Subscriber viewer(*cluster, ledger, "out", kStream);
  Publisher publisher(*cluster, ledger, "in",
                      {.payload_bytes = 3'000, .key_payload_bytes = 100'000});
  cluster->RunFor(10 * kSec);
  EXPECT_TRUE(Caught(viewer, publisher, 200 * kMs));
  EXPECT_EQ(viewer.skipped(), 0u);
  EXPECT_EQ(publisher.lost(), 0u);
}

TEST_F(ClusterTest, KickReachesPublisherAndViewers) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  Publisher publisher(*cluster, ledger, "in", {});
  cluster->RunFor(kSec);
  const bus::Instant now = cluster->now();
  EXPECT_TRUE(
      cluster->router(kRouter)->KickStream(kStream, "not allowed", {now.mono_ns, now.wall_ns}));
  EXPECT_TRUE(cluster->RunUntil([&] { return publisher.refused() && viewer.ended(); }, kSec));
  EXPECT_EQ(publisher.reason(), v1::REFUSAL_KICKED);
  EXPECT_EQ(viewer.end_reason(), v1::END_KICKED);
}

TEST_F(ClusterTest, StreamsMoveToTheRouterThatOwnsThem) {
  Begin();
  cluster->StartRouter(kOther);
  const std::vector<std::string> both = {kRouter, kOther};
  std::string moving;
  std::string staying;
  for (int i = 0; moving.empty() || staying.empty(); ++i) {
    const std::string name = "live/cam" + std::to_string(i);
    (bus::OwnerIndex(both, name) == 1 ? moving : staying) = name;
  }
  Publisher first(*cluster, ledger, "in", {.stream = moving});
  Publisher second(*cluster, ledger, "in2", {.stream = staying});
  Subscriber moved(*cluster, ledger, "out", moving);
  Subscriber stayed(*cluster, ledger, "out2", staying);
  cluster->RunFor(2 * kSec);
  stayed.Watch();
  // Everybody learns of it at another time.
  cluster->SetTopology(2, both, 1 * kSec);
  cluster->RunFor(3 * kSec);
  EXPECT_TRUE(Caught(moved, first));
  EXPECT_TRUE(Caught(stayed, second));
  EXPECT_LT(stayed.longest_pause_ns(), 60 * kMs);
  v1::Stream row;
  EXPECT_TRUE(cluster->router(kOther)->Describe(moving, row));
  EXPECT_FALSE(cluster->router(kRouter)->Describe(moving, row));
  EXPECT_TRUE(cluster->router(kRouter)->Describe(staying, row));
  // And the first router goes.
  cluster->SetTopology(3, {kOther}, 1 * kSec);
  cluster->RunFor(2 * kSec);
  cluster->KillRouter(kRouter);
  cluster->RunFor(2 * kSec);
  for (const auto* pair : {&moved, &stayed}) {
    EXPECT_EQ(pair->skipped(), 0u);
    EXPECT_EQ(pair->ends(), 0);
    EXPECT_EQ(pair->epochs().size(), 1u);
  }
  EXPECT_TRUE(Caught(moved, first));
  EXPECT_TRUE(Caught(stayed, second));
  EXPECT_FALSE(first.refused() || second.refused());
}

TEST_F(ClusterTest, OneNodeMayPublishAndWatchTheSameStream) {
  Begin();
  Subscriber viewer(*cluster, ledger, "in", kStream);
  Publisher publisher(*cluster, ledger, "in", {});
  cluster->RunFor(2 * kSec);
  cluster->KillRouter(kRouter);
  cluster->StartRouter(kRouter);
  cluster->RunFor(3 * kSec);
  EXPECT_TRUE(Caught(viewer, publisher));
  EXPECT_EQ(viewer.skipped(), 0u);
}

}  // namespace
}  // namespace millrace::sim
