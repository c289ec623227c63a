#include "gateways/rtsp/session_shard.h"

#include <utility>

namespace millrace::rtsp {
namespace {

// IPv6 hosts have many, and clients choose among them.
constexpr size_t kMaxLocalAddresses = 16;

}  // namespace

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

}  // namespace millrace::rtsp
