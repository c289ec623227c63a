#pragma once
// Runs a node's relays: the core with a timer, a factory, metrics and logs. Belongs to the home
// shard.

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <random>

#include "runtime/log/log.h"
#include "runtime/loop/shards.h"
#include "runtime/metrics/registry.h"
#include "runtime/relay/core.h"
#include "runtime/relay/session.h"

namespace millrace::relay {

class Runner {
 public:
  struct Hooks {
    // Everything that this node has, whenever any of it changes; home shard.
    std::function<void(v1::RelayUpdate)> report;
    // Whether the control plane is there.
    std::function<bool()> attached;
  };

  // All outlive the runner, which is destroyed when the shards have stopped.
  Runner(loop::Shards& shards, Factory& factory, metrics::Registry& metrics, log::Logger logger,
         Hooks hooks);

  void Assign(const v1::RelayAssignments& assignments);
  void Drain() { core_.Drain(); }

 private:
  // One attempt under way.
  struct Attempt {
    Job job;
    std::unique_ptr<Session> session;
    bool ran = false;
  };

  Events EventsOf(const JobId& id);
  void OnRunning(const JobId& id, const std::string& session);
  void OnEnded(const JobId& id, End end, const std::string& reason);
  void Start(const StartAction& action);
  void CountAttempt(const JobId& id, const char* result);
  // Does what the core wants, tells what has changed, and waits for what is next.
  void Settle();
  void Arm();
  void ShowStates();

  boost::asio::io_context& home_;
  Factory& factory_;
  metrics::Registry& metrics_;
  log::Logger logger_;
  const Hooks hooks_;
  std::minstd_rand random_;
  Core core_;
  boost::asio::steady_timer timer_;
  std::map<JobId, Attempt> attempts_;
};

}  // namespace millrace::relay
