#include "gateways/rtmp/relays.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "gateways/rtmp/pull_session.h"
#include "gateways/rtmp/push_session.h"

namespace millrace::rtmp {
namespace {

class Handle final : public relay::Session {
 public:
  // Empty: the attempt could not even begin.
  Handle() = default;
  Handle(node::SessionShard& shard, std::weak_ptr<RelaySession> session)
      : shard_(&shard), session_(std::move(session)) {}

  void Stop(relay::StopKind kind) override {
    if (shard_ == nullptr) return;
    boost::asio::post(shard_->context(), [session = session_, kind] {
      if (const auto alive = session.lock()) alive->Stop(kind);
    });
  }

 private:
  node::SessionShard* shard_ = nullptr;
  std::weak_ptr<RelaySession> session_;
};

}  // namespace

template <class Attempt, class Job>
std::unique_ptr<relay::Session> Relays::Start(const Job& job, relay::Events events) {
  auto url = relay::ParseRelayUrl(job.url());
  if (!url.ok()) {
    events.on_ended(relay::End::kRefused, std::string(url.status().message()));
    return std::make_unique<Handle>();
  }
  node::SessionShard& shard = *shards_[node_.shards().NextIndex()];
  RelaySession::Options options;
  options.stream = job.stream();
  options.url = *std::move(url);
  options.insecure_tls = job.insecure_tls();
  options.events = std::move(events);
  options.draining = draining_;
  auto session = std::make_shared<Attempt>(shard, std::move(options));
  auto handle = std::make_unique<Handle>(shard, session);
  boost::asio::post(shard.context(), [session] { session->Start(); });
  return handle;
}

std::unique_ptr<relay::Session> Relays::StartPull(const v1::Pull& pull, relay::Events events) {
  return Start<PullSession>(pull, std::move(events));
}

std::unique_ptr<relay::Session> Relays::StartPush(const v1::Push& push, relay::Events events) {
  return Start<PushSession>(push, std::move(events));
}

}  // namespace millrace::rtmp
