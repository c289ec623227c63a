#pragma once
// The rtsp-gateway's service: whom connections are handed to, and the ports of datagrams.

#include <memory>
#include <string>
#include <vector>

#include "gateways/rtsp/relays.h"
#include "gateways/rtsp/session.h"
#include "gateways/rtsp/session_shard.h"
#include "runtime/node/client_server.h"

namespace millrace::rtsp {

class Server final : public node::ClientServer {
 public:
  // `secure_listen`: "host:port" of RTSPS, open where a certificate is configured. Empty: never.
  explicit Server(node::Node& node, std::string secure_listen = "");
  ~Server() override;

  relay::Factory* relays() override { return &relays_; }

 private:
  Door door() const override;
  void Welcome(size_t shard, std::unique_ptr<transport::Transport> transport,
               node::ClientSession::Options options) override;
  node::SessionShard& shard(size_t index) override { return *shards_[index]; }

  UdpPorts udp_ports_;
  Multicast multicast_;
  std::vector<std::unique_ptr<SessionShard>> shards_;
  Relays relays_{node_, shards_, udp_ports_, [this] { return draining(); }};
};

}  // namespace millrace::rtsp
