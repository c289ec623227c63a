// WS-FLV: the http-gateway as a WebSocket server.

#include <gmock/gmock.h>

#include <utility>

#include "tests/unit/gateways/http/flv/gathering.h"
#include "tests/unit/gateways/http/server_world.h"

namespace millrace::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using tests::Client;

std::string Upgrade(const std::string& path, const std::string& more = "") {
  return Get(path,
             "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
                 more);
}

// A short frame as a client sends it, its mask all zeros.
std::string Masked(char first, const std::string& payload) {
  return std::string({first, static_cast<char>(0x80 | payload.size()), 0, 0, 0, 0}) + payload;
}

struct Message {
  uint8_t first = 0;
  std::string payload;
};

Message ReadMessage(Client& client) {
  Message message;
  const std::string head = client.ReadExactly(2);
  if (head.size() < 2) return message;
  message.first = static_cast<uint8_t>(head[0]);
  size_t size = static_cast<uint8_t>(head[1]);
  EXPECT_LT(size, 128u) << "masked";
  if (size > 125) {
    const std::string length = client.ReadExactly(size == 126 ? 2 : 8);
    size = 0;
    for (const char c : length) size = size << 8 | static_cast<uint8_t>(c);
  }
  message.payload = client.ReadExactly(size);
  return message;
}

std::string CloseText(uint16_t code, const std::string& reason) {
  return std::string({static_cast<char>(code >> 8), static_cast<char>(code)}) + reason;
}

