// Behind a balancer that speaks the PROXY protocol.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/hex.h"
#include "tests/unit/gateways/rtmp/session_world.h"

namespace millrace::rtmp {
namespace {

class RtmpProxyTest : public testing::Test {
 protected:
  void Start(const char* balancer = "127.0.0.0/8") {
    world_.node.config.mutable_rtmp()->add_proxy_protocol(balancer);
    world_.StartServer();
  }
  uint64_t Errors(const std::string& name) {
    return world_.Metric("millrace_protocol_errors_total{error=\"" + name +
                         "\",protocol=\"rtmp\"}");
  }
  // Publishes live/cam1 behind `header`.
  Peer& Publish(media::Bytes header) {
    Peer& peer = world_.Connect();
    peer.Send(header);
    peer.Handshake();
    peer.Send(ClientBytes().Connect());
    peer.Send(ClientBytes().CreateStream().Publish());
    return peer;
  }

  const std::vector<uint8_t> header_ =
      tests::Hex("0d0a0d0a000d0a515549540a 21 11 000c cb007107 0a000001 dc04 078f");
  const std::vector<uint8_t> health_check_ = tests::Hex("0d0a0d0a000d0a515549540a 20 00 0000");
  SessionWorld world_;
};

TEST_F(RtmpProxyTest, ThePublisherIsWhoTheBalancerNames) {
  Start();
  Publish(header_);
  ASSERT_TRUE(world_.Until([&] { return world_.node.bus().publisher != nullptr; }));
  const auto update = world_.node.sessions().TakeUpdate(true);
  ASSERT_EQ(update.opened_or_changed_size(), 1);
  EXPECT_EQ(update.opened_or_changed(0).address(), "203.0.113.7:56324");
}

TEST_F(RtmpProxyTest, BansHoldForWhomTheBalancerNames) {
  v1::Ban ban;
  ban.set_kind(v1::BAN_ADDRESS);
  ban.set_value("203.0.113.7");
  ban.set_reason("go away");
  ban.set_expires_unix_ms(INT64_MAX);
  world_.node.ban_list.Set({ban});
  Start();
  Peer& peer = Publish(header_);
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_EQ(peer.description(), "go away");
}

TEST_F(RtmpProxyTest, OthersAreNotBelieved) {
  Start("10.0.0.0/8");
  Peer& liar = Publish(header_);
  EXPECT_TRUE(world_.Until([&] { return liar.closed; }));
  EXPECT_EQ(Errors("proxy_no_header"), 0u);
  Peer& peer = Publish({});
  EXPECT_TRUE(world_.Until([&] { return world_.node.bus().publisher != nullptr; }));
  EXPECT_FALSE(peer.closed);
}

TEST_F(RtmpProxyTest, WithoutItsHeaderABalancerIsClosedAndCounted) {
  Start();
  Peer& peer = Publish({});
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_EQ(Errors("proxy_no_header"), 1u);
}

TEST_F(RtmpProxyTest, AHeaderThatNeverComes) {
  world_.node.config.mutable_rtmp()->set_handshake_timeout(200);
  Start();
  Peer& peer = world_.Connect();
  peer.Send(media::Bytes(header_).first(20));
  ASSERT_TRUE(world_.Until([&] { return peer.closed; }));
  EXPECT_EQ(Errors("proxy_timeout"), 1u);
}

// Also where a connection ends before its session began, its place is free again.
TEST_F(RtmpProxyTest, HealthChecksTakeNoPlaceAndAreNoErrors) {
  world_.node.config.mutable_rtmp()->set_max_connections(1);
  Start();
  Peer& check = world_.Connect();
  check.Send(health_check_);
  check.Pump();
  check.Close();
  Peer& probe = world_.Connect();
  probe.Close();
  ASSERT_TRUE(world_.Until([&] {
    if (world_.node.bus().publisher != nullptr) return true;
    Peer& peer = Publish(header_);
    world_.Until([&] { return peer.closed || world_.node.bus().publisher != nullptr; },
                 std::chrono::milliseconds(500));
    return world_.node.bus().publisher != nullptr;
  }));
  EXPECT_THAT(world_.node.metrics().Expose(),
              testing::Not(testing::HasSubstr("millrace_protocol_errors_total{")));
}

}  // namespace
}  // namespace millrace::rtmp
