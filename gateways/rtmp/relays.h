#pragma once
// What the rtmp-gateway pulls and pushes: attempts, handed to the shards in turn.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/node/node.h"
#include "runtime/node/session_shard.h"
#include "runtime/relay/session.h"

namespace millrace::rtmp {

class Relays final : public relay::Factory {
 public:
  // `shards` outlive the relays. `draining`: any thread.
  Relays(node::Node& node, const std::vector<std::unique_ptr<node::SessionShard>>& shards,
         std::function<bool()> draining)
      : node_(node), shards_(shards), draining_(std::move(draining)) {}

  std::vector<std::string> pull_schemes() const override { return {"rtmp", "rtmps"}; }
  std::vector<std::string> push_schemes() const override { return {"rtmp", "rtmps"}; }
  std::unique_ptr<relay::Session> StartPull(const v1::Pull& pull, relay::Events events) override;
  std::unique_ptr<relay::Session> StartPush(const v1::Push& push, relay::Events events) override;

 private:
  template <class Attempt, class Job>
  std::unique_ptr<relay::Session> Start(const Job& job, relay::Events events);

  node::Node& node_;
  const std::vector<std::unique_ptr<node::SessionShard>>& shards_;
  const std::function<bool()> draining_;
};

}  // namespace millrace::rtmp
