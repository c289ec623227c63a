#pragma once
// A bus without routers: the test is the router.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/bus/client.h"

namespace millrace::stream {

class FakeBus : public bus::Client {
 public:
  void SetTopology(const v1::Topology&) override {}
  bool connected() const override { return true; }

  std::unique_ptr<bus::Publication> Publish(std::string_view stream, bus::PublishOptions options,
                                            bus::PublicationObserver& observer) override {
    publisher = &observer;
    publish_options = std::move(options);
    published = stream;
    return std::make_unique<FakePublication>(*this);
  }
  std::unique_ptr<bus::Subscription> Subscribe(std::string_view stream,
                                               bus::SubscribeOptions options,
                                               bus::SubscriptionObserver& observer) override {
    subscribers[std::string(stream)] = &observer;
    options_of_last = options;
    ++subscriptions_made;
    return std::make_unique<FakeSubscription>(*this, std::string(stream));
  }

  std::map<std::string, bus::SubscriptionObserver*> subscribers;
  bus::SubscribeOptions options_of_last;
  int subscriptions_made = 0;
  bus::PublicationObserver* publisher = nullptr;
  bus::PublishOptions publish_options;
  std::string published;
  std::vector<media::TrackSet> track_sets;
  std::vector<std::vector<media::Frame>> batches;
  std::vector<bool> unpublished_lost;

 private:
  struct FakePublication : bus::Publication {
    explicit FakePublication(FakeBus& bus) : bus_(bus) {}
    void SetTracks(const media::TrackSet& tracks) override { bus_.track_sets.push_back(tracks); }
    void Send(std::span<const media::Frame> frames) override {
      bus_.batches.emplace_back(frames.begin(), frames.end());
    }
    void SetGrace(uint32_t grace_ms, uint32_t grace_after_unpublish_ms) override {
      bus_.publish_options.grace_ms = grace_ms;
      bus_.publish_options.grace_after_unpublish_ms = grace_after_unpublish_ms;
    }
    void Unpublish(bool lost) override { bus_.unpublished_lost.push_back(lost); }
    FakeBus& bus_;
  };
  struct FakeSubscription : bus::Subscription {
    FakeSubscription(FakeBus& bus, std::string stream) : bus_(bus), stream_(std::move(stream)) {}
    ~FakeSubscription() override { bus_.subscribers.erase(stream_); }
    FakeBus& bus_;
    std::string stream_;
  };
};

}  // namespace millrace::stream
