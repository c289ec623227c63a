#pragma once
// What an rtsp-gateway pulls and pushes: attempts, handed to the shards in turn. Belongs
// to the home shard.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateways/rtsp/session_shard.h"
#include "gateways/rtsp/udp_pair.h"
#include "runtime/node/node.h"
#include "runtime/relay/session.h"

namespace millrace::rtsp {

class Relays final : public relay::Factory {
 public:
  // All outlive this. `draining`: any thread.
  Relays(node::Node& node, const std::vector<std::unique_ptr<SessionShard>>& shards,
         UdpPorts& udp_ports, std::function<bool()> draining)
      : node_(node), shards_(shards), udp_ports_(udp_ports), draining_(std::move(draining)) {}

  std::vector<std::string> pull_schemes() const override { return {"rtsp", "rtsps"}; }
  std::vector<std::string> push_schemes() const override { return {"rtsp", "rtsps"}; }
  std::unique_ptr<relay::Session> StartPull(const v1::Pull& pull, relay::Events events) override;
  std::unique_ptr<relay::Session> StartPush(const v1::Push& push, relay::Events events) override;

 private:
  node::Node& node_;
  const std::vector<std::unique_ptr<SessionShard>>& shards_;
  UdpPorts& udp_ports_;
  const std::function<bool()> draining_;
};

}  // namespace millrace::rtsp
