#include "gateways/rtmp/relay_target.h"

#include <gtest/gtest.h>

#include "gateways/rtmp/protocol/target.h"

namespace millrace::rtmp {
namespace {

struct Case {
  const char* url;
  const char* tc_url;
  const char* app;
  const char* key;
  const char* stream;  // what a server of ours makes of it
};

TEST(RelayTarget, IsWhatEncodersWouldAskFor) {
  const Case cases[] = {
      {"rtmp://h/live/cam1", "rtmp://h/live", "live", "cam1", "live/cam1"},
      {"rtmp://h:1936/live/cam1", "rtmp://h:1936/live", "live", "cam1", "live/cam1"},
      {"rtmps://h/live2/KEY", "rtmps://h/live2", "live2", "KEY", "live2/KEY"},
      {"rtmps://h:443/a/b", "rtmps://h/a", "a", "b", "a/b"},
      {"rtmp://h/site3/gate/cam1?token=7&x=y", "rtmp://h/site3/gate", "site3/gate",
       "cam1?token=7&x=y", "site3/gate/cam1"},
      {"rtmp://h/alone", "rtmp://h/alone", "alone", "", "alone"},
      {"rtmp://[::1]/live/cam1", "rtmp://[::1]/live", "live", "cam1", "live/cam1"},
      {"rtmp://jo%40e:p%26ss@h/live/cam1", "rtmp://h/live?user=jo%40e&pass=p%26ss",
       "live?user=jo%40e&pass=p%26ss", "cam1", "live/cam1"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.url);
    const auto url = relay::ParseRelayUrl(one.url);
    ASSERT_TRUE(url.ok()) << url.status();
    const RelayTarget target = TargetOf(*url);
    EXPECT_EQ(target.tc_url, one.tc_url);
    EXPECT_EQ(target.app, one.app);
    EXPECT_EQ(target.key, one.key);
    const Target seen = ResolveTarget(target.tc_url, target.app, target.key);
    EXPECT_EQ(seen.stream, one.stream);
    if (url->user.empty()) continue;
    EXPECT_EQ(FindParam(seen.params, "user"), url->user);
    EXPECT_EQ(FindParam(seen.params, "pass"), url->password);
  }
}

}  // namespace
}  // namespace millrace::rtmp
