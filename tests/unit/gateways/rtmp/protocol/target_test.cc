#include "gateways/rtmp/protocol/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/seeds.h"

namespace millrace::rtmp {
namespace {

struct Case {
  const char* name;
  const char* tc_url;
  const char* app;
  const char* key;
  const char* stream;
  Params params = {};
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

const Case kCases[] = {
    {"FFmpeg", "rtmp://host:1935/live", "live", "cam1", "live/cam1"},
    {"FFmpeg with a deep path", "rtmp://host/site3/gate", "site3/gate", "cam1", "site3/gate/cam1"},
    {"OBS: everything in Server", "rtmp://host/live/cam1", "live/cam1", "", "live/cam1"},
    {"OBS: trailing slash in Server", "rtmp://host/live/", "live/", "cam1", "live/cam1"},
    {"OBS: key with arguments",
     "rtmp://host/live",
     "live",
     "cam1?token=abc&user=joe",
     "live/cam1",
     {{"token", "abc"}, {"user", "joe"}}},
    {"zlm: arguments in tcUrl and app",
     "rtmp://host/live?token=abc",
     "live?token=abc",
     "cam1",
     "live/cam1",
     {{"token", "abc"}}},
    {"the key's arguments win",
     "rtmp://host/live?token=url&a=1",
     "live?token=app&b=2",
     "cam1?token=key",
     "live/cam1",
     {{"token", "key"}, {"a", "1"}, {"b", "2"}}},
    {"arguments in the middle of the URL",
     "rtmp://host/live?vhost=example.com",
     "live?vhost=example.com",
     "cam1",
     "live/cam1",
     {{"vhost", "example.com"}}},
    {"a second question mark", "", "live", "cam1?a=1?b=2", "live/cam1", {{"a", "1"}, {"b", "2"}}},
    {"an argument without a value", "", "live", "cam1?debug&=x", "live/cam1", {{"debug", ""}}},
    {"escapes in arguments", "", "live", "cam1?t=a%2Bb%3d", "live/cam1", {{"t", "a+b="}}},
    {"escapes in the name", "", "live", "caf%C3%A9%20%zz", "live/caf\xC3\xA9 %zz"},
    {"a camera that quotes everything", "\"rtmp://host/live\"", "\"live\"", "'cam1'", "live/cam1"},
    {"VLC and mpv: container prefix", "rtmp://host/live", "live", "mp4:cam1", "live/cam1"},
    {"container prefix of a deep key", "", "live", "flv:site/cam1", "live/site/cam1"},
    {"other colons stay", "", "live", "a:b", "live/a:b"},
    {"Wirecast: arguments of tcUrl only",
     "rtmp://host/live?user=joe&pass=x",
     "live",
     "cam1",
     "live/cam1",
     {{"user", "joe"}, {"pass", "x"}}},
    {"FFmpeg and librtmp: login behind an address with arguments",
     "rtmp://host/live?a=1?authmod=adobe&user=joe",
     "live?a=1?authmod=adobe&user=joe&response=a+b/c==",
     "cam1",
     "live/cam1",
     {{"a", "1"}, {"authmod", "adobe"}, {"user", "joe"}, {"response", "a+b/c=="}}},
    {"app with a trailing slash and a query", "", "live/?t=1", "cam1", "live/cam1", {{"t", "1"}}},
    {"empty app", "rtmp://host/live", "", "cam1", "live/cam1"},
    {"empty app and URL", "", "", "live/cam1", "live/cam1"},
    {"app is a query", "rtmp://host/live", "?token=1", "cam1", "live/cam1", {{"token", "1"}}},
    {"spare slashes", "", "/live//a/", "/cam1/", "live/a/cam1"},
    {"Flash's default instance", "", "live/_definst_", "cam1", "live/cam1"},
    {"only one part", "rtmp://host/live", "live", "", "live"},
    {"nothing", "", "", "", ""},
    {"dots are for the session to refuse", "", "live", "../x", "live/../x"},
};

// One test a case, by its name.
class TargetCase : public testing::TestWithParam<Case> {};

TEST_P(TargetCase, IsResolved) {
  const Case& one = GetParam();
  const Target target = ResolveTarget(one.tc_url, one.app, one.key);
  EXPECT_EQ(target.stream, one.stream);
  EXPECT_THAT(target.params, testing::ElementsAreArray(one.params));
}

INSTANTIATE_TEST_SUITE_P(All, TargetCase, testing::ValuesIn(kCases),
                         [](const auto& test) { return tests::TestName(test.param.name); });

TEST(Target, ParamsAreBounded) {
  std::string key = "cam1?";
  for (int i = 0; i < 1000; ++i) key += "k" + std::to_string(i) + "=v&";
  EXPECT_EQ(ResolveTarget("", "live", key).params.size(), 64u);
}

TEST(Target, FindParam) {
  const Target target = ResolveTarget("", "live", "cam1?user=joe");
  EXPECT_EQ(FindParam(target.params, "user"), "joe");
  EXPECT_EQ(FindParam(target.params, "token"), "");
}

}  // namespace
}  // namespace millrace::rtmp
