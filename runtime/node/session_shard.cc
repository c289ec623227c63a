#include "runtime/node/session_shard.h"

#include <memory>
#include <vector>

#include "runtime/node/client_session.h"

namespace millrace::node {
namespace {

constexpr auto kTick = std::chrono::milliseconds(250);

}  // namespace

void SessionShard::Watch(ClientSession& session) {
  watched_.insert(&session);
  Arm();
}

void SessionShard::Arm() {
  if (armed_) return;
  armed_ = true;
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    armed_ = false;
    if (error) return;
    // A tick may end its session, and with it others' entries stay valid, but the set changes.
    std::vector<std::shared_ptr<ClientSession>> sessions;
    sessions.reserve(watched_.size());
    for (ClientSession* session : watched_) sessions.push_back(session->shared_from_this());
    const Clock::time_point now = Clock::now();
    for (const auto& session : sessions) session->Tick(now);
    if (!watched_.empty()) Arm();
  });
}

bool SessionShard::CountError(const std::string& name) {
  node_.metrics()
      .Counter("millrace_protocol_errors_total", "Breaches of protocol by peers, by name.",
               {{"protocol", protocol_}, {"error", name}})
      .Increment();
  return error_lines_.Allow(Clock::now()).has_value();
}

}  // namespace millrace::node
