#include "gateways/rtsp/relays.h"

#include <utility>

#include "gateways/rtsp/pull_session.h"
#include "runtime/node/relay_session.h"

namespace millrace::rtsp {

std::unique_ptr<relay::Session> Relays::StartPull(const v1::Pull& pull, relay::Events events) {
  SessionShard& shard = *shards_[node_.shards().NextIndex()];
  node::RelaySession::Options options;
  options.stream = pull.stream();
  options.insecure_tls = pull.insecure_tls();
  options.events = std::move(events);
  options.draining = draining_;
  return node::StartRelay(
      shard, pull.url(), std::move(options), [&](node::RelaySession::Options made) {
        return std::make_shared<PullSession>(shard, std::move(made), pull, udp_ports_);
      });
}

// Never asked for: there is no scheme for it.
std::unique_ptr<relay::Session> Relays::StartPush(const v1::Push&, relay::Events) { return {}; }

}  // namespace millrace::rtsp
