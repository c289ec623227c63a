#include "runtime/lifecycle/host_port.h"

#include <gtest/gtest.h>

#include <string>

#include "runtime/lifecycle/process.h"

namespace millrace::lifecycle {
namespace {

TEST(HostPort, ReadsEachForm) {
  const struct {
    const char* text;
    HostPort expected;
    const char* written;
  } cases[] = {
      {"0.0.0.0:8080", {"0.0.0.0", 8080}, "0.0.0.0:8080"},
      {"[::1]:80", {"::1", 80}, "[::1]:80"},
      {"[fe80::1%eth0]:1", {"fe80::1%eth0", 1}, "[fe80::1%eth0]:1"},
      {":1935", {"", 1935}, ":1935"},
      {"router-0.svc:65535", {"router-0.svc", 65535}, "router-0.svc:65535"},
      {"localhost:0", {"localhost", 0}, "localhost:0"},
  };
  for (const auto& c : cases) {
    const auto parsed = ParseHostPort(c.text);
    ASSERT_TRUE(parsed.ok()) << c.text;
    EXPECT_EQ(*parsed, c.expected) << c.text;
    EXPECT_EQ(parsed->ToString(), c.written);
  }
}

TEST(HostPort, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", "host", "host:", "host:http", "host:65536", "host:-1", "host:80x", "::1:80", "[::1]",
        "[::1]80", "[::1:80", "[host]:80", "[]:80", "a b:80", "http://a:80"}) {
    EXPECT_FALSE(ParseHostPort(text).ok()) << text;
  }
}

TEST(Duration, ReadsUnitsAndRefusesTheRest) {
  EXPECT_EQ(ParseDuration("250ms")->count(), 250);
  EXPECT_EQ(ParseDuration("1m30s")->count(), 90'000);
  EXPECT_EQ(ParseDuration("0")->count(), 0);
  for (const char* text : {"", "10", "-1s", "inf", "soon"})
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
}

TEST(Process, NamesAndLimits) {
  EXPECT_FALSE(HostName().empty());
  EXPECT_EQ(HostName().find('.'), std::string::npos);
  EXPECT_GT(RaiseOpenFileLimit(), 0u);
}

}  // namespace
}  // namespace millrace::lifecycle
