#pragma once
// The service of a gateway whose clients keep one connection each: listens, in the clear and by
// TLS, and hands connections to the shards in turn.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/v1/config.pb.h"
#include "runtime/node/client_limits.h"
#include "runtime/node/client_session.h"
#include "runtime/node/node.h"
#include "runtime/node/session_shard.h"
#include "runtime/transport/secure_port.h"

namespace millrace::node {

class ClientServer : public Service {
 public:
  ~ClientServer() override;

  absl::Status Start() override;
  void StopAccepting() override;
  std::string secure_listen() const override { return secure_listen_; }
  // The port that is listened on, once started.
  uint16_t port() const { return port_; }
  // 0 while it is not open; home shard.
  uint16_t secure_port() const { return secure_.port(); }

 protected:
  // What of the protocol's settings is for whoever connects.
  struct Door {
    uint32_t max_connections = 0;
    uint32_t handshake_timeout_ms = 0;
    google::protobuf::RepeatedPtrField<std::string> proxy_protocol;
  };

  // `protocol`: a literal, for logs and metrics. `secure_listen`: "host:port" for TLS, open where a
  // certificate is configured. Empty: never.
  ClientServer(Node& node, const char* protocol, std::string secure_listen);

  // Any thread.
  virtual Door door() const = 0;
  // On the shard. Serves until `options.on_end` is called.
  virtual void Welcome(size_t shard, std::unique_ptr<transport::Transport> transport,
                       ClientSession::Options options) = 0;
  virtual SessionShard& shard(size_t index) = 0;
  // It listens at this address.
  virtual void OnListening(const boost::asio::ip::address& /*address*/) {}

  bool draining() const { return draining_; }

  Node& node_;

 private:
  using Acceptor = boost::asio::ip::tcp::acceptor;

  transport::SecurePort::Options SecureOptions(std::string address);
  void Accept(Acceptor& acceptor, bool secure);
  void Admit(size_t shard, boost::asio::ip::tcp::socket socket, bool secure);
  // Finds out who the client is, then starts its session. On the shard.
  boost::asio::awaitable<void> Arrive(size_t shard, boost::asio::ip::tcp::socket socket,
                                      std::shared_ptr<ssl_ctx_st> certificate, Door door,
                                      ClientSession::Options options);

  const char* const protocol_;
  const std::string secure_listen_;
  std::optional<Acceptor> acceptor_;
  transport::SecurePort secure_;
  uint16_t port_ = 0;
  ClientLimits limits_;
  std::atomic<uint32_t> connections_{0};
  std::atomic<uint32_t> told_full_{0};  // those that are only told that there are too many
  std::atomic<bool> draining_{false};
};

}  // namespace millrace::node
