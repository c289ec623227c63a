#include "runtime/node/logins.h"

#include <gtest/gtest.h>

namespace millrace::node {
namespace {

v1::AppSettings Locked() {
  v1::AppSettings settings;
  (*settings.mutable_viewers())["eye"] = "see";
  (*settings.mutable_publishers())["cam"] = "film";
  return settings;
}

TEST(PlayerLogin, EverybodyWhereNobodyIsNamed) {
  v1::AppSettings settings;
  (*settings.mutable_publishers())["cam"] = "film";
  EXPECT_FALSE(PlayersLogIn(settings));
  EXPECT_TRUE(MayPlay(settings, "", ""));
  EXPECT_TRUE(MayPlay(settings, "cam", "wrong"));
}

TEST(PlayerLogin, ViewersAndPublishers) {
  const v1::AppSettings settings = Locked();
  EXPECT_TRUE(PlayersLogIn(settings));
  EXPECT_TRUE(MayPlay(settings, "eye", "see"));
  EXPECT_TRUE(MayPlay(settings, "cam", "film"));
  for (const auto& [user, password] : {std::pair{"eye", "film"},
                                       {"eye", "se"},
                                       {"eye", "see "},
                                       {"eye", ""},
                                       {"nobody", "see"},
                                       {"", ""}}) {
    EXPECT_FALSE(MayPlay(settings, user, password)) << user << " " << password;
  }
}

TEST(PlayerLogin, SessionsKeepNoPasswords) {
  v1::AppSettings settings = Locked();
  settings.set_gop_limit(5);
  ForgetLogins(settings);
  EXPECT_TRUE(settings.viewers().empty());
  EXPECT_TRUE(settings.publishers().empty());
  EXPECT_EQ(settings.gop_limit(), 5u);
}

}  // namespace
}  // namespace millrace::node
