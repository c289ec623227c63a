#pragma once
// The UDP ports of one media of a publisher. Belongs to one shard.

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "gateways/rtsp/datagrams.h"
#include "gateways/rtsp/protocol/transport.h"
#include "gateways/rtsp/udp_pair.h"
#include "media/base/bytes.h"

namespace millrace::rtsp {

class UdpInput : public std::enable_shared_from_this<UdpInput> {
 public:
  struct Options {
    // Whose packets are taken; those of others are not ours to look at.
    boost::asio::ip::address peer;
    // What the client said. Behind a NAT it speaks from other ports: the first that it is heard of.
    Pair client_port;
    std::function<void(bool rtcp, media::Bytes datagram)> on_datagram;
    std::function<void()> on_batch;  // behind some of them
  };

  // `reader` is the shard's.
  UdpInput(std::shared_ptr<UdpPair> pair, DatagramReader& reader, Options options);

  void Start();
  // Nothing is called any more.
  void Close();
  uint16_t port() const { return pair_->port(); }
  // An RTCP compound to where the media's reports come from.
  void SendReport(media::Bytes report);
  uint64_t strays() const { return strays_; }  // of others than the publisher

 private:
  void Wait(bool rtcp);
  void Read(bool rtcp);
  bool IsPublisher(bool rtcp, const boost::asio::ip::udp::endpoint& from);

  const std::shared_ptr<UdpPair> pair_;
  DatagramReader& reader_;
  Options options_;
  Pair heard_from_;  // 0: not yet
  uint64_t strays_ = 0;
  bool closed_ = false;
};

}  // namespace millrace::rtsp
