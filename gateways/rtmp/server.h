#pragma once
// The rtmp-gateway's service: listens, and hands connections to the shards in turn.

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "gateways/rtmp/protocol/login.h"
#include "gateways/rtmp/publishers.h"
#include "gateways/rtmp/session_shard.h"
#include "runtime/node/node.h"

namespace millrace::rtmp {

class Server final : public node::Service {
 public:
  explicit Server(node::Node& node);
  ~Server() override;

  absl::Status Start() override;
  void StopAccepting() override;
  // The port that is listened on, once started.
  uint16_t port() const { return port_; }

 private:
  void Accept();
  void Admit(size_t shard, boost::asio::ip::tcp::socket socket);

  node::Node& node_;
  const ConfiguredPublishers publishers_;
  const Login login_;
  std::vector<std::unique_ptr<SessionShard>> shards_;
  std::optional<boost::asio::ip::tcp::acceptor> acceptor_;
  boost::asio::steady_timer retry_;
  uint16_t port_ = 0;
  std::atomic<uint32_t> connections_{0};
  std::atomic<bool> draining_{false};
};

}  // namespace millrace::rtmp
