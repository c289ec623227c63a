#include "control-plane/service_discovery.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace::control {
namespace {

TEST(ServiceDiscovery, OneGroupANode) {
  std::map<std::string, NodeRow> nodes;
  v1::Register& gateway = *nodes["gw\"1"].node.mutable_registration();
  gateway.set_kind(v1::NODE_KIND_RTMP_GATEWAY);
  gateway.set_metrics_address("10.0.0.2:9103");
  gateway.set_version("0.1.0");
  nodes["silent"];  // without an address there is nothing to scrape
  const auto groups = nlohmann::json::parse(PrometheusTargets(nodes, "cp", "10.0.0.1:9101"));
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0]["targets"], nlohmann::json::array({"10.0.0.1:9101"}));
  EXPECT_EQ(groups[0]["labels"]["kind"], "control-plane");
  EXPECT_EQ(groups[1]["targets"], nlohmann::json::array({"10.0.0.2:9103"}));
  EXPECT_EQ(groups[1]["labels"]["node"], "gw\"1");
  EXPECT_EQ(groups[1]["labels"]["kind"], "rtmp-gateway");
  EXPECT_EQ(groups[1]["labels"]["job"], "millrace");
  EXPECT_EQ(groups[1]["labels"]["__meta_millrace_version"], "0.1.0");
}

TEST(ServiceDiscovery, Words) {
  EXPECT_EQ(KindWord(v1::NODE_KIND_ROUTER), "router");
  EXPECT_EQ(KindWord(v1::NODE_KIND_CONTROL_PLANE), "control-plane");
  EXPECT_EQ(KindWord(v1::NODE_KIND_UNSPECIFIED), "unknown");
  EXPECT_EQ(KindWord(static_cast<v1::NodeKind>(77)), "unknown");
}

}  // namespace
}  // namespace millrace::control
