#include "runtime/rpc/session_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace millrace::rpc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

v1::Session Row(const std::string& stream, v1::Role role) {
  v1::Session session;
  session.set_protocol("rtmp");
  session.set_stream(stream);
  session.set_role(role);
  return session;
}

class Sessions : public testing::Test {
 protected:
  metrics::Registry metrics_{"test"};
  SessionRegistry registry_{"node-1", "rtmp-1f", metrics_};
  std::vector<std::string> kicks_;
  std::shared_ptr<SessionRecord> Open(const std::string& stream, v1::Role role = v1::ROLE_VIEWER) {
    return registry_.Open(Row(stream, role), [this](const KickOrder& order) {
      kicks_.push_back(order.reason + (order.whole_stream ? " *" : ""));
    });
  }
};

TEST_F(Sessions, ReportsWhatChangedOnce) {
  const auto a = Open("live/a");
  EXPECT_EQ(a->id(), "rtmp-1f-1");
  v1::SessionUpdate update = registry_.TakeUpdate(false);
  ASSERT_EQ(update.opened_or_changed_size(), 1);
  EXPECT_EQ(update.opened_or_changed(0).node(), "node-1");
  EXPECT_EQ(update.opened_or_changed(0).state(), "active");
  EXPECT_GT(update.opened_or_changed(0).started_unix_ms(), 0);
  EXPECT_EQ(registry_.TakeUpdate(false).opened_or_changed_size(), 0);

  a->bytes_out += 10;
  EXPECT_EQ(registry_.TakeUpdate(false, /*counters=*/false).opened_or_changed_size(), 0);
  update = registry_.TakeUpdate(false);
  ASSERT_EQ(update.opened_or_changed_size(), 1);
  EXPECT_EQ(update.opened_or_changed(0).bytes_out(), 10u);
  a->state = "lagging";
  EXPECT_EQ(registry_.TakeUpdate(false).opened_or_changed(0).state(), "lagging");

  registry_.Describe(*a, "live/b", v1::ROLE_PUBLISHER, "eve");
  update = registry_.TakeUpdate(false, /*counters=*/false);
  ASSERT_EQ(update.opened_or_changed_size(), 1);
  EXPECT_EQ(update.opened_or_changed(0).stream(), "live/b");
  EXPECT_EQ(update.opened_or_changed(0).role(), v1::ROLE_PUBLISHER);
  EXPECT_EQ(update.opened_or_changed(0).user(), "eve");

  registry_.Close(*a, "client_closed");
  registry_.Close(*a, "twice");
  EXPECT_THAT(registry_.TakeUpdate(false).closed(), ElementsAre("rtmp-1f-1"));
  EXPECT_EQ(registry_.TakeUpdate(false).closed_size(), 0);
  EXPECT_EQ(registry_.size(), 0u);
}

TEST_F(Sessions, CompleteIsEverythingAndNothingElse) {
  const auto a = Open("live/a");
  const auto b = Open("live/b");
  registry_.TakeUpdate(false);
  registry_.Close(*a, "x");
  const v1::SessionUpdate update = registry_.TakeUpdate(true);
  EXPECT_TRUE(update.complete());
  ASSERT_EQ(update.opened_or_changed_size(), 1);
  EXPECT_EQ(update.opened_or_changed(0).id(), b->id());
  EXPECT_EQ(update.closed_size(), 0);
}

TEST_F(Sessions, WhatWasNeverReportedNeedNotBeClosed) {
  registry_.Close(*Open("live/a"), "x");
  const v1::SessionUpdate update = registry_.TakeUpdate(false);
  EXPECT_EQ(update.opened_or_changed_size(), 0);
  EXPECT_EQ(update.closed_size(), 0);
}

TEST_F(Sessions, Kicks) {
  const auto a = Open("live/a");
  const auto b = Open("live/a");
  const auto c = Open("live/c");
  EXPECT_TRUE(registry_.KickSession(a->id(), "one"));
  EXPECT_FALSE(registry_.KickSession("rtmp-1f-99", "none"));
  EXPECT_EQ(registry_.KickStream("live/a", "two"), 2u);
  EXPECT_EQ(registry_.KickStream("live/x", "none"), 0u);
  EXPECT_EQ(registry_.KickAll("three"), 3u);
  EXPECT_THAT(kicks_, ElementsAre("one", "two *", "two *", "three", "three", "three"));
}

