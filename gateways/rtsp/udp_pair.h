#pragma once
// UDP sockets for RTP and RTCP: an even port and the odd one behind it (RFC 3550 §11), out of the
// range that the configuration allows.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_set>

namespace millrace::rtsp {

struct PortRange {
  uint16_t first = 0;  // even
  uint16_t last = 0;

  friend bool operator==(const PortRange&, const PortRange&) = default;
};
// "20000-20999"; nothing for "off" and for what is no range with a pair in it.
std::optional<PortRange> ParsePortRange(std::string_view text);

// Two sockets of one shard, non-blocking. Gives its ports back when it is destroyed.
class UdpPair {
 public:
  using Socket = boost::asio::ip::udp::socket;

  Socket& rtp() { return rtp_; }
  Socket& rtcp() { return rtcp_; }
  uint16_t port() const { return port_; }  // of RTP; RTCP's is the next
  ~UdpPair();

 private:
  friend class UdpPorts;
  struct Taken {
    std::mutex mutex;
    std::unordered_set<uint16_t> ports;
    uint16_t next = 0;
  };
  UdpPair(boost::asio::io_context& context, std::shared_ptr<Taken> taken)
      : taken_(std::move(taken)), rtp_(context), rtcp_(context) {}

  const std::shared_ptr<Taken> taken_;
  Socket rtp_;
  Socket rtcp_;
  uint16_t port_ = 0;
};

// All pairs of a gateway. Thread-safe.
class UdpPorts {
 public:
  // Bound to `local`, so that packets come from the address that the client connected to. nullptr
  // where no pair of the range is free. Ports are taken in turn: late packets for a session that is
  // over do not reach the next one.
  std::shared_ptr<UdpPair> Open(boost::asio::io_context& context,
                                const boost::asio::ip::address& local, const PortRange& range);

 private:
  const std::shared_ptr<UdpPair::Taken> taken_ = std::make_shared<UdpPair::Taken>();
};

}  // namespace millrace::rtsp
