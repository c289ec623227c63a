#pragma once
// A player's packets as datagrams: takes what RtspUnit gathers, each packet behind the `$` header
// of its channel, and sends the packets alone, many in one system call.

#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gateways/rtsp/udp_pair.h"
#include "runtime/stream/sink.h"

namespace millrace::rtsp {

// Where packets of a channel go, and those of the channel behind.
struct UdpDestination {
  uint8_t channel = 0;
  boost::asio::ip::udp::endpoint rtp;
  boost::asio::ip::udp::endpoint rtcp;
  uint32_t ssrc = 0;  // of the media, once it is known: for the farewell
};

class UdpSink final : public stream::Sink {
 public:
  UdpSink(std::shared_ptr<UdpPair> pair, std::vector<UdpDestination> destinations)
      : pair_(std::move(pair)), destinations_(std::move(destinations)) {}

  const std::vector<UdpDestination>& destinations() const { return destinations_; }
  void SetSsrc(uint8_t channel, uint32_t ssrc);

  // Takes whole packets. What the network does not want at all (no route, too large) is dropped, as
  // the network would.
  size_t WriteSome(std::span<const iovec> pieces, boost::system::error_code& error) override;
  void WaitWritable(std::function<void(const boost::system::error_code&)> handler) override;

  // RTCP BYE of each media that was sent (RFC 3550 §6.6): the player need not wait for more.
  void SayBye();

  uint64_t dropped() const { return dropped_; }

 private:
  class Batch;

  const UdpDestination* Find(uint8_t channel) const;

  const std::shared_ptr<UdpPair> pair_;
  std::vector<UdpDestination> destinations_;
  uint64_t dropped_ = 0;
};

}  // namespace millrace::rtsp
