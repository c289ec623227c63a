// HTTPS and WSS.

#include "tests/support/tls.h"

#include <gmock/gmock.h>

#include "tests/unit/gateways/http/server_world.h"

namespace millrace::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using tests::TlsClient;

class HttpTlsTest : public HttpServerTest {
 protected:
  uint16_t StartSecure() {
    node_.edit().mutable_tls()->set_certificate(files_.certificate());
    node_.edit().mutable_tls()->set_key(files_.key());
    server_ = std::make_unique<Server>(node_, "127.0.0.1:0");
    EXPECT_TRUE(server_->Start().ok());
    const uint16_t port = server_->secure_port();
    EXPECT_NE(port, 0);
    node_.Run();
    return port;
  }

  tests::Certificate files_{7};
};

TEST_F(HttpTlsTest, ShortAnswersKeepTheConnection) {
  TlsClient client(StartSecure());
  ASSERT_TRUE(client.connected());
  client.Send(Get("/"));
  EXPECT_THAT(client.ReadUntil("404.\n"), StartsWith("HTTP/1.1 200 "));
  client.Send(Get("/nothing", "Connection: close\r\n"));
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 404 "));
  EXPECT_TRUE(client.said_goodbye());
}

TEST_F(HttpTlsTest, PlaysAStreamLargerThanRecordsAndSockets) {
  TlsClient client(StartSecure());
  client.Send(Get("/live/cam.flv"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  std::string sent;
  for (int i = 0; i < 30; ++i) {
    const std::string payload(100'000 + i, static_cast<char>('a' + i % 26));
    Frame("live/cam", 1, 5'000 + i * 40, i == 0, payload);
    sent += payload;
  }
  Home([&] {
    node_.bus().ForEach("live/cam", [](auto& o) { o.OnEnded(v1::END_UNPUBLISHED, "over"); });
  });
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  const std::string body = client.ReadAll();
  EXPECT_THAT(body, testing::EndsWith("\r\n0\r\n\r\n"));
  EXPECT_TRUE(client.said_goodbye());
  size_t at = 0;
  for (int i = 0; i < 30; ++i) {
    const std::string payload(100'000 + i, static_cast<char>('a' + i % 26));
    at = body.find(payload, at);
    ASSERT_NE(at, std::string::npos) << i;
    at += payload.size();
  }
}

TEST_F(HttpTlsTest, WebSocketsToo) {
  TlsClient client(StartSecure());
  client.Send(Get("/live/cam.flv",
                  "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: https://test\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 0, true, "key");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
  EXPECT_EQ(client.ReadExactly(1), "\x82");
  client.ReadUntil("key");
}

TEST_F(HttpTlsTest, WhoSpeaksPlainlyIsCounted) {
  const uint16_t port = StartSecure();
  tests::Client client(port);
  client.Send(Get("/"));
  client.ReadAll();
  ASSERT_TRUE(Until([&] {
    return Scrape().find("error=\"tls_handshake\",protocol=\"http\"} 1") != std::string::npos;
  }));
}

TEST_F(HttpTlsTest, AHandshakeHasItsTime) {
  node_.edit().mutable_http()->set_header_timeout(200);
  const uint16_t port = StartSecure();
  tests::Client client(port);
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_TRUE(Counted("error=\"tls_timeout\",protocol=\"http\"} 1"));
}

}  // namespace
}  // namespace millrace::http