TEST_F(Sessions, ABanEndsTheSessionsThatItForbids) {
  const auto row = [](const std::string& stream, const std::string& address,
                      const std::string& user) {
    v1::Session session = Row(stream, v1::ROLE_VIEWER);
    session.set_address(address);
    session.set_user(user);
    return session;
  };
  std::vector<std::shared_ptr<SessionRecord>> records;
  for (const auto& [stream, address, user] : {std::tuple{"live/a", "10.0.0.1:4000", "ann"},
                                              {"live/b", "[2001:db8::1]:4000", "ben"},
                                              {"live/c", "10.0.0.2:4000", "cat"},
                                              {"live/d", "10.0.0.2", ""}}) {
    records.push_back(
        registry_.Open(row(stream, address, user), [this, stream](const KickOrder& o) {
          kicks_.push_back(std::string(stream) + " " + o.reason + (o.whole_stream ? " *" : ""));
        }));
  }
  const auto ban = [](v1::BanKind kind, const std::string& value, int64_t expires) {
    v1::Ban one;
    one.set_kind(kind);
    one.set_value(value);
    one.set_reason("no");
    one.set_expires_unix_ms(expires);
    return one;
  };
  constexpr int64_t kLater = int64_t{1} << 60;
  BanList bans;
  bans.Set({ban(v1::BAN_ADDRESS, "10.0.0.2", kLater), ban(v1::BAN_USER, "ann", 1)});
  EXPECT_EQ(registry_.KickBanned(bans), 2u);
  bans.Set({ban(v1::BAN_ADDRESS, "2001:db8::1", kLater), ban(v1::BAN_STREAM, "live/a", kLater)});
  EXPECT_EQ(registry_.KickBanned(bans), 2u);
  EXPECT_THAT(kicks_,
              testing::UnorderedElementsAre("live/c no", "live/d no", "live/b no", "live/a no *"));
}

TEST_F(Sessions, AKickMayCloseItsSession) {
  std::shared_ptr<SessionRecord> record;
  record = registry_.Open(Row("live/a", v1::ROLE_VIEWER),
                          [&](const KickOrder&) { registry_.Close(*record, "kicked"); });
  EXPECT_EQ(registry_.KickStream("live/a", "out"), 1u);
  EXPECT_EQ(registry_.size(), 0u);
}

TEST_F(Sessions, Counts) {
  const auto a = Open("", v1::ROLE_UNSPECIFIED);
  EXPECT_THAT(metrics_.Expose(), HasSubstr("millrace_sessions{protocol=\"rtmp\",role=\"none\"} 1"));
  EXPECT_THAT(metrics_.Expose(), Not(HasSubstr("millrace_sessions_total{")));
  registry_.Describe(*a, "live/a", v1::ROLE_PUBLISHER, "");
  EXPECT_THAT(metrics_.Expose(), HasSubstr("millrace_sessions{protocol=\"rtmp\",role=\"none\"} 0"));
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("millrace_sessions{protocol=\"rtmp\",role=\"publisher\"} 1"));
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("millrace_sessions_total{protocol=\"rtmp\",role=\"publisher\"} 1"));
  registry_.Close(*a, "kicked");
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("millrace_sessions{protocol=\"rtmp\",role=\"publisher\"} 0"));
  EXPECT_THAT(metrics_.Expose(), HasSubstr("millrace_session_ends_total{protocol=\"rtmp\",reason="
                                           "\"kicked\",role=\"publisher\"} 1"));
}

TEST_F(Sessions, SignalsTheListener) {
  int signals = 0;
  registry_.SetListener([&signals] { ++signals; });
  const auto a = Open("live/a");
  registry_.Describe(*a, "live/b", v1::ROLE_VIEWER, "");
  registry_.Close(*a, "x");
  EXPECT_EQ(signals, 3);
  registry_.SetListener(nullptr);
  Open("live/c");
  EXPECT_EQ(signals, 3);
}

TEST_F(Sessions, ManyThreads) {
  std::atomic<int> kicked{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const auto record =
            registry_.Open(Row("live/a", v1::ROLE_VIEWER), [&](const KickOrder&) { ++kicked; });
        record->bytes_out += 1;
        registry_.Describe(*record, "live/b", v1::ROLE_VIEWER, "u");
        registry_.Close(*record, "x");
      }
    });
  }
  size_t told = 0;
  for (int i = 0; i < 100; ++i) {
    told += registry_.KickStream("live/a", "out");
    registry_.TakeUpdate(i % 10 == 0);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(static_cast<size_t>(kicked), told);
  EXPECT_EQ(registry_.size(), 0u);
}

}  // namespace
}  // namespace millrace::rpc
