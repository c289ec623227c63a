#include "gateways/rtmp/publishers.h"

#include "runtime/node/logins.h"

namespace millrace::rtmp {

Publishers::Door ConfiguredPublishers::DoorOf(std::string_view path) const {
  const v1::AppSettings settings = node_.settings(path);
  if (settings.publishers().empty()) return Door::kOpen;
  return settings.publish_login() == v1::in_key ? Door::kKey : Door::kChallenge;
}

std::optional<std::string> ConfiguredPublishers::PasswordOf(std::string_view path,
                                                            std::string_view user) const {
  return node::PublisherPassword(node_.settings(path), user);
}

}  // namespace millrace::rtmp
