#pragma once
// Pairs of UDP ports for RTP and RTCP, RFC 3550 §11: an even one and the one behind it.

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "gateways/rtsp/protocol/transport.h"
#include "media/base/bytes.h"

namespace millrace::rtsp {

// The two sockets of one media. Belongs to a shard. What comes from another address than the
// peer's is dropped; which port it comes from is not asked, since devices do not tell theirs.
class UdpPorts : public std::enable_shared_from_this<UdpPorts> {
 public:
  using Address = boost::asio::ip::address;
  // `bytes` are gone when it returns.
  using OnPacket = std::function<void(bool rtcp, media::Bytes bytes)>;

  Pair ports() const { return ports_; }
  // Reads into `buffer`, which nobody else uses while a handler of the shard runs, until Close.
  void Start(std::span<uint8_t> buffer, OnPacket on_packet);
  // Best effort, as UDP is.
  void Send(bool rtcp, uint16_t port, media::Bytes bytes);
  void Close();

 private:
  friend class UdpPortPool;
  using Socket = boost::asio::ip::udp::socket;

  UdpPorts(boost::asio::io_context& context, const Address& peer)
      : sockets_{Socket(context), Socket(context)}, peer_(peer) {}

  bool Bind(const Address& local, uint16_t port);
  void Wait(bool rtcp);
  void Read(bool rtcp);

  std::array<Socket, 2> sockets_;  // RTP, RTCP
  const Address peer_;
  Pair ports_;
  std::span<uint8_t> buffer_;
  OnPacket on_packet_;
};

// The ports that a process may take. Any thread.
class UdpPortPool {
 public:
  // `first` is even.
  explicit UdpPortPool(uint16_t first = 20'000, uint16_t last = 20'999)
      : first_(first), pairs_((last - first + 1u) / 2) {}

  // On `local`, the address that the peer knows us by. Nothing where all are taken.
  std::shared_ptr<UdpPorts> Open(boost::asio::io_context& context, const UdpPorts::Address& local,
                                 const UdpPorts::Address& peer);

 private:
  const uint16_t first_;
  const uint32_t pairs_;
  // Goes round, so that a port rests before it is used again: what is still on its way to who had
  // it would be taken for the next one's.
  std::atomic<uint32_t> next_{0};
};

}  // namespace millrace::rtsp
