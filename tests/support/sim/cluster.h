#pragma once
// A whole cluster in one thread on a virtual clock: router tables and node clients, and between
// them a network that delays, breaks connections with what is in flight, duplicates what the
// contract lets be repeated, and tells nobody what it did. Everything follows from the seed.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "router/table.h"
#include "runtime/bus/client_core.h"

namespace millrace::sim {

inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kSec = 1'000 * kMs;

struct NetworkOptions {
  int64_t min_latency_ns = 200'000;
  int64_t max_latency_ns = 2 * kMs;
  double duplicate = 0;  // chance that a repeatable control message arrives twice
  double unnoticed_break =
      0;  // chance that a node does not hear of a broken connection until the next is up
  double stale_delivery =
      0;  // chance that what a broken connection had in flight to a node is still read
  int64_t reconnect_ns = 20 * kMs;
};

struct ClusterOptions {
  uint64_t seed = 1;
  NetworkOptions network;
  router::Options router;
};

class Cluster {
 public:
  explicit Cluster(ClusterOptions options);
  ~Cluster();

  bus::Instant now() const { return {now_ns_, kWallStart + now_ns_}; }
  std::mt19937_64& random() { return random_; }
  uint64_t Pick(uint64_t below) { return random_() % below; }
  bool Chance(double probability);

  // Runs `act` after `delay_ns`. Acts on the same instant run in the order of their calls.
  void After(int64_t delay_ns, std::function<void()> act);
  void RunFor(int64_t duration_ns);
  // Until `done`, at most `limit_ns`; returns whether it was.
  bool RunUntil(const std::function<bool()>& done, int64_t limit_ns);

  void StartRouter(const std::string& endpoint);
  void KillRouter(const std::string& endpoint);
  router::Table* router(const std::string& endpoint);
  // Started routers and nodes take the newest topology; running ones are told after up to
  // `spread_ns`.
  void SetTopology(uint64_t term, std::vector<std::string> endpoints, int64_t spread_ns);

  bus::ClientCore& StartNode(const std::string& name);
  // What the node's gateway holds of the client must be gone or unused from now on.
  void KillNode(const std::string& name);
  bus::ClientCore* node(const std::string& name);
  // A paused process takes no messages and no time (SIGSTOP); they wait for it.
  void Pause(const std::string& name);
  void Resume(const std::string& name);
  bool paused(const std::string& name) const;
  // Breaks the connection, if there is one; the node connects again by itself.
  void Break(const std::string& name, const std::string& endpoint, v1::Channel channel);

  // Messages handed over so far, and what to do after each.
  uint64_t delivered() const { return delivered_; }
  void OnEachDelivery(std::function<void(uint64_t count)> act) { each_delivery_ = std::move(act); }
  // Most bytes that one node had in flight to it at one time.
  uint64_t delivered_media_bytes(const std::string& name) const;

 private:
  struct Host;
  struct RouterHost;
  struct NodeHost;
  struct Connection;
  struct Message;
  static constexpr int64_t kWallStart = 1'790'000'000'000'000'000;

  int64_t Latency();
  void Connect(const std::shared_ptr<NodeHost>& node, bus::LinkId link, v1::Channel channel);
  void ConnectSoon(const std::shared_ptr<NodeHost>& node, bus::LinkId link, v1::Channel channel,
                   int64_t delay_ns);
  void Cut(const std::shared_ptr<Connection>& connection, bool router_died);
  void ToRouter(const std::shared_ptr<Connection>& connection, Message message);
  void ToNode(const std::shared_ptr<Connection>& connection, Message message);
  void Schedule(const std::shared_ptr<Connection>& connection, Message message, bool to_router);
  void HandToRouter(const std::shared_ptr<Connection>& connection, const Message& message);
  void HandToNode(const std::shared_ptr<Connection>& connection, const Message& message);
  void CountDelivery();
  void Trace(const Connection& connection, const Message& message, bool to_router) const;
  // One step: the next event or deadline, none behind `until_ns`.
  bool Step(int64_t until_ns);

  struct Event {
    int64_t at_ns;
    uint64_t order;
    std::function<void()> act;
    bool operator>(const Event& other) const {
      return at_ns != other.at_ns ? at_ns > other.at_ns : order > other.order;
    }
  };

  const ClusterOptions options_;
  // MILLRACE_SIM_TRACE=1 prints every message as it arrives.
  const bool trace_ = std::getenv("MILLRACE_SIM_TRACE") != nullptr;
  std::mt19937_64 random_;
  int64_t now_ns_ = 0;
  uint64_t order_ = 0;
  uint64_t incarnations_ = 0;
  uint64_t delivered_ = 0;
  router::ConnectionId last_connection_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::map<std::string, std::shared_ptr<RouterHost>> routers_;
  std::map<std::string, std::shared_ptr<NodeHost>> nodes_;
  std::map<router::ConnectionId, std::shared_ptr<Connection>> connections_;
  v1::Topology topology_;
  std::function<void(uint64_t)> each_delivery_;
};

}  // namespace millrace::sim
