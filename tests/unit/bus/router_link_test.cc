#include "runtime/bus/router_link.h"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::bus {
namespace {

class RouterLinkTest : public testing::Test, public RouterLink::Wire {
 protected:
  bool Send(v1::Channel channel, v1::Envelope& message) override {
    if (!connected) return false;
    sent.emplace_back(channel, message);
    return true;
  }
  bool Welcome(v1::Channel channel, uint64_t incarnation) {
    v1::Welcome welcome;
    welcome.set_router_incarnation(incarnation);
    return link.OnWelcome(channel, welcome, now);
  }
  void Pong(v1::Channel channel, uint64_t incarnation, const v1::Ping& ping,
            int64_t router_wall_ns = 0) {
    v1::Pong pong;
    pong.set_number(ping.number());
    pong.set_sent_wall_ns(ping.sent_wall_ns());
    pong.set_router_wall_ns(router_wall_ns);
    pong.set_router_incarnation(incarnation);
    link.OnPong(channel, pong, now);
  }
  size_t Count(v1::Channel channel, v1::Envelope::MessageCase what) const {
    size_t count = 0;
    for (const auto& [to, message] : sent) count += to == channel && message.message_case() == what;
    return count;
  }
  v1::Ping LastPing() const {
    v1::Ping last;
    for (const auto& [channel, message] : sent) {
      if (message.has_ping()) last = message.ping();
    }
    return last;
  }
  void RunFor(int64_t duration_ns) {
    const int64_t end_ns = now.mono_ns + duration_ns;
    while (link.NextDeadline() <= end_ns) {
      now.wall_ns += std::max<int64_t>(0, link.NextDeadline() - now.mono_ns);
      now.mono_ns = std::max(now.mono_ns, link.NextDeadline());
      link.OnTimer(now);
    }
    now.mono_ns = end_ns;
  }

