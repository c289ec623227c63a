#pragma once
// The rtmp-gateway's service: whom connections are handed to, and what publishers have to know.

#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "gateways/rtmp/protocol/login.h"
#include "gateways/rtmp/publishers.h"
#include "gateways/rtmp/relays.h"
#include "gateways/rtmp/session.h"
#include "runtime/node/client_server.h"

namespace millrace::rtmp {

class Server final : public node::ClientServer {
 public:
  // `secure_listen`: "host:port" of RTMPS, open where a certificate is configured. Empty: never.
  explicit Server(node::Node& node, std::string secure_listen = "");
  ~Server() override;

  void StopAccepting() override;
  relay::Factory* relays() override { return &relays_; }

 private:
  Door door() const override;
  void Welcome(size_t shard, std::unique_ptr<transport::Transport> transport,
               node::ClientSession::Options options) override;
  node::SessionShard& shard(size_t index) override { return *shards_[index]; }
  // Warns of open doors, once the configuration has come, which may restrict who publishes.
  void OnListening(const boost::asio::ip::address& address) override;

  const ConfiguredPublishers publishers_;
  const Login login_;
  std::vector<std::unique_ptr<node::SessionShard>> shards_;
  boost::asio::steady_timer warning_;
  Relays relays_{node_, shards_, [this] { return draining(); }};
};

}  // namespace millrace::rtmp
