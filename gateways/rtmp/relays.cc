#include "gateways/rtmp/relays.h"

#include <utility>

#include "gateways/rtmp/pull_session.h"
#include "gateways/rtmp/push_session.h"
#include "runtime/node/relay_session.h"

namespace millrace::rtmp {

template <class Attempt, class Job>
std::unique_ptr<relay::Session> Relays::Start(const Job& job, relay::Events events) {
  node::SessionShard& shard = *shards_[node_.shards().NextIndex()];
  node::RelaySession::Options options;
  options.stream = job.stream();
  options.insecure_tls = job.insecure_tls();
  options.events = std::move(events);
  options.draining = draining_;
  return node::StartRelay(shard, job.url(), std::move(options),
                          [&shard](node::RelaySession::Options made) {
                            return std::make_shared<Attempt>(shard, std::move(made));
                          });
}

std::unique_ptr<relay::Session> Relays::StartPull(const v1::Pull& pull, relay::Events events) {
  return Start<PullSession>(pull, std::move(events));
}

std::unique_ptr<relay::Session> Relays::StartPush(const v1::Push& push, relay::Events events) {
  return Start<PushSession>(push, std::move(events));
}

}  // namespace millrace::rtmp
