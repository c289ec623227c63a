#pragma once
// The http-gateway: listening socket, connection cap, sessions.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "runtime/node/node.h"

namespace millrace::http {

class Server final : public node::Service {
 public:
  // `secure_listen`: "host:port" of HTTPS and WSS, open where a certificate is configured. Empty:
  // never.
  explicit Server(node::Node& node, std::string secure_listen = "");
  ~Server() override;

  absl::Status Start() override;
  void StopAccepting() override;
  std::string secure_listen() const override { return secure_listen_; }
  uint16_t port() const;         // as bound; after Start
  uint16_t secure_port() const;  // 0 while it is not open; home shard

 private:
  class Impl;
  const std::string secure_listen_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::http
