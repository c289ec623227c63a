#pragma once
// Who may publish, by the node's configuration (`publishers`, `publish_login`).

#include "gateways/rtmp/protocol/login.h"
#include "runtime/node/node.h"

namespace millrace::rtmp {

// Called on any shard. Changes of the configuration hold from the next question on.
class ConfiguredPublishers final : public Publishers {
 public:
  explicit ConfiguredPublishers(const node::Node& node) : node_(node) {}

  Door DoorOf(std::string_view path) const override;
  std::optional<std::string> PasswordOf(std::string_view path,
                                        std::string_view user) const override;

 private:
  const node::Node& node_;
};

}  // namespace millrace::rtmp
