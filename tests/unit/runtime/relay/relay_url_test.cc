#include "runtime/relay/relay_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/base/bytes.h"
#include "tests/support/seeds.h"

namespace millrace::relay {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Case {
  const char* name;
  const char* url;
  const char* scheme;
  const char* user;
  const char* password;
  const char* host;
  int port;
  const char* path;
  const char* query;
  const char* shown_pull;
  const char* shown_push;
};

constexpr Case kCases[] = {
    {"plain", "rtmp://origin/live/cam1", "rtmp", "", "", "origin", 1935, "live/cam1", "",
     "rtmp://origin/live/cam1", "rtmp://origin/live/***"},
    {"upper-case scheme, port", "RTMPS://10.0.0.7:1936/live/cam1", "rtmps", "", "", "10.0.0.7",
     1936, "live/cam1", "", "RTMPS://10.0.0.7:1936/live/cam1", "RTMPS://10.0.0.7:1936/live/***"},
    {"ports of their own: rtmps", "rtmps://h/a/b", "rtmps", "", "", "h", 443, "a/b", "",
     "rtmps://h/a/b", "rtmps://h/a/***"},
    {"ports of their own: rtsps", "rtsps://h", "rtsps", "", "", "h", 322, "", "", "rtsps://h",
     "rtsps://h"},
    {"Dahua", "rtsp://admin:se%40cret@cam/cam/realmonitor?channel=1&subtype=0", "rtsp", "admin",
     "se@cret", "cam", 554, "cam/realmonitor", "channel=1&subtype=0",
     "rtsp://***@cam/cam/realmonitor?channel=***&subtype=***",
     "rtsp://***@cam/cam/***?channel=***&subtype=***"},
    {"what is not escaped", "rtsp://admin:p@ss:w?rd#1@cam:8554/h264", "rtsp", "admin",
     "p@ss:w?rd#1", "cam", 8554, "h264", "", "rtsp://***@cam:8554/h264", "rtsp://***@cam:8554/***"},
    {"IPv6, only a user", "rtsp://joe@[2001:db8::7]:554/x", "rtsp", "joe", "", "2001:db8::7", 554,
     "x", "", "rtsp://***@[2001:db8::7]:554/x", "rtsp://***@[2001:db8::7]:554/***"},
    {"a bare token", "rtmp://h/live/a?tok@n/1", "rtmp", "", "", "h", 1935, "live/a", "tok@n/1",
     "rtmp://h/live/a?***", "rtmp://h/live/***?***"},
    {"a query without a path", "rtsp://h?a=/b", "rtsp", "", "", "h", 554, "", "a=/b",
     "rtsp://h?a=***", "rtsp://h?a=***"},
    {"stream key", "rtmp://a.example/live2/abcd-efgh-0123", "rtmp", "", "", "a.example", 1935,
     "live2/abcd-efgh-0123", "", "rtmp://a.example/live2/abcd-efgh-0123",
     "rtmp://a.example/live2/***"},
};

TEST(RelayUrl, Reads) {
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.name);
    tests::WriteSeed("relay_url_fuzz", one.name, media::AsBytes(one.url));
    const auto url = ParseRelayUrl(one.url);
    ASSERT_TRUE(url.ok()) << url.status();
    EXPECT_EQ(url->scheme, one.scheme);
    EXPECT_EQ(url->user, one.user);
    EXPECT_EQ(url->password, one.password);
    EXPECT_EQ(url->host, one.host);
    EXPECT_EQ(url->port, one.port);
    EXPECT_EQ(url->path, one.path);
    EXPECT_EQ(url->query, one.query);
    EXPECT_EQ(ShownUrl(one.url, Direction::kPull), one.shown_pull);
    EXPECT_EQ(ShownUrl(one.url, Direction::kPush), one.shown_push);
  }
}

TEST(RelayUrl, SaysWhatIsWrongButNoSecret) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "must begin with"},
      {"live/cam1", "must begin with"},
      {"http://u:geheim@h/a.flv", "must begin with"},
      {"rtmp://", "names no host"},
      {"rtmp://u:geheim@/live/a", "names no host"},
      {"rtmp://ho^st/live/a", "names no host"},
      {"rtmp://h", "names no stream"},
      {"rtmp://h/", "names no stream"},
      {"rtmp://h:/live/a", "port"},
      {"rtmp://h:0/live/a", "port"},
      {"rtmp://u:geheim@h:65536/live/a", "port"},
      {"rtmp://h:12x/live/a", "port"},
      {"rtmp://[::1/live/a", "bracket"},
      {"rtmp://[::1]x/live/a", "port"},
      {"rtmp://[::1]:/live/a", "port"},
      {"rtmp://h/live/a geheim", "space"},
      {"rtmp://h/live/a\ngeheim", "space"},
  };
  for (const auto& [text, why] : cases) {
    SCOPED_TRACE(text);
    const auto url = ParseRelayUrl(text);
    ASSERT_FALSE(url.ok());
    EXPECT_EQ(url.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(url.status().message()), HasSubstr(why));
    EXPECT_THAT(std::string(url.status().message()), Not(HasSubstr("geheim")));
  }
  EXPECT_FALSE(ParseRelayUrl("rtmp://h/" + std::string(kMaxUrlBytes, 'a')).ok());
  EXPECT_EQ(ShownUrl("no url: geheim", Direction::kPull), "***");
}

TEST(RelayUrl, TakesSecretsOutOfWhatOthersSay) {
  const std::string url = "rtmp://joseph:a%2Fb@h/live/key-0123?token=T0KEN%21&n=7";
  const auto push = [&](const std::string& text) {
    return WithoutSecrets(text, url, Direction::kPush);
  };
  EXPECT_EQ(push("cannot publish " + url), "cannot publish " + ShownUrl(url, Direction::kPush));
  EXPECT_EQ(push("no key-0123?token=T0KEN%21 for joseph"), "no ***?token=*** for ***");
  EXPECT_EQ(push("T0KEN! of joseph:a/b is bad (7)"), "*** of ***:*** is bad (7)");
  // Of a pull the last part is only a name.
  EXPECT_EQ(WithoutSecrets("no key-0123", url, Direction::kPull), "no key-0123");
  EXPECT_EQ(WithoutSecrets("code 554", "rtsp://h:554/x", Direction::kPull), "code 554");
  EXPECT_EQ(WithoutSecrets("as it is", "", Direction::kPull), "as it is");
}

}  // namespace
}  // namespace millrace::relay
