#include "gateways/rtsp/session_shard.h"

#include <string>
#include <vector>

#include "gateways/rtsp/session.h"

namespace millrace::rtsp {
namespace {

constexpr auto kTick = std::chrono::milliseconds(250);
// IPv6 hosts have many, and clients choose among them.
constexpr size_t kMaxLocalAddresses = 16;

}  // namespace

void SessionShard::Watch(Session& session) {
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
    std::vector<std::shared_ptr<Session>> sessions;
    sessions.reserve(watched_.size());
    for (Session* session : watched_) sessions.push_back(session->shared_from_this());
    const Clock::time_point now = Clock::now();
    for (const auto& session : sessions) session->Tick(now);
    if (!watched_.empty()) Arm();
  });
}

std::shared_ptr<PlayerPorts> SessionShard::PortsOfPlayers(UdpPorts& ports,
                                                          const boost::asio::ip::address& local,
                                                          const PortRange& range) {
  if (const auto found = player_ports_.find(local); found != player_ports_.end()) {
    return found->second;
  }
  if (player_ports_.size() >= kMaxLocalAddresses) return nullptr;
  auto pair = ports.Open(context(), local, range);
  if (pair == nullptr) return nullptr;
  auto made = std::make_shared<PlayerPorts>(std::move(pair), datagrams_);
  made->Start();
  player_ports_.emplace(local, made);
  return made;
}

bool SessionShard::CountError(const std::string& name) {
  node_.metrics()
      .Counter("millrace_protocol_errors_total", "Breaches of protocol by peers, by name.",
               {{"protocol", "rtsp"}, {"error", name}})
      .Increment();
  return error_lines_.Allow(Clock::now()).has_value();
}

}  // namespace millrace::rtsp
