// Random clusters: everything that may happen to one, in an order that the seed decides.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <set>

#include "tests/support/sim/actors.h"
#include "tests/support/sim/cluster.h"

namespace millrace::sim {
namespace {

const std::vector<std::string> kRouters = {"tcp://router-a:5555", "tcp://router-b:5555"};

// Wall time for each of the tests below; the seeds that fit in are the ones that are run.
constexpr std::chrono::seconds kBudget{8};
constexpr uint64_t kLeastSeeds = 50;

class RandomCluster {
 public:
  // `gentle`: only what the design promises to survive without the loss of a frame.
  RandomCluster(uint64_t seed, bool gentle) : cluster_(OptionsOf(seed, gentle)), gentle_(gentle) {
    routers_ = 1 + cluster_.Pick(2);
    cluster_.SetTopology(++term_, Endpoints(), 0);
    for (const std::string& endpoint : Endpoints()) cluster_.StartRouter(endpoint);
    for (const char* name : {"in", "in2", "out", "out2", "out3"}) cluster_.StartNode(name);
    cluster_.RunFor(1'200 * kMs);
    const uint64_t streams = 1 + cluster_.Pick(3);
    for (uint64_t i = 0; i < streams; ++i) {
      names_.push_back("live/" + std::to_string(seed % 97) + "-" + std::to_string(i));
      Publish(names_.back());
    }
    for (const char* node : {"out", "out2", "out3"}) {
      for (const std::string& name : names_) Watch(node, name);
    }
  }

  void Run() {
    const uint64_t events = 4 + cluster_.Pick(10);
    for (uint64_t i = 0; i < events; ++i) {
      cluster_.RunFor(static_cast<int64_t>(cluster_.Pick(gentle_ ? 1'200 : 900)) * kMs);
      if (gentle_) cluster_.RunFor(600 * kMs);
      Disturb();
      CheckMemory();
    }
    cluster_.RunFor((gentle_ ? 1 : 6) * kSec);
    Heal();
    Check();
  }

  Ledger ledger;

 private:
  struct Channel {
    std::string node;
    std::unique_ptr<Publisher> publisher;
  };

  static ClusterOptions OptionsOf(uint64_t seed, bool gentle) {
    ClusterOptions options{.seed = seed, .network = {}, .router = {}};
    std::mt19937_64 random(seed ^ 0x5eed);
    options.network.max_latency_ns = static_cast<int64_t>(1 + random() % 80) * kMs;
    options.network.duplicate = random() % 3 == 0 ? 0.2 : 0;
    options.network.unnoticed_break = random() % 2 == 0 ? 0.5 : 0;
    options.network.stale_delivery = random() % 2 == 0 ? 0.5 : 0;
    if (!gentle && random() % 4 == 0) options.network.max_latency_ns = 1'500 * kMs;
    if (!gentle && random() % 4 == 0) options.router.publish_credit = 64 * 1024;
    if (!gentle && random() % 4 == 0) options.router.stream_cache_limit = 30'000;
    return options;
  }

  std::vector<std::string> Endpoints() const {
    return {kRouters.begin(), kRouters.begin() + static_cast<ptrdiff_t>(routers_)};
  }
  std::string AnyNode() {
    static const std::vector<std::string> nodes = {"in", "in2", "out", "out2", "out3"};
    return nodes[cluster_.Pick(nodes.size())];
  }
  std::string AnyRouter() { return kRouters[cluster_.Pick(routers_)]; }

  void Publish(const std::string& stream) {
    Channel& channel = publishers_[stream];
    retired_.push_back(std::move(channel.publisher));
    channel.node = cluster_.Chance(0.5) ? "in" : "in2";
    if (cluster_.node(channel.node) == nullptr || cluster_.paused(channel.node)) {
      channel.node = channel.node == "in" ? "in2" : "in";
    }
    if (cluster_.node(channel.node) == nullptr || cluster_.paused(channel.node)) return;
    PublisherOptions options{.stream = stream};
    options.frames_per_gop = 5 + static_cast<uint32_t>(cluster_.Pick(40));
    options.tracks_change_every = static_cast<uint32_t>(cluster_.Pick(4));
    options.key_payload_bytes = 500 + cluster_.Pick(6'000);
    channel.publisher = std::make_unique<Publisher>(cluster_, ledger, channel.node, options);
  }

  void Watch(const std::string& node, const std::string& stream) {
    bus::SubscribeOptions options;
    if (!gentle_ && cluster_.Chance(0.3)) options.credit_bytes = 30'000;
    if (cluster_.Chance(0.2)) options.retention_ms = 2'000;
    viewers_[node][stream] = std::make_unique<Subscriber>(cluster_, ledger, node, stream, options);
  }

  void Disturb() {
    const int64_t short_ns = static_cast<int64_t>(cluster_.Pick(300)) * kMs;
    const int64_t long_ns = gentle_ ? short_ns : static_cast<int64_t>(cluster_.Pick(6'000)) * kMs;
    switch (cluster_.Pick(gentle_ ? 6 : 10)) {
      case 0:
        return RestartRouter(AnyRouter(), long_ns);
      case 1:
      case 2:
        return cluster_.Break(AnyNode(), AnyRouter(), v1::CHANNEL_MEDIA);
      case 3:
        return cluster_.Break(AnyNode(), AnyRouter(), v1::CHANNEL_LEASE);
      case 4: {
        routers_ = 1 + cluster_.Pick(2);
        for (const std::string& endpoint : Endpoints()) {
          if (cluster_.router(endpoint) == nullptr) cluster_.StartRouter(endpoint);
        }
        return cluster_.SetTopology(++term_, Endpoints(), 400 * kMs);
      }
      case 5:
        return PauseNode(AnyNode(), long_ns);
      case 6:
        return RestartPublisherNode(cluster_.Chance(0.5) ? "in" : "in2", long_ns);
      case 7:
        return RestartViewerNode(cluster_.Chance(0.5) ? "out" : "out2", short_ns);
      case 8:
        return Publish(names_[cluster_.Pick(names_.size())]);  // takes the name over
      default: {
        Channel& channel = publishers_[names_[cluster_.Pick(names_.size())]];
        if (channel.publisher != nullptr) channel.publisher->Unpublish(cluster_.Chance(0.5));
        return;
      }
    }
  }

  void RestartRouter(const std::string& endpoint, int64_t away_ns) {
    cluster_.KillRouter(endpoint);
    cluster_.After(away_ns, [this, endpoint] {
      if (cluster_.router(endpoint) == nullptr) cluster_.StartRouter(endpoint);
    });
  }
  void PauseNode(const std::string& node, int64_t away_ns) {
    if (cluster_.node(node) == nullptr || cluster_.paused(node)) return;
    cluster_.Pause(node);
    cluster_.After(away_ns, [this, node] {
      if (cluster_.paused(node)) cluster_.Resume(node);
    });
  }
  void RestartPublisherNode(const std::string& node, int64_t away_ns) {
    if (cluster_.node(node) == nullptr) return;
    cluster_.KillNode(node);
    for (auto& [stream, channel] : publishers_) {
      if (channel.node == node && channel.publisher != nullptr) channel.publisher->Abandon();
    }
    for (const auto& publisher : retired_) {
      if (publisher != nullptr && publisher->node() == node) publisher->Abandon();
    }
    cluster_.After(away_ns, [this, node] {
      if (cluster_.node(node) == nullptr) cluster_.StartNode(node);
    });
  }
  void RestartViewerNode(const std::string& node, int64_t away_ns) {
    if (cluster_.node(node) == nullptr) return;
    cluster_.KillNode(node);
    viewers_.erase(node);
    cluster_.After(away_ns, [this, node] {
      if (cluster_.node(node) == nullptr) cluster_.StartNode(node);
      if (viewers_.contains(node)) return;
      for (const std::string& name : names_) Watch(node, name);
    });
  }

  // Whoever is away comes back, and every stream has a publisher again.
  void Heal() {
    for (const std::string& endpoint : Endpoints()) {
      if (cluster_.router(endpoint) == nullptr) cluster_.StartRouter(endpoint);
    }
    for (const char* name : {"in", "in2", "out", "out2", "out3"}) {
      if (cluster_.paused(name)) cluster_.Resume(name);
      if (cluster_.node(name) == nullptr) cluster_.StartNode(name);
    }
    for (const char* name : {"out", "out2", "out3"}) {
      if (viewers_.contains(name)) continue;
      for (const std::string& stream : names_) Watch(name, stream);
    }
    // A request that was under way for long may arrive last and win: then once more.
    for (int round = 0; round < 3 && !gentle_; ++round) {
      for (const std::string& stream : names_) {
        const auto& publisher = publishers_[stream].publisher;
        if (round == 0 || publisher->refused()) Publish(stream);
      }
      cluster_.RunFor(8 * kSec);
    }
    cluster_.RunFor((gentle_ ? 1 : 3) * kSec);
  }

  void Check() {
    for (const std::string& stream : names_) {
      const Publisher& publisher = *publishers_[stream].publisher;
      if (publisher.refused()) ledger.Violation(stream + ": the last publisher was refused");
      if (gentle_ && publisher.lost() > 0)
        ledger.Violation(stream + ": frames left the replay window");
    }
    for (const std::string& stream : names_) publishers_[stream].publisher->Unpublish(false);
    const auto all_ended = [this] {
      for (const auto& [node, viewers] : viewers_) {
        for (const auto& [stream, viewer] : viewers) {
          if (!viewer->ended()) return false;
        }
      }
      return true;
    };
    if (!cluster_.RunUntil(all_ended, (gentle_ ? 6 : 40) * kSec))
      ledger.Violation("somebody was not told of the end");
    for (const auto& [node, viewers] : viewers_) {
      for (const auto& [stream, viewer] : viewers) CheckViewer(node, stream, *viewer);
    }
    const auto let_go = [this] {
      return cluster_.node("in")->publications() + cluster_.node("in2")->publications() == 0;
    };
    if (!cluster_.RunUntil(let_go, 20 * kSec)) ledger.Violation("a publication was not let go");
  }

  void CheckMemory() {
    for (const char* name : {"in", "in2"}) {
      if (cluster_.node(name) == nullptr) continue;
      const bus::ClientStats& stats = cluster_.node(name)->stats();
      if (stats.replay_bytes > stats.replay_limit)
        ledger.Violation("replay windows above their limit");
    }
    for (const std::string& endpoint : Endpoints()) {
      const router::Table* table = cluster_.router(endpoint);
      if (table == nullptr) continue;
      const uint64_t limit = names_.size() * table->options().stream_cache_limit;
      if (table->usage().cache_bytes > limit) ledger.Violation("caches above their limit");
    }
  }

  void CheckViewer(const std::string& node, const std::string& stream, const Subscriber& viewer) {
    const Publisher& publisher = *publishers_[stream].publisher;
    const std::string who = node + " of " + stream + ": ";
    if (viewer.epoch() != publisher.epoch() ||
        viewer.last_sequence() != publisher.last_sequence()) {
      ledger.Violation(who + "stands at " + std::to_string(viewer.epoch()) + "/" +
                       std::to_string(viewer.last_sequence()) + " instead of " +
                       std::to_string(publisher.epoch()) + "/" +
                       std::to_string(publisher.last_sequence()));
    }
    if (!gentle_) return;
    for (const bus::Skip& skip : viewer.skips()) {
      ledger.Violation(who + "skipped " + std::to_string(skip.from_sequence) + " to " +
                       std::to_string(skip.to_sequence) + ": " + skip.reason);
    }
    if (viewer.ends() != 1) ledger.Violation(who + "was told of an end that was none");
  }

  Cluster cluster_;
  const bool gentle_;
  uint64_t routers_ = 1;
  uint64_t term_ = 0;
  std::vector<std::string> names_;
  std::map<std::string, Channel> publishers_;
  std::vector<std::unique_ptr<Publisher>> retired_;
  std::map<std::string, std::map<std::string, std::unique_ptr<Subscriber>>> viewers_;
};

void RunSeeds(bool gentle) {
  const char* only = std::getenv("MILLRACE_SIM_SEED");
  uint64_t seed = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const auto end = std::chrono::steady_clock::now() + kBudget;
  uint64_t count = 0;
  for (; count < kLeastSeeds || std::chrono::steady_clock::now() < end; ++seed, ++count) {
    RandomCluster run(seed, gentle);
    run.Run();
    for (const std::string& text : run.ledger.violations) ADD_FAILURE() << text;
    if (!run.ledger.violations.empty()) FAIL() << "MILLRACE_SIM_SEED=" << seed;
    if (only != nullptr) return;
  }
  std::printf("%llu seeds\n", static_cast<unsigned long long>(count));
}

TEST(ClusterRandomTest, ShortInterruptionsLoseNothing) { RunSeeds(true); }

TEST(ClusterRandomTest, WhateverHappensTheContractHolds) { RunSeeds(false); }

}  // namespace
}  // namespace millrace::sim
