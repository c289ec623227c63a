#include "gateways/rtsp/relays.h"

#include <utility>

#include "gateways/rtsp/pull_session.h"
#include "gateways/rtsp/push_session.h"
#include "runtime/node/relay_session.h"

namespace millrace::rtsp {

std::unique_ptr<relay::Session> Relays::StartPull(const v1::Pull& pull, relay::Events events) {
  SessionShard& shard = *shards_[node_.shards().NextIndex()];
  return node::StartRelay(
      shard, pull, std::move(events), draining_, [&](node::RelaySession::Options made) {
        return std::make_shared<PullSession>(shard, std::move(made), pull, udp_ports_);
      });
}

std::unique_ptr<relay::Session> Relays::StartPush(const v1::Push& push, relay::Events events) {
  SessionShard& shard = *shards_[node_.shards().NextIndex()];
  return node::StartRelay(shard, push, std::move(events), draining_,
                          [&](node::RelaySession::Options made) {
                            return std::make_shared<PushSession>(shard, std::move(made));
                          });
}

}  // namespace millrace::rtsp
