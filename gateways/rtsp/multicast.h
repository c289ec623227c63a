#pragma once
// Streams that are sent once, to a multicast group, for all who ask for it.

#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "gateways/rtsp/rtsp_unit.h"
#include "gateways/rtsp/udp_pair.h"
#include "gateways/rtsp/udp_sink.h"
#include "runtime/node/node.h"
#include "runtime/stream/viewer.h"
#include "runtime/transport/transport.h"

namespace millrace::rtsp {

struct MulticastRequest {
  std::string stream;
  PlayedTracks tracks;             // all that were described, each with its channel
  boost::asio::ip::address local;  // where it is sent from
};

// One stream's group. Its ports: an even one for each track, as their channels are numbered, and
// the odd one behind it for reports. Made and joined on any shard; lives on its own.
class MulticastGroup final : public std::enable_shared_from_this<MulticastGroup>,
                             private stream::ViewerObserver {
 public:
  using Settings = v1::RtspSettings;

  MulticastGroup(node::Node& node, UdpPorts& ports, MulticastRequest request,
                 boost::asio::ip::address_v4 address, const Settings& settings);
  ~MulticastGroup() override;

  std::string address() const { return address_.to_string(); }
  uint16_t PortOf(size_t media) const { return static_cast<uint16_t>(port_ + 2 * media); }
  uint8_t ttl() const { return ttl_; }
  bool over() const { return over_; }

  // Sends from now on, if it does not yet. `on_end` is called on the group's shard when the stream
  // has ended, or nothing can be sent.
  void Play(std::function<void(const std::string& reason)> on_end);

 private:
  friend class Multicast;

  void Begin();
  void End(const char* reason);
  std::vector<uint8_t> OnStart(const media::TrackSet&) override { return {}; }
  std::vector<uint8_t> OnEnding(stream::ViewerEnd, const std::string&) override { return {}; }
  void OnPlace(const stream::ViewerStart& start) override;
  void OnEnded(stream::ViewerEnd end, const std::string& text) override;

  node::Node& node_;
  UdpPorts& ports_;
  const MulticastRequest request_;
  const boost::asio::ip::address_v4 address_;
  const uint16_t port_;
  const uint8_t ttl_;
  const std::optional<PortRange> range_;
  std::function<void()> release_;  // gives the address back
  std::atomic<bool> over_{false};
  // On the group's shard.
  std::vector<std::function<void(const std::string&)>> on_end_;
  std::shared_ptr<rpc::SessionRecord> record_;
  std::unique_ptr<transport::Transport> no_connection_;
  std::unique_ptr<UdpSink> sink_;
  std::unique_ptr<stream::Viewer> viewer_;
};

// Those of a gateway. Thread-safe.
class Multicast {
 public:
  Multicast(node::Node& node, UdpPorts& ports) : node_(node), ports_(ports) {}

  // The group of what is asked for, which ends when nobody holds it any more. nullptr where all
  // addresses of `settings` are taken.
  std::shared_ptr<MulticastGroup> Join(MulticastRequest request,
                                       const MulticastGroup::Settings& settings);

 private:
  struct Taken {
    std::mutex mutex;
    std::unordered_set<uint32_t> addresses;
  };

  std::optional<boost::asio::ip::address_v4> TakeAddress(const std::string& groups,
                                                         const std::string& stream);

  node::Node& node_;
  UdpPorts& ports_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<MulticastGroup>> groups_;
  const std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
};

}  // namespace millrace::rtsp
