#pragma once
// The http-gateway: listening socket, connection cap, sessions.

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "runtime/node/node.h"

namespace millrace::http {

class Server final : public node::Service {
 public:
  explicit Server(node::Node& node);
  ~Server() override;

  absl::Status Start() override;
  void StopAccepting() override;
  uint16_t port() const;  // as bound; after Start

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
