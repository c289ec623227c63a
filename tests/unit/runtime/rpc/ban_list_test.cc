#include "runtime/rpc/ban_list.h"

#include <gtest/gtest.h>

namespace millrace::rpc {
namespace {

v1::Ban Ban(v1::BanKind kind, const std::string& value, const std::string& reason,
            int64_t expires) {
  v1::Ban ban;
  ban.set_kind(kind);
  ban.set_value(value);
  ban.set_reason(reason);
  ban.set_expires_unix_ms(expires);
  return ban;
}

TEST(BanList, EachKindMatchesItsOwnField) {
  BanList bans;
  bans.Set({Ban(v1::BAN_STREAM, "live/cam1", "stream", 100),
            Ban(v1::BAN_ADDRESS, "203.0.113.7", "address", 100),
            Ban(v1::BAN_USER, "eve", "user", 100)});
  EXPECT_EQ(bans.Refusal("live/cam1", "10.0.0.1", "bob", 0), "stream");
  EXPECT_EQ(bans.Refusal("live/cam2", "203.0.113.7", "bob", 0), "address");
  EXPECT_EQ(bans.Refusal("live/cam2", "::ffff:203.0.113.7", "bob", 0), "address");
  EXPECT_EQ(bans.Refusal("live/cam2", "10.0.0.1", "eve", 0), "user");
  EXPECT_EQ(bans.Refusal("eve", "eve", "live/cam1", 0), std::nullopt);
  EXPECT_EQ(bans.Refusal("live/cam", "203.0.113.70", "ev", 0), std::nullopt);
}

TEST(BanList, NothingMatchesNothing) {
  BanList bans;
  EXPECT_EQ(bans.Refusal("a/b", "1.2.3.4", "u", 0), std::nullopt);
  bans.Set(
      {Ban(v1::BAN_USER, "", "empty", 100), Ban(static_cast<v1::BanKind>(9), "x", "new", 100)});
  EXPECT_EQ(bans.Refusal("", "", "", 0), std::nullopt);
  EXPECT_EQ(bans.Refusal("x", "x", "x", 0), std::nullopt);
}

TEST(BanList, ExpiresByItself) {
  BanList bans;
  bans.Set({Ban(v1::BAN_USER, "eve", "", 100)});
  EXPECT_EQ(bans.Refusal("", "", "eve", 99), "banned");
  EXPECT_EQ(bans.Refusal("", "", "eve", 100), std::nullopt);
  bans.Set({});
  EXPECT_EQ(bans.Refusal("", "", "eve", 99), std::nullopt);
}

}  // namespace
}  // namespace millrace::rpc