  static constexpr auto kMedia = v1::CHANNEL_MEDIA;
  static constexpr auto kLease = v1::CHANNEL_LEASE;
  Instant now{1'000, 5'000'000'000};
  bool connected = true;
  std::vector<std::pair<v1::Channel, v1::Envelope>> sent;
  RouterLink link{{.node = "n", .incarnation = 3}, *this};
};

TEST_F(RouterLinkTest, SaysHelloOnceAConnectionIsThere) {
  link.OnConnected(kMedia);
  link.OnConnected(kMedia);
  ASSERT_EQ(sent.size(), 1u);
  const v1::Hello& hello = sent[0].second.hello();
  EXPECT_EQ(hello.node(), "n");
  EXPECT_EQ(hello.incarnation(), 3u);
  EXPECT_EQ(hello.channel(), kMedia);
  EXPECT_EQ(hello.protocol_version(), 1u);
  EXPECT_FALSE(link.ready());
  EXPECT_TRUE(Welcome(kMedia, 7));
  EXPECT_TRUE(link.ready());
  EXPECT_FALSE(Welcome(kMedia, 7)) << "the answer to a Hello that was repeated";
  EXPECT_EQ(link.reconnects(), 0u);
}

TEST_F(RouterLinkTest, HelloIsRepeatedUntilAnswered) {
  link.OnConnected(kMedia);
  RunFor(2 * kSecond);
  EXPECT_GE(Count(kMedia, v1::Envelope::kHello), 4u);
  EXPECT_EQ(Count(kMedia, v1::Envelope::kPing), 0u);
}

TEST_F(RouterLinkTest, PingsTheLeaseTwiceASecondAndMediaOnce) {
  link.OnConnected(kMedia);
  link.OnConnected(kLease);
  EXPECT_FALSE(Welcome(kLease, 7));
  EXPECT_TRUE(Welcome(kMedia, 7));
  RunFor(kTickNs);  // onto the grid
  sent.clear();
  RunFor(10 * kSecond);
  EXPECT_EQ(Count(kLease, v1::Envelope::kPing), 20u);
  EXPECT_EQ(Count(kMedia, v1::Envelope::kPing), 10u);
  EXPECT_EQ(sent.size(), 30u);
}

TEST_F(RouterLinkTest, HelloRequiredMeansAnotherConnection) {
  link.OnConnected(kMedia);
  Welcome(kMedia, 7);
  link.OnHelloRequired(kMedia);
  EXPECT_FALSE(link.ready());
  link.OnHelloRequired(kMedia);  // answers what was sent before the Hello
  EXPECT_EQ(Count(kMedia, v1::Envelope::kHello), 2u);
  EXPECT_TRUE(Welcome(kMedia, 7));
  EXPECT_EQ(link.reconnects(), 1u);
}

TEST_F(RouterLinkTest, LeaseChannelMayHearOfANewRouterFirst) {
  link.OnConnected(kMedia);
  link.OnConnected(kLease);
  Welcome(kMedia, 7);
  Welcome(kLease, 7);
  sent.clear();
  link.OnHelloRequired(kLease);
  Welcome(kLease, 8);
  EXPECT_EQ(Count(kMedia, v1::Envelope::kHello), 1u);
  EXPECT_FALSE(link.ready());
  EXPECT_TRUE(Welcome(kMedia, 8));
}

TEST_F(RouterLinkTest, PongOfANewRouterIsANewRouter) {
  link.OnConnected(kMedia);
  Welcome(kMedia, 7);
  link.SendMediaPing(now);
  Pong(kMedia, 8, sent.back().second.ping());
  EXPECT_FALSE(link.ready());
  EXPECT_EQ(Count(kMedia, v1::Envelope::kHello), 2u);
}

TEST_F(RouterLinkTest, NothingIsSentWithoutAConnection) {
  link.OnConnected(kMedia);
  Welcome(kMedia, 7);
  link.OnDisconnected(kMedia);
  EXPECT_FALSE(link.ready());
  EXPECT_EQ(link.SendMediaPing(now), 0u);
  connected = false;
  sent.clear();
  RunFor(5 * kSecond);
  EXPECT_TRUE(sent.empty());
  connected = true;
  link.OnConnected(kMedia);
  EXPECT_TRUE(Welcome(kMedia, 7));
}

TEST_F(RouterLinkTest, FailedPingTellsOfALostConnection) {
  link.OnConnected(kMedia);
  Welcome(kMedia, 7);
  connected = false;
  EXPECT_EQ(link.SendMediaPing(now), 0u);
  EXPECT_FALSE(link.ready());
}

TEST_F(RouterLinkTest, ClockOffsetIsThatOfTheFastestRound) {
  link.OnConnected(kLease);
  Welcome(kLease, 7);
  constexpr int64_t kAhead = 3 * kSecond;
  for (const int64_t one_way_ns : {9 * kMillisecond, 1 * kMillisecond, 30 * kMillisecond}) {
    now.wall_ns += std::max<int64_t>(0, link.NextDeadline() - now.mono_ns);
    now.mono_ns = std::max(now.mono_ns, link.NextDeadline());
    link.OnTimer(now);
    const v1::Ping ping = LastPing();
    const int64_t arrived_wall_ns = now.wall_ns + one_way_ns;
    now.mono_ns += 2 * one_way_ns;
    now.wall_ns += 2 * one_way_ns;
    // Slow rounds are also lopsided.
    const int64_t error_ns = one_way_ns > 5 * kMillisecond ? 4 * kMillisecond : 0;
    Pong(kLease, 7, ping, arrived_wall_ns + kAhead + error_ns);
  }
  EXPECT_NEAR(static_cast<double>(link.clock_offset_ns()), static_cast<double>(kAhead), 1e5);
  RunFor(kTickNs);
  EXPECT_EQ(LastPing().clock_offset_ns(), link.clock_offset_ns());
  // An answer to an older ping says nothing about the round trip.
  Pong(kLease, 7, v1::Ping(), 0);
  EXPECT_NEAR(static_cast<double>(link.clock_offset_ns()), static_cast<double>(kAhead), 1e5);
}

}  // namespace
}  // namespace millrace::bus
