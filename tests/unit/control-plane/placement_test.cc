#include "control-plane/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::control {
namespace {

using testing::ElementsAre;

// Takes the next topology, if there is one, into force.
bool Step(Placement& placement, int64_t now_ms) {
  const auto next = placement.Next(now_ms);
  if (next) placement.Commit(*next);
  return next.has_value();
}

TEST(Placement, RoutersThatRegister) {
  Placement placement({});
  EXPECT_FALSE(Step(placement, 0));
  placement.RouterAttached("b", "tcp://b:1");
  placement.RouterAttached("a", "tcp://a:1");
  ASSERT_TRUE(Step(placement, 0));
  EXPECT_THAT(placement.current().endpoints(), ElementsAre("tcp://a:1", "tcp://b:1"));
  const uint64_t term = placement.current().term();
  EXPECT_FALSE(Step(placement, 0));
  placement.RouterAttached("c", "tcp://c:1");
  ASSERT_TRUE(Step(placement, 0));
  EXPECT_GT(placement.current().term(), term);
}

TEST(Placement, ARestartChangesNothing) {
  Placement placement({});
  placement.RouterAttached("a", "tcp://a:1");
  placement.RouterAttached("b", "tcp://b:1");
  Step(placement, 0);
  placement.RouterDetached("a", 1'000);
  EXPECT_FALSE(Step(placement, 1'000 + Placement::kKeepMs - 1));
  placement.RouterAttached("a", "tcp://a:1");
  EXPECT_FALSE(Step(placement, 100'000));
}

TEST(Placement, OneThatStaysAwayLosesItsPlace) {
  Placement placement({});
  placement.RouterAttached("a", "tcp://a:1");
  placement.RouterAttached("b", "tcp://b:1");
  Step(placement, 0);
  placement.RouterDetached("a", 1'000);
  ASSERT_TRUE(Step(placement, 1'000 + Placement::kKeepMs));
  EXPECT_THAT(placement.current().endpoints(), ElementsAre("tcp://b:1"));
}

TEST(Placement, TheLastKeepsItForGood) {
  Placement placement({});
  placement.RouterAttached("a", "tcp://a:1");
  Step(placement, 0);
  placement.RouterDetached("a", 0);
  EXPECT_FALSE(Step(placement, 10'000'000));
  EXPECT_THAT(placement.current().endpoints(), ElementsAre("tcp://a:1"));
}

TEST(Placement, AnotherEndpointOfTheSameNodeReplaces) {
  Placement placement({});
  placement.RouterAttached("a", "tcp://a:1");
  Step(placement, 0);
  placement.RouterDetached("a", 0);
  placement.RouterAttached("a", "tcp://a:2");
  ASSERT_TRUE(Step(placement, 1));
  EXPECT_THAT(placement.current().endpoints(), ElementsAre("tcp://a:2"));
}

TEST(Placement, ConfiguredRoutersAreAllThereAre) {
  Placement placement({"tcp://y:1", "tcp://x:1", "tcp://x:1"});
  ASSERT_TRUE(Step(placement, 0));
  EXPECT_THAT(placement.current().endpoints(), ElementsAre("tcp://x:1", "tcp://y:1"));
  placement.RouterAttached("a", "tcp://a:1");
  EXPECT_FALSE(Step(placement, 0));
  placement.SetConfigured({});
  ASSERT_TRUE(Step(placement, 0));
  EXPECT_THAT(placement.current().endpoints(), ElementsAre("tcp://a:1"));
}

TEST(Placement, ARestartOfTheControlPlaneKeepsTheTopology) {
  StoredTopology stored;
  stored.topology.set_term(99);
  stored.topology.add_endpoints("tcp://a:1");
  stored.topology.add_endpoints("tcp://b:1");
  stored.routers = {{"a", "tcp://a:1"}, {"b", "tcp://b:1"}};
  Placement placement({});
  placement.Restore(stored, 0);
  EXPECT_FALSE(Step(placement, 0));
  placement.RouterAttached("a", "tcp://a:1");
  EXPECT_FALSE(Step(placement, Placement::kKeepMs - 1));
  ASSERT_TRUE(Step(placement, Placement::kKeepMs));
  EXPECT_THAT(placement.current().endpoints(), ElementsAre("tcp://a:1"));
  EXPECT_EQ(placement.current().term(), 100u);
}

TEST(Placement, TermsFollowTheClockSoThatALostStoreTakesNoneBack) {
  Placement placement({"tcp://a:1"});
  Step(placement, 1'700'000'000'000);
  EXPECT_EQ(placement.current().term(), 1'700'000'000u);
  placement.SetConfigured({"tcp://b:1"});
  Step(placement, 1'600'000'000'000);  // the clock went back
  EXPECT_EQ(placement.current().term(), 1'700'000'001u);
}

TEST(Placement, WhatIsNotCommittedIsProposedAgain) {
  Placement placement({"tcp://a:1"});
  EXPECT_TRUE(placement.Next(0).has_value());
  EXPECT_TRUE(placement.Next(0).has_value());
  EXPECT_EQ(placement.current().term(), 0u);
}

}  // namespace
}  // namespace millrace::control
