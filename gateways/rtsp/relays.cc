#include "gateways/rtsp/relays.h"

#include <utility>

#include "gateways/rtsp/pull_session.h"
#include "gateways/rtsp/push_session.h"

namespace millrace::rtsp {

template <class Job>
node::RelaySession::Options Relays::OptionsOf(const Job& job, relay::Events events) const {
  node::RelaySession::Options options;
  options.stream = job.stream();
  options.insecure_tls = job.insecure_tls();
  options.events = std::move(events);
  options.draining = draining_;
  return options;
}

std::unique_ptr<relay::Session> Relays::StartPull(const v1::Pull& pull, relay::Events events) {
  SessionShard& shard = *shards_[node_.shards().NextIndex()];
  return node::StartRelay(
      shard, pull.url(), OptionsOf(pull, std::move(events)), [&](node::RelaySession::Options made) {
        return std::make_shared<PullSession>(shard, std::move(made), pull, udp_ports_);
      });
}

std::unique_ptr<relay::Session> Relays::StartPush(const v1::Push& push, relay::Events events) {
  SessionShard& shard = *shards_[node_.shards().NextIndex()];
  return node::StartRelay(shard, push.url(), OptionsOf(push, std::move(events)),
                          [&](node::RelaySession::Options made) {
                            return std::make_shared<PushSession>(shard, std::move(made));
                          });
}

}  // namespace millrace::rtsp
