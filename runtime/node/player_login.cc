#include "runtime/node/player_login.h"

#include "media/base/secret.h"

namespace millrace::node {

bool PlayersLogIn(const v1::AppSettings& settings) { return !settings.viewers().empty(); }

std::optional<std::string> PlayerPassword(const v1::AppSettings& settings, std::string_view user) {
  for (const auto* logins : {&settings.viewers(), &settings.publishers()}) {
    if (const auto found = logins->find(std::string(user)); found != logins->end()) {
      return found->second;
    }
  }
  return std::nullopt;
}

bool MayPlay(const v1::AppSettings& settings, std::string_view user, std::string_view password) {
  if (!PlayersLogIn(settings)) return true;
  const auto wanted = PlayerPassword(settings, user);
  return wanted.has_value() && media::SameSecret(*wanted, password);
}

void ForgetLogins(v1::AppSettings& settings) {
  settings.clear_publishers();
  settings.clear_viewers();
}

}  // namespace millrace::node
