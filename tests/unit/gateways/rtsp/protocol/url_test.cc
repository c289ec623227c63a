#include "gateways/rtsp/protocol/url.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::rtsp {
namespace {

TEST(Url, Cases) {
  const struct {
    std::string text;
    Url url;
    std::string written;
  } cases[] = {
      {"rtsp://h/s", {false, "", "", "h", 554, "/s"}, "rtsp://h/s"},
      {"RTSP://h:8554", {false, "", "", "h", 8554, ""}, "rtsp://h:8554"},
      {"rtsps://h/", {true, "", "", "h", 322, "/"}, "rtsps://h/"},
      {"rtsp://admin:12345@10.0.0.5:554/Streaming/Channels/101",
       {false, "admin", "12345", "10.0.0.5", 554, "/Streaming/Channels/101"},
       "rtsp://10.0.0.5/Streaming/Channels/101"},
      {"rtsp://a%40b:p%2540@h/cam/realmonitor?channel=1&subtype=0",
       {false, "a@b", "p%40", "h", 554, "/cam/realmonitor?channel=1&subtype=0"},
       "rtsp://h/cam/realmonitor?channel=1&subtype=0"},
      {"rtsp://user:p@ss@h/s", {false, "user", "p@ss", "h", 554, "/s"}, "rtsp://h/s"},
      {"rtsp://[::1]:8554/s?x", {false, "", "", "::1", 8554, "/s?x"}, "rtsp://[::1]:8554/s?x"},
      {"rtsp://h?x=1", {false, "", "", "h", 554, "?x=1"}, "rtsp://h?x=1"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto url = ParseUrl(c.text);
    ASSERT_TRUE(url.has_value());
    EXPECT_EQ(*url, c.url);
    EXPECT_EQ(url->Text(), c.written);
  }
  for (const char* text : {"", "http://h/s", "rtsp:/h", "rtsp://", "rtsp://:554/s", "rtsp://h:0/",
                           "rtsp://h:x/", "rtsp://h:99999/", "rtsp://[::1]x/"}) {
    EXPECT_FALSE(ParseUrl(text).has_value()) << text;
  }
}

TEST(BaseUrl, OfServers) {
  const Url request = *ParseUrl("rtsp://u:p@10.0.0.5:8554/live/cam1?x=y");
  const struct {
    const char* name;
    std::string content_base;
    std::string content_location;
    std::string base;
  } cases[] = {
      {"neither", "", "", "rtsp://10.0.0.5:8554/live/cam1?x=y"},
      {"Content-Base", "rtsp://10.0.0.5:8554/live/cam1/", "rtsp://h/other",
       "rtsp://10.0.0.5:8554/live/cam1/"},
      {"Content-Location", "", "rtsp://10.0.0.5:8554/live/cam1", "rtsp://10.0.0.5:8554/live/cam1"},
      {"behind a NAT", " rtsp://192.168.1.64:554/live/cam1/ ", "",
       "rtsp://10.0.0.5:8554/live/cam1/"},
      {"a path", "/live/cam1/", "", "rtsp://10.0.0.5:8554/live/cam1/"},
      {"neither URL nor path", "cam1", "", "rtsp://10.0.0.5:8554/live/cam1?x=y"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(BaseUrl(request, c.content_base, c.content_location), c.base) << c.name;
  }
}

TEST(ControlUrl, OfDevices) {
  const struct {
    const char* name;
    std::string base;
    std::string control;
    std::string url;
  } cases[] = {
      {"relative", "rtsp://h/s", "trackID=1", "rtsp://h/s/trackID=1"},
      {"relative, base with a slash", "rtsp://h/s/", "trackID=1", "rtsp://h/s/trackID=1"},
      {"slash in front", "rtsp://h/s/", "/trackID=1", "rtsp://h/s/trackID=1"},
      {"missing", "rtsp://h/s/", "", "rtsp://h/s/"},
      {"asterisk", "rtsp://h/s/", "*", "rtsp://h/s/"},
      {"absolute", "rtsp://h/s/", "rtsp://h/s/trackID=1", "rtsp://h/s/trackID=1"},
      {"absolute, behind a NAT", "rtsp://1.2.3.4:8554/s", "rtsp://192.168.1.64/s/trackID=1",
       "rtsp://1.2.3.4:8554/s/trackID=1"},
      {"Dahua: a query in the base", "rtsp://h/cam/realmonitor?channel=1&subtype=0/", "trackID=0",
       "rtsp://h/cam/realmonitor?channel=1&subtype=0/trackID=0"},
      {"a query without a slash", "rtsp://h/s?x=1", "trackID=0", "rtsp://h/s?x=1/trackID=0"},
      {"absolute that is none", "rtsp://h/s", "rtsp://", "rtsp://"},
  };
  for (const auto& c : cases) EXPECT_EQ(ControlUrl(c.base, c.control), c.url) << c.name;
}

TEST(Target, OfClients) {
  const struct {
    const char* name;
    std::string uri;
    Target target;
  } cases[] = {
      {"plain", "rtsp://h:8554/live/cam1", {"live/cam1", {}}},
      {"slash behind", "rtsp://h/live/cam1/", {"live/cam1", {}}},
      {"slashes in between", "rtsp://h//live//cam1", {"live/cam1", {}}},
      {"path alone", "/live/cam1", {"live/cam1", {}}},
      {"escapes", "rtsp://h/live/a%20b%2", {"live/a b%2", {}}},
      {"query", "rtsp://h/live/cam1?token=a%3Db&x", {"live/cam1", {{"token", "a=b"}, {"x", ""}}}},
      {"query with a slash behind",
       "rtsp://h/live/cam1?token=ab/",
       {"live/cam1", {{"token", "ab"}}}},
      {"nothing", "rtsp://h", {"", {}}},
      {"everything", "*", {"", {}}},
  };
  for (const auto& c : cases) EXPECT_EQ(ResolveTarget(c.uri), c.target) << c.name;
  EXPECT_EQ(FindParam({{"a", "1"}, {"b", "2"}}, "b"), "2");
  EXPECT_EQ(FindParam({}, "b"), "");
}

TEST(FindControl, OfClients) {
  const std::vector<std::string> ours = {"trackID=0", "trackID=1", "trackID=10"};
  const struct {
    const char* name;
    std::string uri;
    std::vector<std::string> controls;
    std::optional<size_t> found;
    std::string rest;
  } cases[] = {
      {"plain", "rtsp://h/s/trackID=1", ours, 1, "rtsp://h/s"},
      {"slash behind", "rtsp://h/s/trackID=1/", ours, 1, "rtsp://h/s"},
      {"the longer of two", "rtsp://h/s/trackID=10", ours, 2, "rtsp://h/s"},
      {"FFmpeg: behind the query", "rtsp://h/s?x=y/trackID=0", ours, 0, "rtsp://h/s?x=y"},
      {"GStreamer: in front of the query", "rtsp://h/s/trackID=0?x=y", ours, 0, "rtsp://h/s?x=y"},
      {"none", "rtsp://h/s", ours, {}, ""},
      {"unknown", "rtsp://h/s/trackID=7", ours, {}, ""},
      {"part of a name", "rtsp://h/mytrackID=0", ours, {}, ""},
      {"FFmpeg's own", "rtsp://h/s/streamid=1", {"streamid=0", "streamid=1"}, 1, "rtsp://h/s"},
      {"rtspclientsink's own", "rtsp://h/s/stream=0", {"stream=0"}, 0, "rtsp://h/s"},
      {"absolute controls",
       "rtsp://h:8554/s/a",
       {"rtsp://other/s/a", "rtsp://other/s/b"},
       0,
       "rtsp://h:8554/s"},
      {"media without control", "rtsp://h/s/x", {"", "*"}, {}, ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto found = FindControl(c.uri, c.controls);
    EXPECT_EQ(found, c.found);
    if (found.has_value()) EXPECT_EQ(WithoutControl(c.uri, c.controls[*found]), c.rest);
  }
}

}  // namespace
}  // namespace millrace::rtsp
