#include "control-plane/ban_book.h"

#include <gtest/gtest.h>

#include "control-plane/store/sqlite_store.h"

namespace millrace::control {
namespace {

class Bans : public testing::Test {
 protected:
  std::unique_ptr<Store> store_ = *OpenSqliteStore(":memory:");
  BanBook book_{*store_};
  absl::StatusOr<v1::Ban> Add(v1::BanKind kind, const std::string& value, uint64_t duration = 1'000,
                              int64_t now = 0) {
    return book_.Add(kind, value, "because", duration, now);
  }
};

TEST_F(Bans, TheSameAgainRenews) {
  const v1::Ban first = *Add(v1::BAN_STREAM, "live/a", 1'000, 5);
  const v1::Ban second = *book_.Add(v1::BAN_STREAM, "live/a", "other", 2'000, 10);
  EXPECT_EQ(second.id(), first.id());
  EXPECT_EQ(second.created_unix_ms(), 5);
  EXPECT_EQ(second.expires_unix_ms(), 2'010);
  EXPECT_EQ(second.reason(), "other");
  EXPECT_EQ(book_.bans().size(), 1u);
  EXPECT_NE(Add(v1::BAN_USER, "live/a")->id(), first.id());
}

TEST_F(Bans, ValuesHaveOneForm) {
  EXPECT_EQ(Add(v1::BAN_ADDRESS, "203.0.113.7:5000")->value(), "203.0.113.7");
  EXPECT_EQ(Add(v1::BAN_ADDRESS, "[2001:DB8:0::7]:1")->value(), "2001:db8::7");
}

TEST_F(Bans, WhatIsWrongIsRefused) {
  const struct {
    v1::BanKind kind;
    std::string value;
    uint64_t duration;
  } cases[] = {
      {v1::BAN_KIND_UNSPECIFIED, "x", 1},
      {static_cast<v1::BanKind>(9), "x", 1},
      {v1::BAN_STREAM, "nopart", 1},
      {v1::BAN_STREAM, "", 1},
      {v1::BAN_ADDRESS, "host.name", 1},
      {v1::BAN_ADDRESS, "", 1},
      {v1::BAN_USER, "", 1},
      {v1::BAN_USER, std::string(501, 'u'), 1},
      {v1::BAN_USER, "u", 0},
      {v1::BAN_USER, "u", UINT64_MAX},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(Add(test.kind, test.value, test.duration).status().code(),
              absl::StatusCode::kInvalidArgument)
        << test.kind << " " << test.value;
  }
  EXPECT_FALSE(book_.Add(v1::BAN_USER, "u", std::string(501, 'r'), 1, 0).ok());
  EXPECT_TRUE(book_.bans().empty());
}

TEST_F(Bans, ExpireAndStayExpired) {
  ASSERT_TRUE(Add(v1::BAN_USER, "a", 100).ok());
  ASSERT_TRUE(Add(v1::BAN_USER, "b", 200).ok());
  EXPECT_FALSE(book_.Expire(99));
  EXPECT_TRUE(book_.Expire(100));
  EXPECT_EQ(book_.bans().size(), 1u);
  BanBook again(*store_);
  ASSERT_TRUE(again.Load(150).ok());
  EXPECT_EQ(again.bans().size(), 1u);
  BanBook later(*store_);
  ASSERT_TRUE(later.Load(250).ok());
  EXPECT_TRUE(later.bans().empty());
  EXPECT_TRUE(store_->LoadBans()->empty());
}

TEST_F(Bans, Remove) {
  const v1::Ban ban = *Add(v1::BAN_USER, "a");
  EXPECT_TRUE(book_.Remove(ban.id()).ok());
  EXPECT_EQ(book_.Remove(ban.id()).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store_->LoadBans()->empty());
}

TEST_F(Bans, MatchSessions) {
  ASSERT_TRUE(Add(v1::BAN_ADDRESS, "203.0.113.7").ok());
  ASSERT_TRUE(Add(v1::BAN_STREAM, "live/a").ok());
  v1::Session session;
  EXPECT_FALSE(book_.Match(session));
  session.set_address("203.0.113.7:50123");
  EXPECT_TRUE(book_.Match(session));
  session.set_address("[::ffff:203.0.113.7]:50123");
  EXPECT_TRUE(book_.Match(session));
  session.set_address("203.0.113.70:50123");
  EXPECT_FALSE(book_.Match(session));
  session.set_stream("live/a");
  EXPECT_TRUE(book_.Match(session));
}

TEST_F(Bans, AreBounded) {
  for (size_t i = 0; i < BanBook::kMaxBans; ++i) {
    ASSERT_TRUE(Add(v1::BAN_USER, "user-" + std::to_string(i)).ok());
  }
  EXPECT_EQ(Add(v1::BAN_USER, "one more").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Add(v1::BAN_USER, "user-5").ok());
}

}  // namespace
}  // namespace millrace::control
