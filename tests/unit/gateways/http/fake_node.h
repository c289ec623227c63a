#pragma once
// A node without a cluster: its bus is a stream that the test publishes by hand.

#include <boost/asio/post.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/config/app_settings.h"
#include "runtime/node/node.h"

namespace millrace::tests {

// Touched on the home shard only, as the real one.
class FakeBus final : public bus::Client {
 public:
  void SetTopology(const v1::Topology& topology) override {}
  std::unique_ptr<bus::Publication> Publish(std::string_view stream, bus::PublishOptions options,
                                            bus::PublicationObserver& observer) override {
    return nullptr;
  }
  std::unique_ptr<bus::Subscription> Subscribe(std::string_view stream,
                                               bus::SubscribeOptions options,
                                               bus::SubscriptionObserver& observer) override {
    observers_.emplace(stream, &observer);
    return std::make_unique<Held>(*this, observer);
  }
  bool connected() const override { return true; }

  template <class Call>
  void ForEach(const std::string& stream, Call call) {
    const auto [first, last] = observers_.equal_range(stream);
    for (auto entry = first; entry != last; ++entry) call(*entry->second);
  }
  size_t subscriptions(const std::string& stream) const { return observers_.count(stream); }

 private:
  class Held final : public bus::Subscription {
   public:
    Held(FakeBus& bus, bus::SubscriptionObserver& observer) : bus_(bus), observer_(observer) {}
    ~Held() override {
      std::erase_if(bus_.observers_, [&](const auto& entry) { return entry.second == &observer_; });
    }

   private:
    FakeBus& bus_;
    bus::SubscriptionObserver& observer_;
  };
  std::multimap<std::string, bus::SubscriptionObserver*> observers_;
};

class FakeNode final : public node::Node {
 public:
  FakeNode()
      : shards_(2),
        sessions_("http-test", "http-1", metrics_),
        feeds_(std::make_unique<stream::FeedHub>(bus_, shards_, metrics_)),
        configuration_(std::make_shared<v1::Configuration>(config::DefaultConfiguration())) {}
  ~FakeNode() override { Stop(); }

  void Run() {
    thread_ = std::thread([this] { shards_.Run(); });
  }
  void Stop() {
    shards_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  // Before Run.
  v1::Configuration& edit() { return *configuration_; }

  loop::Shards& shards() override { return shards_; }
  FakeBus& bus() override { return bus_; }
  stream::FeedHub& feeds() override { return *feeds_; }
  metrics::Registry& metrics() override { return metrics_; }
  rpc::SessionRegistry& sessions() override { return sessions_; }
  const rpc::BanList& bans() const override { return bans_; }
  rpc::BanList& edit_bans() { return bans_; }
  log::Logger& logger() override { return logger_; }
  const std::string& name() const override { return name_; }
  const std::string& listen() const override { return listen_; }
  std::shared_ptr<const v1::Configuration> configuration() const override { return configuration_; }
  v1::AppSettings settings(std::string_view stream) const override {
    return config::StreamSettings(*configuration_).For(stream);
  }

 private:
  const std::string name_ = "http-test";
  const std::string listen_ = "127.0.0.1:0";
  log::Logger logger_;
  metrics::Registry metrics_;
  loop::Shards shards_;
  rpc::SessionRegistry sessions_;
  rpc::BanList bans_;
  FakeBus bus_;
  std::unique_ptr<stream::FeedHub> feeds_;
  std::shared_ptr<v1::Configuration> configuration_;
  std::thread thread_;
};

}  // namespace millrace::tests
