// Scenarios on a whole cluster: router tables and bus clients over a network that fails.

#include <gtest/gtest.h>

#include "tests/support/sim/actors.h"
#include "tests/support/sim/cluster.h"

namespace millrace::sim {
namespace {

constexpr char kRouter[] = "tcp://router-a:5555";
constexpr char kStream[] = "live/one";

class ClusterTest : public testing::Test {
 protected:
  void Begin(ClusterOptions options = {}) {
    cluster = std::make_unique<Cluster>(options);
    cluster->SetTopology(1, {kRouter}, 0);
    cluster->StartRouter(kRouter);
    cluster->StartNode("in");
    cluster->StartNode("out");
  }
  void TearDown() override {
    for (const std::string& text : ledger.violations) ADD_FAILURE() << text;
  }
  Ledger ledger;
  std::unique_ptr<Cluster> cluster;
};

TEST_F(ClusterTest, PublishesAndDelivers) {
  Begin();
  Subscriber viewer(*cluster, ledger, "out", kStream);
  Publisher publisher(*cluster, ledger, "in", {});
  EXPECT_TRUE(cluster->RunUntil([&] { return viewer.frames() > 100; }, 10 * kSec));
  EXPECT_EQ(viewer.waits(), 1);
  publisher.Unpublish(false);
  EXPECT_TRUE(cluster->RunUntil([&] { return viewer.ended(); }, 1 * kSec));
  EXPECT_EQ(viewer.end_reason(), v1::END_UNPUBLISHED);
  EXPECT_EQ(viewer.last_sequence(), publisher.last_sequence());
  EXPECT_EQ(viewer.skipped(), 0u);
}

}  // namespace
}  // namespace millrace::sim
