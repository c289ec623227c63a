#pragma once
// The UDP ports that all players of a shard are sent from, by the address that they connected to,
// and where their reports come in. Belongs to one shard.

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <functional>
#include <map>
#include <memory>

#include "gateways/rtsp/datagrams.h"
#include "gateways/rtsp/udp_pair.h"

namespace millrace::rtsp {

class PlayerPorts : public std::enable_shared_from_this<PlayerPorts> {
 public:
  using Endpoint = boost::asio::ip::udp::endpoint;

  // `reader` is the shard's.
  PlayerPorts(std::shared_ptr<UdpPair> pair, DatagramReader& reader);

  void Start();
  void Close();
  const std::shared_ptr<UdpPair>& pair() const { return pair_; }

  // Calls `heard` with each report from `player`, until it is told otherwise.
  void Listen(const Endpoint& player, std::function<void()> heard);
  void Forget(const Endpoint& player) { players_.erase(player); }

 private:
  void Wait();

  const std::shared_ptr<UdpPair> pair_;
  DatagramReader& reader_;
  std::map<Endpoint, std::function<void()>> players_;
};

}  // namespace millrace::rtsp
