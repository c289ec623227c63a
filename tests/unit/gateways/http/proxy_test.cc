// Behind a balancer that speaks the PROXY protocol.

#include <gmock/gmock.h>

#include "tests/unit/gateways/http/server_world.h"

namespace millrace::http {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using tests::Client;

constexpr char kLine[] = "PROXY TCP4 203.0.113.7 10.0.0.1 56324 8080\r\n";
// "LOCAL": the balancer asks for itself.
const std::string kHealthCheck("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);

class HttpProxyTest : public HttpServerTest {
 protected:
  HttpProxyTest() { node_.edit().mutable_http()->add_proxy_protocol("127.0.0.2"); }
};

TEST_F(HttpProxyTest, TheClientIsWhoTheBalancerNames) {
  Start();
  Client client(server_->port(), 2);
  client.Send(kLine + Get("/live/cam.flv"));
  ASSERT_TRUE(Subscribed("live/cam"));
  EXPECT_THAT(Addresses(), testing::ElementsAre("203.0.113.7:56324"));
}

TEST_F(HttpProxyTest, BansHoldForWhomTheBalancerNames) {
  v1::Ban ban;
  ban.set_kind(v1::BAN_ADDRESS);
  ban.set_value("203.0.113.7");
  ban.set_reason("abuse");
  ban.set_expires_unix_ms(INT64_MAX);
  node_.edit_bans().Set({ban});
  Start();
  Client client(server_->port(), 2);
  client.Send(kLine + Get("/live/cam.flv", "Connection: close\r\n"));
  EXPECT_THAT(client.ReadAll(), HasSubstr("abuse"));
}

TEST_F(HttpProxyTest, WhomItNamesMayBeAProxyThatSpeaksHttp) {
  node_.edit().mutable_http()->add_trusted_proxies("203.0.113.7");
  Start();
  Client client(server_->port(), 2);
  client.Send(kLine + Get("/live/cam.flv", "X-Forwarded-For: 198.51.100.9\r\n"));
  ASSERT_TRUE(Subscribed("live/cam"));
  EXPECT_THAT(Addresses(), testing::ElementsAre("198.51.100.9"));
}

TEST_F(HttpProxyTest, OthersAreNotAskedAndNotBelieved) {
  Start();
  Client plain(server_->port(), 3);
  plain.Send(Get("/", "Connection: close\r\n"));
  EXPECT_THAT(plain.ReadAll(), StartsWith("HTTP/1.1 200 "));
  Client liar(server_->port(), 3);
  liar.Send(kLine + Get("/live/cam.flv"));
  EXPECT_THAT(liar.ReadAll(), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpProxyTest, AHealthCheckIsTheBalancersOwn) {
  Start();
  Client client(server_->port(), 2);
  client.Send(kHealthCheck + Get("/", "Connection: close\r\n"));
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 200 "));
  Client viewer(server_->port(), 2);
  viewer.Send(kHealthCheck + Get("/live/cam.flv"));
  ASSERT_TRUE(Subscribed("live/cam"));
  EXPECT_THAT(Addresses(), testing::ElementsAre(StartsWith("127.0.0.2:")));
}

TEST_F(HttpProxyTest, WithoutItsHeaderABalancerIsClosedAndCounted) {
  Start();
  Client client(server_->port(), 2);
  client.Send(Get("/"));
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_TRUE(Counted("error=\"proxy_no_header\",protocol=\"http\"} 1"));
}

TEST_F(HttpProxyTest, AHeaderThatNeverComes) {
  node_.edit().mutable_http()->set_header_timeout(200);
  Start();
  Client client(server_->port(), 2);
  client.Send("PROXY TCP4 203.0");
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_TRUE(Counted("error=\"proxy_timeout\",protocol=\"http\"} 1"));
}

TEST_F(HttpProxyTest, AProbeThatOnlyConnectsIsNobodysFault) {
  Start();
  { Client probe(server_->port(), 2); }
  // Answered behind the probe, on the same loop or not: its end has been seen when the next is.
  Client client(server_->port(), 2);
  client.Send(kLine + Get("/", "Connection: close\r\n"));
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Scrape(), Not(HasSubstr("millrace_protocol_errors_total{")));
}

}  // namespace
}  // namespace millrace::http
