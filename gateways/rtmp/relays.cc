#include "gateways/rtmp/relays.h"

#include <utility>

#include "gateways/rtmp/pull_session.h"
#include "gateways/rtmp/push_session.h"
#include "runtime/node/relay_session.h"

namespace millrace::rtmp {

template <class Attempt, class Job>
std::unique_ptr<relay::Session> Relays::Start(const Job& job, relay::Events events) {
  node::SessionShard& shard = *shards_[node_.shards().NextIndex()];
  return node::StartRelay(shard, job, std::move(events), draining_,
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