class WebSocketTest : public HttpServerTest {
 protected:
  // Plays live/cam up to its first key frame.
  void Play(Client& client, const std::string& request = Upgrade("/live/cam.flv")) {
    client.Send(request);
    ASSERT_TRUE(Subscribed("live/cam"));
    Tracks("live/cam");
    Frame("live/cam", 1, 5'000, true, "key");
    EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
    EXPECT_THAT(ReadMessage(client).payload, StartsWith("FLV"));
    EXPECT_THAT(ReadMessage(client).payload, HasSubstr("key"));
  }
  void EndStream() {
    Home([&] {
      node_.bus().ForEach("live/cam", [](auto& o) { o.OnEnded(v1::END_UNPUBLISHED, "over"); });
    });
  }
  bool Ended(const std::string& reason) {
    return Until([&] { return node_.sessions().size() == 0; }) &&
           Scrape().find("protocol=\"ws-flv\",reason=\"" + reason + "\"") != std::string::npos;
  }
};

TEST_F(WebSocketTest, EachUnitIsOneBinaryMessage) {
  Start();
  Client client(server_->port());
  client.Send(Upgrade("/live/cam.flv"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 5'000, true, std::string(70'000, 'k'));
  Frame("live/cam", 2, 5'010, false, "aac");
  const std::string head = client.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(head, HasSubstr("Upgrade: websocket\r\n"));
  EXPECT_THAT(head, HasSubstr("Connection: Upgrade\r\n"));
  EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(head, testing::Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(head, testing::Not(HasSubstr("\nContent-Length")));
  const Message preamble = ReadMessage(client);
  EXPECT_EQ(preamble.first, 0x82);
  EXPECT_EQ(preamble.payload.substr(0, 13), std::string("FLV\x01\x05\0\0\0\x09\0\0\0\0", 13));
  const Message key = ReadMessage(client);
  EXPECT_EQ(key.first, 0x82);
  const auto tags = tests::ReadTags(media::AsBytes(key.payload));
  ASSERT_EQ(tags.size(), 1u);
  EXPECT_EQ(tags[0].timestamp_ms, 0u);
  EXPECT_EQ(tags[0].body.size(), 70'005u);
  const auto sound = tests::ReadTags(media::AsBytes(ReadMessage(client).payload));
  ASSERT_EQ(sound.size(), 1u);
  EXPECT_EQ(sound[0].timestamp_ms, 10u);
}

TEST_F(WebSocketTest, OnlyAPart) {
  Start();
  Client client(server_->port());
  client.Send(Upgrade("/live/cam.flv?only=audio"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 0, true, "key");
  Frame("live/cam", 2, 10, false, "aac");
  client.ReadUntil("\r\n\r\n");
  EXPECT_EQ(ReadMessage(client).payload[4], 4);
  EXPECT_THAT(ReadMessage(client).payload, HasSubstr("aac"));
}

TEST_F(WebSocketTest, TheStreamsEndIsANormalClose) {
  Start();
  Client client(server_->port());
  Play(client);
  EndStream();
  const Message last = ReadMessage(client);
  EXPECT_EQ(last.first, 0x88);
  EXPECT_EQ(last.payload, CloseText(1000, "over"));
  client.Send(Masked('\x88', CloseText(1000, "")));
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_TRUE(Ended("stream_ended"));
}

TEST_F(WebSocketTest, AKickSaysWhy) {
  Start();
  Client client(server_->port());
  Play(client);
  EXPECT_EQ(node_.sessions().KickAll("out you go"), 1u);
  const Message last = ReadMessage(client);
  EXPECT_EQ(last.first, 0x88);
  EXPECT_EQ(last.payload, CloseText(1008, "out you go"));
  EXPECT_TRUE(Ended("kicked"));
}

TEST_F(WebSocketTest, ANodeThatStopsIsGoingAway) {
  Start();
  Client client(server_->port());
  Play(client);
  Home([&] { server_->StopAccepting(); });
  node_.sessions().KickAll("the server is shutting down");
  EXPECT_EQ(ReadMessage(client).payload, CloseText(1001, "the server is shutting down"));
  EXPECT_TRUE(Ended("draining"));
}

TEST_F(WebSocketTest, PingsAreAnsweredBetweenMessages) {
  Start();
  Client client(server_->port());
  Play(client);
  client.Send(Masked('\x81', "text means nothing") + Masked('\x89', "are you there"));
  const Message pong = ReadMessage(client);
  EXPECT_EQ(pong.first, 0x8a);
  EXPECT_EQ(pong.payload, "are you there");
  Frame("live/cam", 1, 5'040, false, "next");
  EXPECT_THAT(ReadMessage(client).payload, HasSubstr("next"));
}

TEST_F(WebSocketTest, WhatWasSaidTooEarlyIsAnsweredBehindTheHead) {
  Start();
  Client client(server_->port());
  Play(client, Upgrade("/live/cam.flv") + Masked('\x89', "early"));
  EXPECT_EQ(ReadMessage(client).payload, "early");
}

TEST_F(WebSocketTest, AClientsCloseIsAnsweredWithItsCode) {
  Start();
  Client client(server_->port());
  Play(client);
  client.Send(Masked('\x88', CloseText(1001, "next page")));
  const Message last = ReadMessage(client);
  EXPECT_EQ(last.first, 0x88);
  EXPECT_EQ(last.payload, CloseText(1001, ""));
  EXPECT_EQ(client.ReadAll(), "");
  EXPECT_TRUE(Ended("client_closed"));
}

TEST_F(WebSocketTest, WhoBreaksTheProtocolIsToldHow) {
  Start();
  const std::pair<std::string, std::string> cases[] = {
      {std::string("\x89\x00", 2), CloseText(1002, "ws_unmasked")},
      {"\x82\xff\x80" + std::string(7 + 4, '\0'), CloseText(1009, "ws_too_big")},
  };
  for (const auto& [sent, expected] : cases) {
    Client client(server_->port());
    Play(client);
    client.Send(sent);
    Message last = ReadMessage(client);
    // The second client may have started with the first one's key frame.
    while (last.first == 0x82) last = ReadMessage(client);
    EXPECT_EQ(last.first, 0x88);
    EXPECT_EQ(last.payload, expected);
    EXPECT_EQ(client.ReadAll(), "");
    EXPECT_TRUE(Ended("protocol_error"));
  }
  EXPECT_THAT(Scrape(), HasSubstr("error=\"ws_unmasked\",protocol=\"http\"} 1"));
}

TEST_F(WebSocketTest, AStreamThatDoesNotComeIsAPlainRefusal) {
  node_.edit().mutable_defaults()->set_wait_timeout(1);
  Start();
  Client client(server_->port());
  client.Send(Upgrade("/live/cam.flv"));
  EXPECT_THAT(client.ReadUntil("}\n"), HasSubstr("no_such_stream"));
}

TEST_F(WebSocketTest, BadRequestsToUpgrade) {
  node_.edit().mutable_http()->clear_allow_origins();
  node_.edit().mutable_http()->add_allow_origins("https://a.example");
  Start();
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string fields = "Upgrade: websocket\r\nConnection: close, Upgrade\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  struct {
    const char* name;
    std::string request;
    const char* status;
    const char* text;
  } const cases[] = {
      {"no key", Get("/a/b.flv", fields + version), "400", "bad_upgrade"},
      {"short key", Get("/a/b.flv", fields + version + "Sec-WebSocket-Key: YQ==\r\n"), "400",
       "bad_upgrade"},
      {"no version", Get("/a/b.flv", fields + key), "426", "Sec-WebSocket-Version: 13\r\n"},
      {"version 8", Get("/a/b.flv", fields + key + "Sec-WebSocket-Version: 8\r\n"), "426",
       "Connection: close, Upgrade\r\n"},
      {"Connection does not say it",
       Get("/a/b.flv", "Upgrade: websocket\r\nConnection: close\r\n" + key + version), "400",
       "bad_upgrade"},
      {"POST", "POST /a/b.flv HTTP/1.1\r\nHost: t\r\n" + fields + key + version + "\r\n", "405",
       "method"},
      {"page of another origin",
       Get("/a/b.flv", fields + key + version + "Origin: https://b.example\r\n"), "403",
       "\"code\":\"origin\""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string answer = Exchange(c.request);
    EXPECT_THAT(answer, StartsWith(std::string("HTTP/1.1 ") + c.status));
    EXPECT_THAT(answer, HasSubstr(c.text));
    EXPECT_THAT(answer, HasSubstr("application/problem+json"));
  }
}

TEST_F(WebSocketTest, PagesOfAllowedOriginsAndOurOwnMay) {
  node_.edit().mutable_http()->clear_allow_origins();
  node_.edit().mutable_http()->add_allow_origins("https://a.example");
  Start();
  Client allowed(server_->port());
  Play(allowed, Upgrade("/live/cam.flv", "Origin: https://a.example\r\n"));
  Client own(server_->port());
  Play(own, Upgrade("/live/cam.flv", "Origin: http://test\r\n"));
}

// RFC 9110 §7.8.
TEST_F(WebSocketTest, OtherUpgradesAreIgnored) {
  Start();
  Client client(server_->port());
  client.Send(Get("/live/cam.flv", "Upgrade: h2c\r\nConnection: Upgrade\r\n"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 0, true, "key");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace millrace::http
