#pragma once
// What the sessions of one shard share beside a buffer and a timer: a reader of datagrams, and the
// ports that players are sent from. Belongs to its shard.

#include <boost/asio/ip/address.hpp>
#include <map>
#include <memory>

#include "gateways/rtsp/datagrams.h"
#include "gateways/rtsp/player_ports.h"
#include "gateways/rtsp/udp_pair.h"
#include "runtime/node/session_shard.h"

namespace millrace::rtsp {

class SessionShard final : public node::SessionShard {
 public:
  SessionShard(node::Node& node, size_t index) : node::SessionShard(node, index, "rtsp") {}

  DatagramReader& datagrams() { return datagrams_; }
  // What players are sent from who connected to `local`; nullptr where no ports are left.
  std::shared_ptr<PlayerPorts> PortsOfPlayers(UdpPorts& ports,
                                              const boost::asio::ip::address& local,
                                              const PortRange& range);

 private:
  DatagramReader datagrams_;
  std::map<boost::asio::ip::address, std::shared_ptr<PlayerPorts>> player_ports_;
};

}  // namespace millrace::rtsp
