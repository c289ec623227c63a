#pragma once
// The rtmp-gateway's service: listens, and hands connections to the shards in turn.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateways/rtmp/protocol/login.h"
#include "gateways/rtmp/publishers.h"
#include "gateways/rtmp/relays.h"
#include "gateways/rtmp/session.h"
#include "gateways/rtmp/session_shard.h"
#include "runtime/node/client_limits.h"
#include "runtime/node/node.h"
#include "runtime/transport/secure_port.h"

namespace millrace::rtmp {

class Server final : public node::Service {
 public:
  // `secure_listen`: "host:port" of RTMPS, open where a certificate is configured. Empty: never.
  explicit Server(node::Node& node, std::string secure_listen = "");
  ~Server() override;

  absl::Status Start() override;
  void StopAccepting() override;
  relay::Factory* relays() override { return &relays_; }
  // The port that is listened on, once started.
  uint16_t port() const { return port_; }
  // 0 while it is not open; home shard.
  uint16_t secure_port() const { return secure_.port(); }

 private:
  using Acceptor = boost::asio::ip::tcp::acceptor;

  transport::SecurePort::Options SecureOptions(std::string address);
  void Accept(Acceptor& acceptor, bool secure);
  void WarnOfOpenDoors();
  void Admit(size_t shard, boost::asio::ip::tcp::socket socket, bool secure);
  // Finds out who the client is, then starts its session. On the shard.
  boost::asio::awaitable<void> Welcome(size_t shard, boost::asio::ip::tcp::socket socket,
                                       std::shared_ptr<ssl_ctx_st> certificate,
                                       Session::Options options);

  node::Node& node_;
  const ConfiguredPublishers publishers_;
  const Login login_;
  std::vector<std::unique_ptr<SessionShard>> shards_;
  std::optional<Acceptor> acceptor_;
  boost::asio::steady_timer warning_;
  transport::SecurePort secure_;
  uint16_t port_ = 0;
  node::ClientLimits limits_;
  std::atomic<uint32_t> connections_{0};
  std::atomic<uint32_t> told_full_{0};  // those that are only told that there are too many
  std::atomic<bool> draining_{false};
  Relays relays_{node_, shards_, [this] { return draining_.load(); }};
};

}  // namespace millrace::rtmp
