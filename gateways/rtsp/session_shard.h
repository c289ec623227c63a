#pragma once
// What the sessions of one shard share: a buffer to read into and one coarse timer. Belongs to its
// shard.

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <unordered_set>

#include "gateways/rtsp/datagrams.h"
#include "gateways/rtsp/player_ports.h"
#include "gateways/rtsp/udp_pair.h"
#include "millrace/v1/config.pb.h"
#include "runtime/log/rate_limit.h"
#include "runtime/node/node.h"

namespace millrace::rtsp {

class Session;
using Clock = std::chrono::steady_clock;

class SessionShard {
 public:
  SessionShard(node::Node& node, size_t index)
      : node_(node), index_(index), timer_(node.shards().at(index)) {}

  node::Node& node() { return node_; }
  size_t index() const { return index_; }
  boost::asio::io_context& context() { return node_.shards().at(index_); }
  // Free whenever nothing of a session runs: what is read is used up before the session yields. So
  // a connection that only plays costs no buffer.
  std::span<uint8_t> buffer() { return buffer_; }

  // Sessions that want Tick() every 250 ms.
  void Watch(Session& session);
  void Unwatch(Session& session) { watched_.erase(&session); }

  // Counts a breach of protocol; true (now and then) where it should be logged.
  bool CountError(const std::string& name);
  // True now and then: whether a line about a stranger should be written.
  bool MayLog() { return error_lines_.Allow(Clock::now()).has_value(); }

  DatagramReader& datagrams() { return datagrams_; }
  // What players are sent from who connected to `local`; nullptr where no ports are left.
  std::shared_ptr<PlayerPorts> PortsOfPlayers(UdpPorts& ports,
                                              const boost::asio::ip::address& local,
                                              const PortRange& range);

 private:
  void Arm();

  node::Node& node_;
  const size_t index_;
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  std::unordered_set<Session*> watched_;
  DatagramReader datagrams_;
  std::map<boost::asio::ip::address, std::shared_ptr<PlayerPorts>> player_ports_;
  log::RateLimit error_lines_;
  std::array<uint8_t, 128 * 1024> buffer_{};
};

}  // namespace millrace::rtsp
