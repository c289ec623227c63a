// Hello, leases, reconnections and restarts of nodes.

#include <gtest/gtest.h>

#include "runtime/bus/rendezvous.h"
#include "tests/unit/router/table_world.h"

namespace millrace::router {
namespace {

constexpr ConnectionId kPub = 1, kSub = 2, kPubAgain = 3, kSubAgain = 4;

struct NodesTest : testing::Test {
  TableWorld world;
  void SetUp() override { world.Advance(2'000); }
  // One stream with a publisher, a subscriber and one GOP.
  v1::PublishGrant Cluster() {
    world.Attach(kPub, "pub");
    world.Attach(kSub, "sub");
    world.Subscribe(kSub, TableWorld::SubscribeOf(1));
    const v1::PublishGrant grant = world.Granted(kPub, 1);
    world.Send(kPub, grant, 1, 1, true);
    EXPECT_EQ(world.Story(kSub), "waiting tracks1 1");
    world.ClearInboxes();
    return grant;
  }
};

TEST_F(NodesTest, WelcomeTellsIncarnationLeaseAndSettling) {
  TableWorld fresh;
  fresh.Advance(300);
  fresh.Hello(kPub, "pub");
  const v1::Welcome welcome = fresh.Last(kPub).welcome();
  EXPECT_EQ(welcome.router_incarnation(), fresh.table().options().incarnation);
  EXPECT_EQ(welcome.lease_ms(), 3'000u);
  EXPECT_EQ(welcome.settle_ms(), 700u);
  world.Hello(kPub, "pub");
  EXPECT_EQ(world.Last(kPub).welcome().settle_ms(), 0u);
}

TEST_F(NodesTest, WhoHasNotSaidHelloIsAskedTo) {
  world.Publish(kPub, TableWorld::PublishOf(1));
  EXPECT_EQ(world.Story(kPub), "hello?");
  world.Media(kPub, {.stream_id = 5, .epoch = 6});
  EXPECT_EQ(world.Story(kPub), "") << "once in a while is enough";
  world.Advance(200);
  world.Media(kPub, {.stream_id = 5, .epoch = 6});
  EXPECT_EQ(world.Last(kPub).hello_required().router_incarnation(),
            world.table().options().incarnation);
}

TEST_F(NodesTest, HelloMustBeWhole) {
  world.Hello(kPub, "");
  world.Hello(kPub, "pub", 1, v1::CHANNEL_UNSPECIFIED);
  world.Hello(kPub, std::string(300, 'x'));
  EXPECT_EQ(world.Story(kPub), "");
  EXPECT_EQ(world.table().counters().malformed_control, 3u);
  EXPECT_EQ(world.table().usage().nodes, 0u);
}

TEST_F(NodesTest, NodesAreBounded) {
  TableWorld small({.max_nodes = 1});
  small.Hello(kPub, "pub");
  small.Hello(kSub, "sub");
  EXPECT_EQ(small.Story(kPub), "welcome");
  EXPECT_EQ(small.Story(kSub), "");
}

TEST_F(NodesTest, PingIsAnsweredOnBothChannels) {
  world.Attach(kPub, "pub");
  v1::Envelope ping;
  ping.mutable_ping()->set_number(9);
  ping.mutable_ping()->set_sent_wall_ns(77);
  for (const ConnectionId from : {kPub, kPub + 1000}) {
    world.Control(from, ping);
    const v1::Pong pong = world.Last(from).pong();
    EXPECT_EQ(pong.number(), 9u);
    EXPECT_EQ(pong.sent_wall_ns(), 77);
    EXPECT_EQ(pong.router_wall_ns(), world.now.wall_ns);
    EXPECT_EQ(pong.router_incarnation(), world.table().options().incarnation);
  }
}

TEST_F(NodesTest, LeaseConnectionsCarryNothingElse) {
  world.Attach(kPub, "pub");
  world.Publish(kPub + 1000, TableWorld::PublishOf(1));
  EXPECT_EQ(world.Story(kPub + 1000), "");
  EXPECT_EQ(world.table().counters().malformed_control, 1u);
}

TEST_F(NodesTest, PingsOnTheMediaChannelDoNotRenewTheLease) {
  world.Attach(kPub, "pub");
  world.AdvanceAlive(4'000, {kPub});
  EXPECT_EQ(world.table().counters().leases_expired, 1u);
  EXPECT_EQ(world.table().usage().nodes, 0u);
}

TEST_F(NodesTest, PingsOnTheLeaseChannelDo) {
  world.Attach(kPub, "pub");
  world.AdvanceAlive(60'000, {kPub + 1000});
  EXPECT_EQ(world.table().counters().leases_expired, 0u);
  world.Advance(2'400);
  EXPECT_EQ(world.table().usage().nodes, 1u);
  world.Advance(700);
  EXPECT_EQ(world.table().usage().nodes, 0u);
}

TEST_F(NodesTest, AnExpiredLeaseOfAPublisherStartsGrace) {
  const v1::PublishGrant grant = Cluster();
  world.AdvanceAlive(4'000, {kSub + 1000});
  EXPECT_EQ(world.table().usage().grace, 1u);
  EXPECT_EQ(world.Story(kSub), "") << "viewers wait";
  world.AdvanceAlive(15'000, {kSub + 1000});
  EXPECT_EQ(world.Story(kSub), "ended(GRACE_EXPIRED)");
}

TEST_F(NodesTest, AnExpiredLeaseOfASubscriberEndsItsSubscriptions) {
  const v1::PublishGrant grant = Cluster();
  world.AdvanceAlive(4'000, {kPub + 1000});
  world.Send(kPub, grant, 2);
  EXPECT_EQ(world.Story(kSub), "");
  EXPECT_EQ(world.table().usage().subscriptions, 0u);
  // It wakes up (SIGCONT): both connections are asked for Hello.
  v1::Envelope ping;
  ping.mutable_ping();
  world.Control(kSub, ping);
  world.Control(kSub + 1000, ping);
  EXPECT_EQ(world.Story(kSub), "hello?");
  EXPECT_EQ(world.Story(kSub + 1000), "hello?");
  world.Attach(kSub, "sub");
  world.Subscribe(kSub, TableWorld::AfterOf(2, grant.epoch(), 1));
  EXPECT_EQ(world.Story(kSub), "online tracks1 2") << "nothing is missing";
}

TEST_F(NodesTest, APublisherThatWakesUpGoesOnWithItsEpoch) {
  const v1::PublishGrant grant = Cluster();
  world.AdvanceAlive(6'000, {kSub + 1000});
  world.Send(kPub, grant, 2);
  EXPECT_EQ(world.Story(kPub), "hello?");
  world.Attach(kPub, "pub");
  v1::Publish publish = TableWorld::PublishOf(2);
  publish.mutable_held()->set_epoch(grant.epoch());
  publish.mutable_held()->set_last_sequence(1);
  world.Publish(kPub, publish);
  const v1::PublishGrant again = world.Last(kPub).publish_grant();
  EXPECT_EQ(again.epoch(), grant.epoch());
  EXPECT_EQ(again.stream_id(), grant.stream_id());
  EXPECT_EQ(again.have_sequence(), 1u);
  world.Send(kPub, again, 2);
  EXPECT_EQ(world.Story(kSub), "2");
}

TEST_F(NodesTest, TheSameProcessOnANewConnection) {
  const v1::PublishGrant grant = Cluster();
  world.Attach(kPubAgain, "pub");
  world.Attach(kSubAgain, "sub");
  EXPECT_EQ(world.table().counters().reconnects, 2u);
  EXPECT_EQ(world.table().usage().subscriptions, 0u);
  EXPECT_EQ(world.table().usage().live, 1u) << "the publisher is on its way back";
  // What is still in the old connection's pipe is not taken.
  world.Send(kPub, grant, 2);
  EXPECT_EQ(world.Story(kPub), "hello?");
  v1::Publish publish = TableWorld::PublishOf(2);
  publish.mutable_held()->set_epoch(grant.epoch());
  publish.mutable_held()->set_last_sequence(1);
  world.Publish(kPubAgain, publish);
  EXPECT_EQ(world.Last(kPubAgain).publish_grant().have_sequence(), 1u);
  world.Subscribe(kSubAgain, TableWorld::AfterOf(5, grant.epoch(), 1));
  world.Send(kPubAgain, world.Last(kPubAgain).publish_grant(), 2);
  EXPECT_EQ(world.Story(kSubAgain), "online tracks1 2");
}

TEST_F(NodesTest, AReconnectedNodeThatDoesNotReattachLosesItsPublications) {
  Cluster();
  world.Attach(kPubAgain, "pub");
  world.AdvanceAlive(2'500, {kPubAgain + 1000, kSub + 1000});
  EXPECT_EQ(world.table().usage().live, 1u);
  world.AdvanceAlive(1'000, {kPubAgain + 1000, kSub + 1000});
  EXPECT_EQ(world.table().usage().grace, 1u);
  world.AdvanceAlive(15'000, {kPubAgain + 1000, kSub + 1000});
  EXPECT_EQ(world.Story(kSub), "ended(GRACE_EXPIRED)");
}

TEST_F(NodesTest, ARestartedProcessLosesItsPublicationsAtOnce) {
  const v1::PublishGrant grant = Cluster();
  world.Attach(kPubAgain, "pub", 2);
  EXPECT_EQ(world.table().usage().grace, 1u);
  // Its encoder is back: a new epoch on the same timeline, and viewers stay.
  const v1::PublishGrant next = world.Granted(kPubAgain, 1);
  EXPECT_GT(next.epoch(), grant.epoch());
  EXPECT_EQ(next.stream_id(), grant.stream_id());
  EXPECT_EQ(next.previous().epoch(), grant.epoch());
  world.Send(kPubAgain, next, 1, 1, true);
  EXPECT_EQ(world.Story(kSub), "tracks1 1");
}

TEST_F(NodesTest, ARestartedSubscriberStartsAnew) {
  const v1::PublishGrant grant = Cluster();
  world.Attach(kSubAgain, "sub", 2);
  EXPECT_EQ(world.table().usage().subscriptions, 0u);
  world.Send(kPub, grant, 2);
  EXPECT_EQ(world.Story(kSub), "");
}

TEST_F(NodesTest, HelloRepeatedOnTheSameConnectionDropsNothing) {
  const v1::PublishGrant grant = Cluster();
  world.Hello(kPub, "pub");
  world.Hello(kSub, "sub");
  EXPECT_EQ(world.Story(kSub), "welcome");
  world.Send(kPub, grant, 2);
  EXPECT_EQ(world.Story(kSub), "2");
  EXPECT_EQ(world.table().counters().reconnects, 0u);
}

TEST_F(NodesTest, AConnectionThatChangesItsNameLosesWhatItHad) {
  Cluster();
  world.Hello(kSub, "other");
  EXPECT_EQ(world.table().usage().subscriptions, 0u);
}

TEST_F(NodesTest, AnUnreachableConnectionIsForgotten) {
  const v1::PublishGrant grant = Cluster();
  world.table().OnConnectionUnreachable(kSub, world.now);
  EXPECT_EQ(world.table().usage().subscriptions, 0u);
  world.table().OnConnectionUnreachable(kPub, world.now);
  EXPECT_EQ(world.table().usage().live, 1u);
  world.Advance(3'100);
  EXPECT_EQ(world.table().usage().grace, 1u);
  world.table().OnConnectionUnreachable(99, world.now);
}

TEST_F(NodesTest, ALostLeaseConnectionIsReplacedQuietly) {
  Cluster();
  world.Hello(kPub + 2000, "pub", 1, v1::CHANNEL_LEASE);
  world.AdvanceAlive(10'000, {kPub + 2000, kSub + 1000});
  EXPECT_EQ(world.table().usage().live, 1u);
  EXPECT_EQ(world.table().usage().nodes, 2u);
}

TEST_F(NodesTest, TheHopDelayUsesTheNodesClockOffset) {
  world.Attach(kPub, "pub");
  const v1::PublishGrant grant = world.Granted(kPub, 1);
  const auto send = [&](uint64_t sequence, int64_t ingest_wall_ns) {
    world.Media(kPub, {.stream_id = grant.stream_id(),
                       .epoch = grant.epoch(),
                       .first = sequence,
                       .ingest_wall_ns = ingest_wall_ns});
  };
  send(1, world.now.wall_ns - 3'000'000);
  EXPECT_EQ(world.table().counters().hop_delay[5], 1u) << "2.5 to 5 ms";
  // The node's clock is a second behind ours.
  v1::Envelope ping;
  ping.mutable_ping()->set_clock_offset_ns(1'000'000'000);
  world.Control(kPub, ping);
  send(2, world.now.wall_ns - 1'003'000'000);
  EXPECT_EQ(world.table().counters().hop_delay[5], 2u);
}

TEST_F(NodesTest, AnotherOwnersStreamsAreSentAway) {
  TableWorld two({.endpoint = "tcp://a:1"});
  two.Advance(2'000);
  two.Attach(kPub, "pub");
  two.Attach(kSub, "sub");
  const std::vector<std::string> endpoints = {"tcp://a:1", "tcp://b:1"};
  std::string mine, others;
  for (int i = 0; mine.empty() || others.empty(); ++i) {
    const std::string name = "live/" + std::to_string(i);
    (bus::OwnerIndex(endpoints, name) == 0 ? mine : others) = name;
  }
  const v1::PublishGrant stays = two.Granted(kPub, 1, mine);
  const v1::PublishGrant goes = two.Granted(kPub, 2, others);
  two.Subscribe(kSub, TableWorld::SubscribeOf(1, mine));
  two.Subscribe(kSub, TableWorld::SubscribeOf(2, others));
  two.ClearInboxes();

  v1::Topology topology;
  topology.set_term(5);
  for (const std::string& endpoint : endpoints) topology.add_endpoints(endpoint);
  two.table().SetTopology(topology, two.now);
  EXPECT_EQ(two.Last(kPub).not_owner().request_id(), 2u);
  EXPECT_EQ(two.Last(kPub).not_owner().stream(), others);
  EXPECT_EQ(two.Last(kPub).term(), 5u);
  EXPECT_EQ(two.Last(kSub).not_owner().stream(), others);
  two.ClearInboxes();
  two.Subscribe(kSub, TableWorld::SubscribeOf(3, others));
  two.Publish(kPub, TableWorld::PublishOf(4, others));
  EXPECT_EQ(two.Story(kSub), "not_owner");
  EXPECT_EQ(two.Story(kPub), "not_owner");
  two.Send(kPub, stays, 1, 1, true);
  EXPECT_EQ(two.Story(kSub), "1");

  // An older topology is not believed.
  topology.set_term(4);
  topology.clear_endpoints();
  topology.add_endpoints("tcp://b:1");
  two.table().SetTopology(topology, two.now);
  EXPECT_EQ(two.table().term(), 5u);
  EXPECT_EQ(two.table().usage().live, 1u);

  // Taken off the list, it owns nothing.
  topology.set_term(6);
  two.table().SetTopology(topology, two.now);
  EXPECT_EQ(two.table().usage().live, 0u);
  two.Publish(kPub, TableWorld::PublishOf(5, mine));
  EXPECT_EQ(two.Story(kPub), "not_owner not_owner");
}

TEST_F(NodesTest, OneEndpointOwnsEverything) {
  v1::Topology topology;
  topology.set_term(1);
  topology.add_endpoints("tcp://somebody:1");
  world.table().SetTopology(topology, world.now);
  world.Attach(kPub, "pub");
  world.Publish(kPub, TableWorld::PublishOf(1));
  EXPECT_EQ(world.Story(kPub), "granted");
}

}  // namespace
}  // namespace millrace::router
