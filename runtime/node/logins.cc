#include "runtime/node/logins.h"

#include "media/base/secret.h"

namespace millrace::node {

namespace {

std::optional<std::string> Find(const google::protobuf::Map<std::string, std::string>& logins,
                                std::string_view user) {
  const auto found = logins.find(std::string(user));
  if (found == logins.end()) return std::nullopt;
  return found->second;
}

}  // namespace

std::optional<std::string> PublisherPassword(const v1::AppSettings& settings,
                                             std::string_view user) {
  return Find(settings.publishers(), user);
}

bool PlayersLogIn(const v1::AppSettings& settings) { return !settings.viewers().empty(); }

std::optional<std::string> PlayerPassword(const v1::AppSettings& settings, std::string_view user) {
  auto password = Find(settings.viewers(), user);
  return password.has_value() ? password : PublisherPassword(settings, user);
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
