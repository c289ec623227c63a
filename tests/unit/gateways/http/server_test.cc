#include "gateways/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateways/http/flv/flv_unit.h"
#include "tests/unit/gateways/http/flv/gathering.h"
#include "tests/unit/gateways/http/server_world.h"

namespace millrace::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using tests::Client;

// The body, whose last chunk must be there (RFC 9112 §7.1).
std::string WithoutChunks(std::string_view text) {
  std::string body;
  for (;;) {
    const size_t line = text.find("\r\n");
    if (line == std::string_view::npos) break;
    const size_t size = std::stoul(std::string(text.substr(0, line)), nullptr, 16);
    if (text.size() < line + 2 + size + 2) break;
    body += text.substr(line + 2, size);
    text.remove_prefix(line + 2 + size + 2);
    if (size == 0) return body;
  }
  ADD_FAILURE() << "the last chunk is missing";
  return body;
}

TEST_F(HttpServerTest, ShortAnswersKeepTheConnection) {
  Start();
  Client client(server_->port());
  client.Send(Get("/") + Get("/nothing") + Get("/a/b.flv?only=x") +
              "OPTIONS /a/b.flv HTTP/1.1\r\nHost: t\r\nOrigin: http://o\r\n"
              "Access-Control-Request-Method: GET\r\n\r\n" +
              "DELETE /a/b.flv HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
  const std::string answer = client.ReadAll();
  std::vector<std::string> statuses;
  for (size_t at = 0; (at = answer.find("HTTP/1.1 ", at)) != std::string::npos; at += 9) {
    statuses.push_back(answer.substr(at + 9, 3));
  }
  EXPECT_THAT(statuses, testing::ElementsAre("200", "404", "400", "204", "405"));
  EXPECT_THAT(answer, HasSubstr("Access-Control-Allow-Methods: GET, HEAD, OPTIONS"));
  EXPECT_THAT(Scrape(),
              HasSubstr("millrace_protocol_errors_total{error=\"bad_query\",protocol=\"http\"} 1"));
}

TEST_F(HttpServerTest, AStreamThatComesWhileItIsWaitedFor) {
  Start();
  Client client(server_->port());
  client.Send(Get("/live/cam.flv", "Origin: http://o\r\nUser-Agent: test/1\r\n"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 5'000, true, "key");
  Frame("live/cam", 2, 5'010, false, "aac");
  const std::string head = client.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Type: video/x-flv\r\n"));
  EXPECT_THAT(head, HasSubstr("Access-Control-Allow-Origin: *\r\n"));
  EXPECT_THAT(head, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
  Home([&] {
    node_.bus().ForEach("live/cam", [](auto& o) { o.OnEnded(v1::END_UNPUBLISHED, "over"); });
  });
  const std::string body = WithoutChunks(client.ReadAll());
  EXPECT_EQ(body.substr(0, 13), std::string("FLV\x01\x05\0\0\0\x09\0\0\0\0", 13));
  const std::string rest = body.substr(13);
  const auto tags = tests::ReadTags(media::AsBytes(rest));
  ASSERT_EQ(tags.size(), 5u);  // metadata, two configurations, two frames
  EXPECT_EQ(tags[3].timestamp_ms, 0u);
  EXPECT_EQ(std::string(tags[3].body.begin() + 5, tags[3].body.end()), "key");
  EXPECT_EQ(tags[4].timestamp_ms, 10u);
  ASSERT_TRUE(Until([&] { return node_.sessions().size() == 0; }));
  EXPECT_THAT(Scrape(), HasSubstr("reason=\"stream_ended\""));
}

TEST_F(HttpServerTest, WhoSpeaksHttp10IsSentNoChunks) {
  Start();
  Client client(server_->port());
  client.Send("GET /live/cam.flv HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 0, true, "key");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), testing::Not(HasSubstr("chunked")));
  EXPECT_EQ(client.ReadExactly(3), "FLV");
}

TEST_F(HttpServerTest, OnlyAPart) {
  Start();
  Client client(server_->port());
  client.Send(Get("/live/cam.flv?only=audio"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 0, true, "key");
  Frame("live/cam", 2, 10, false, "aac");
  client.ReadUntil("\r\n\r\n");
  client.ReadUntil("\r\n");  // the first chunk's size
  EXPECT_EQ(client.ReadExactly(13)[4], 4);
}

TEST_F(HttpServerTest, APartThatTheStreamDoesNotHave) {
  Start();
  Client client(server_->port());
  client.Send(Get("/live/cam.flv?only=video", "Connection: close\r\n"));
  ASSERT_TRUE(Subscribed("live/cam"));
  media::TrackSet tracks = VideoAndAudio();
  tracks.tracks.erase(tracks.tracks.begin());
  Tracks("live/cam", tracks);
  const std::string answer = client.ReadAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, HasSubstr("no_such_tracks"));
}

TEST_F(HttpServerTest, AStreamThatDoesNotCome) {
  node_.edit().mutable_defaults()->set_wait_timeout(1);
  Start();
  Client client(server_->port());
  // The next request may come before the answer to this one.
  client.Send(Get("/live/cam.flv") + Get("/", "Connection: close\r\n"));
  const std::string answer = client.ReadAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/problem+json\r\n"));
  EXPECT_THAT(answer, HasSubstr("no_such_stream"));
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 OK"));
}

TEST_F(HttpServerTest, HeadSaysWhatGetWouldAndNoMore) {
  Start();
  Client client(server_->port());
  client.Send("HEAD /live/cam.flv HTTP/1.1\r\nHost: t\r\n\r\n");
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 0, true, "key");
  const std::string head = client.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Type: video/x-flv\r\n"));
  client.Send(Get("/", "Connection: close\r\n"));
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpServerTest, Http10) {
  Start();
  const std::string answer = Exchange("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpServerTest, AKickReachesAViewerThatPlaysAndOneThatWaits) {
  Start();
  Client playing(server_->port());
  playing.Send(Get("/live/cam.flv"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 0, true, "key");
  playing.ReadUntil("key");
  Client waiting(server_->port());
  waiting.Send(Get("/live/other.flv", "Connection: close\r\n"));
  ASSERT_TRUE(Subscribed("live/other"));
  EXPECT_EQ(node_.sessions().KickAll("out you go"), 2u);
  // The tag's PreviousTagSize, the line end of its chunk, and the last chunk.
  EXPECT_EQ(playing.ReadAll().size(), 4u + 2u + kLastChunk.size());
  const std::string answer = waiting.ReadAll();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(answer, HasSubstr("out you go"));
  ASSERT_TRUE(Until([&] { return node_.sessions().size() == 0; }));
  EXPECT_THAT(Scrape(), HasSubstr("reason=\"kicked\",role=\"viewer\"} 2"));
}

TEST_F(HttpServerTest, AViewerThatLeavesIsForgotten) {
  Start();
  {
    Client client(server_->port());
    client.Send(Get("/live/cam.flv"));
    ASSERT_TRUE(Subscribed("live/cam"));
  }
  ASSERT_TRUE(Until([&] { return node_.sessions().size() == 0; }));
  EXPECT_THAT(Scrape(), HasSubstr("reason=\"client_closed\""));
}

TEST_F(HttpServerTest, BansHoldForTheAddressBehindATrustedProxy) {
  node_.edit().mutable_http()->add_trusted_proxies("127.0.0.2/32");
  v1::Ban ban;
  ban.set_kind(v1::BAN_ADDRESS);
  ban.set_value("203.0.113.7");
  ban.set_reason("abuse");
  ban.set_expires_unix_ms(INT64_MAX);
  node_.edit_bans().Set({ban});
  Start();
  const std::string request =
      Get("/live/cam.flv", "X-Forwarded-For: 198.51.100.9, 203.0.113.7\r\nConnection: close\r\n");
  Client proxy(server_->port(), 2);
  proxy.Send(request);
  const std::string refused = proxy.ReadAll();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(refused, HasSubstr("abuse"));
  Client stranger(server_->port(), 3);
  stranger.Send(request);
  ASSERT_TRUE(Subscribed("live/cam"));  // not believed, so not banned
  Client other(server_->port(), 2);
  other.Send(Get("/live/cam.flv", "X-Forwarded-For: 203.0.113.7, 198.51.100.9\r\n"));
  ASSERT_TRUE(Until([&] { return node_.sessions().size() == 2; }));
  EXPECT_THAT(Addresses(), testing::UnorderedElementsAre("198.51.100.9", StartsWith("127.0.0.3:")));
}

TEST_F(HttpServerTest, TooLargeTooLateAndNotHttp) {
  node_.edit().mutable_http()->set_header_timeout(300);
  node_.edit().mutable_http()->set_max_header(1'000);
  Start();
  EXPECT_THAT(Exchange(Get("/", "X: " + std::string(2'000, 'x') + "\r\n")),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Exchange("GET / HTTP/1.1\r\nHost"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(Exchange("\x16\x03\x01 rubbish\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Exchange("GET / HTTP/1.1\r\n\r\n"), HasSubstr("Host"));
  EXPECT_EQ(Exchange(""), "");  // who says nothing hears nothing
  const std::string scrape = Scrape();
  for (const char* error :
       {"header_too_large\",protocol=\"http\"} 1", "header_timeout\",protocol=\"http\"} 1",
        "malformed\",protocol=\"http\"} 2"}) {
    EXPECT_THAT(scrape, HasSubstr(error));
  }
}

TEST_F(HttpServerTest, ARequestWithABodyEndsTheConnection) {
  Start();
  const std::string answer =
      Exchange("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
}

TEST_F(HttpServerTest, WhoComesWhenItIsFullIsToldSo) {
  node_.edit().mutable_http()->set_max_connections(1);
  Start();
  Client first(server_->port());
  first.Send(Get("/"));
  EXPECT_THAT(first.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  const std::string answer = Exchange(Get("/live/cam.flv"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("Retry-After: "));
  EXPECT_THAT(answer, HasSubstr("too_many_connections"));
}

TEST_F(HttpServerTest, AnAddressHasSoManyConnections) {
  node_.edit().mutable_limits()->set_connections_per_address(1);
  node_.edit().mutable_limits()->add_exempt_addresses("127.0.0.5");
  node_.edit().mutable_http()->add_trusted_proxies("127.0.0.3");
  Start();
  Client first(server_->port());
  first.Send(Get("/"));
  EXPECT_THAT(first.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  const std::string answer = Exchange(Get("/"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(answer, HasSubstr("Retry-After: "));
  EXPECT_THAT(answer, HasSubstr("connections_per_address"));
  const auto status_from = [&](uint8_t from, const std::string& more) {
    Client client(server_->port(), from);
    client.Send(Get("/", more));
    return client.ReadUntil("\r\n").substr(9, 3);
  };
  EXPECT_EQ(status_from(2, ""), "200") << "another address";
  EXPECT_EQ(status_from(4, "X-Forwarded-For: 127.0.0.1\r\n"), "200") << "a stranger's word";
  EXPECT_EQ(status_from(3, "X-Forwarded-For: 127.0.0.1\r\n"), "429") << "a proxy's word";
  Client exempt(server_->port(), 5);
  exempt.Send(Get("/"));
  exempt.ReadUntil("\r\n\r\n");
  EXPECT_EQ(status_from(5, ""), "200");
  EXPECT_THAT(Scrape(), HasSubstr("millrace_refusals_total{protocol=\"http\",reason=\"connections_"
                                  "per_address\"} 2"));
  first.Close();
  EXPECT_TRUE(Until([&] { return status_from(1, "") == "200"; }));
}

TEST_F(HttpServerTest, AddressesAndFieldsAreBounded) {
  Start();
  EXPECT_THAT(Exchange(Get("/" + std::string(9'000, 'x'))), StartsWith("HTTP/1.1 414 "));
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "X" + std::to_string(i) + ": y\r\n";
  EXPECT_THAT(Exchange(Get("/", fields)), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Scrape(), HasSubstr("target_too_long"));
  EXPECT_THAT(Scrape(), HasSubstr("too_many_fields"));
}

TEST_F(HttpServerTest, AViewerMayAskForTheLiveEdge) {
  Start();
  Client first(server_->port());
  first.Send(Get("/live/cam.flv"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 0, true, "old-key");
  Frame("live/cam", 1, 20, false, "behind-it");  // or the key frame itself would be the live edge
  first.ReadUntil("behind-it");
  Client live(server_->port());
  live.Send(Get("/live/cam.flv?start=live"));
  ASSERT_TRUE(Until([&] { return node_.sessions().size() == 2; }));
  auto reading = std::async(std::launch::async, [&] { return live.ReadUntil("new-key"); });
  // It takes a moment until it waits on its shard.
  for (int dts = 80; reading.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready;
       dts += 80) {
    Frame("live/cam", 1, dts - 40, false, "between");
    Frame("live/cam", 1, dts, true, "new-key");
  }
  const std::string seen = reading.get();
  EXPECT_THAT(seen, EndsWith("new-key"));
  EXPECT_THAT(seen, Not(HasSubstr("old-key")));
  EXPECT_THAT(seen, Not(HasSubstr("behind-it")));
  EXPECT_THAT(seen, Not(HasSubstr("between")));
}

TEST_F(HttpServerTest, DrainingTakesNoNewViewers) {
  Start();
  Client client(server_->port());
  client.Send(Get("/"));
  client.ReadUntil("404.\n");
  Home([&] { server_->StopAccepting(); });
  client.Send(Get("/live/cam.flv"));
  EXPECT_THAT(client.ReadAll(), HasSubstr("HTTP/1.1 503 "));
  Client late(server_->port());
  late.Send(Get("/"));
  EXPECT_EQ(late.ReadAll(), "");
}

TEST_F(HttpServerTest, RubbishBehindTheRequestEndsTheViewer) {
  Start();
  Client client(server_->port());
  client.Send(Get("/live/cam.flv"));
  ASSERT_TRUE(Subscribed("live/cam"));
  Tracks("live/cam");
  Frame("live/cam", 1, 0, true, "key");
  client.ReadUntil("key");
  client.Send(std::string(200'000, 'x'));
  ASSERT_TRUE(Until([&] { return node_.sessions().size() == 0; }));
  EXPECT_THAT(Scrape(), HasSubstr("reason=\"protocol_error\""));
}

TEST_F(HttpServerTest, EndingUnderWayLeaksNothing) {
  Start();
  Client playing(server_->port());
  playing.Send(Get("/live/cam.flv"));
  Client asking(server_->port());
  asking.Send("GET /li");
  ASSERT_TRUE(Subscribed("live/cam"));
  node_.Stop();
  server_.reset();
}

}  // namespace
}  // namespace millrace::http
