#include "control-plane/relay_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control-plane/store/sqlite_store.h"

namespace millrace::control {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::Not;

v1::Pull Pull(const std::string& stream, const std::string& url) {
  v1::Pull pull;
  pull.set_stream(stream);
  pull.set_url(url);
  return pull;
}

v1::Push Push(const std::string& stream, const std::string& url, const std::string& name = "") {
  v1::Push push;
  push.set_stream(stream);
  push.set_url(url);
  push.set_name(name);
  return push;
}

class Relays : public testing::Test {
 protected:
  std::unique_ptr<Store> store_ = *OpenSqliteStore(":memory:");
  RelayBook book_{*store_};
};

TEST_F(Relays, TheSameAgainChangesNothing) {
  const v1::Pull pull = Pull("live/a", "rtsp://u:p@cam/x");
  ASSERT_TRUE(book_.Add(pull, false).ok());
  EXPECT_TRUE(book_.Add(pull, false).ok());
  // What was left out is what it is by default.
  v1::Pull told = pull;
  told.set_transport(v1::PULL_UDP_THEN_TCP);
  told.set_keep_alive(v1::KEEP_ALIVE_AUTO);
  EXPECT_TRUE(book_.Add(told, false).ok());
  ASSERT_TRUE(book_.Add(Push("live/a", "rtmp://far/x/key"), false).ok());
  EXPECT_TRUE(book_.Add(Push("live/a", "rtmp://far/x/key", "live/a"), false).ok());
  EXPECT_EQ(book_.pulls().size(), 1u);
  EXPECT_EQ(book_.pushes().size(), 1u);
}

TEST_F(Relays, AnotherOneOfTheNameOnlyOnRequest) {
  ASSERT_TRUE(book_.Add(Pull("live/a", "rtmp://one/x/y"), false).ok());
  const auto refused = book_.Add(Pull("live/a", "rtmp://u:geheim@two/x/y"), false);
  EXPECT_EQ(refused.status().code(), StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("replace"));
  EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr("geheim")));
  EXPECT_EQ(book_.pulls().at("live/a").url(), "rtmp://one/x/y");
  ASSERT_TRUE(book_.Add(Pull("live/a", "rtmp://two/x/y"), true).ok());
  EXPECT_EQ(book_.pulls().at("live/a").url(), "rtmp://two/x/y");
  // One stream may go to several places.
  ASSERT_TRUE(book_.Add(Push("live/a", "rtmp://one/x/y"), false).ok());
  EXPECT_EQ(book_.Add(Push("live/a", "rtmp://two/x/y"), false).status().code(),
            StatusCode::kAlreadyExists);
  EXPECT_TRUE(book_.Add(Push("live/a", "rtmp://two/x/y", "second"), false).ok());
}

TEST_F(Relays, SurviveWithTheirSecrets) {
  v1::Pull pull = Pull("live/a", "rtsp://u:geheim@cam/x");
  pull.set_on_demand(true);
  ASSERT_TRUE(book_.Add(pull, false).ok());
  ASSERT_TRUE(book_.Add(Push("live/a", "rtmp://far/x/key-1"), false).ok());
  ASSERT_TRUE(book_.Add(Push("live/b", "rtmp://far/x/key-2"), false).ok());
  ASSERT_TRUE(book_.RemovePush("live/b").ok());
  RelayBook later(*store_);
  ASSERT_TRUE(later.Load().ok());
  EXPECT_EQ(later.pulls().at("live/a").url(), "rtsp://u:geheim@cam/x");
  EXPECT_EQ(later.pulls().at("live/a").idle_timeout_ms(), 30'000u);
  ASSERT_EQ(later.pushes().size(), 1u);
  EXPECT_EQ(later.pushes().at("live/a").url(), "rtmp://far/x/key-1");
  EXPECT_EQ(WithoutSecrets(later.pulls().at("live/a")).url(), "rtsp://***@cam/x");
  EXPECT_EQ(WithoutSecrets(later.pushes().at("live/a")).url(), "rtmp://far/x/***");
}

TEST_F(Relays, WhatIsWrongIsRefused) {
  const auto pull = [&](const std::string& stream, const std::string& url, auto change) {
    v1::Pull one = Pull(stream, url);
    change(one);
    const absl::Status status = book_.Add(one, false).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << stream << " " << url;
    return std::string(status.message());
  };
  const auto as_it_is = [](v1::Pull&) {};
  pull("nopart", "rtmp://h/a/b", as_it_is);
  EXPECT_THAT(pull("rtmp://u:geheim@h/a/b", "live/a", as_it_is),
              testing::AllOf(HasSubstr("comes first"), Not(HasSubstr("geheim"))));
  EXPECT_EQ(WithoutSecrets(Pull("rtmp://u:geheim@h/a/b", "live/a")).ShortDebugString(),
            "stream: \"***\" url: \"***\"");
  pull("live/a", "http://h/a.flv", as_it_is);
  pull("live/a", "", as_it_is);
  EXPECT_THAT(pull("live/a", "rtmp://h/a/b", [](v1::Pull& p) { p.set_transport(v1::PULL_TCP); }),
              HasSubstr("rtsp"));
  pull("live/a", "rtmp://h/a/b", [](v1::Pull& p) { p.set_keep_alive(v1::KEEP_ALIVE_NONE); });
  pull("live/a", "rtsp://h",
       [](v1::Pull& p) { p.set_transport(static_cast<v1::PullTransport>(9)); });
  pull("live/a", "rtmp://h/a/b", [](v1::Pull& p) { p.set_insecure_tls(true); });
  EXPECT_THAT(pull("live/a", "rtmp://h/a/b", [](v1::Pull& p) { p.set_idle_timeout_ms(5); }),
              HasSubstr("on_demand"));
  pull("live/a", "rtmp://h/a/b", [](v1::Pull& p) {
    p.set_on_demand(true);
    p.set_idle_timeout_ms(UINT64_MAX);
  });
  for (const v1::Push& push :
       {Push("nopart", "rtmp://h/a/b"), Push("live/a", "http://h/x"), Push("live/a", "rtmp://h"),
        Push("live/a", "rtmp://h/a/b", "a//b"),
        Push("live/a", "rtmp://h/a/b", std::string(300, 'n')), Push("", "rtmp://h/a/b")}) {
    EXPECT_EQ(book_.Add(push, false).status().code(), StatusCode::kInvalidArgument)
        << push.ShortDebugString();
  }
  EXPECT_TRUE(book_.pulls().empty());
  EXPECT_TRUE(book_.pushes().empty());
}

TEST_F(Relays, WhatIsNotThereCannotBeRemoved) {
  EXPECT_EQ(book_.RemovePull("live/a").code(), StatusCode::kNotFound);
  EXPECT_EQ(book_.RemovePush("live/a").code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace millrace::control
