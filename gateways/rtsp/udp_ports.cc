#include "gateways/rtsp/udp_ports.h"

#include <utility>

namespace millrace::rtsp {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;

// Key frames come in bursts of some hundred packets.
constexpr int kReceiveBuffer = 1 << 20;
// Packets before another session gets its turn.
constexpr int kMaxReads = 64;

}  // namespace

std::shared_ptr<UdpPorts> UdpPortPool::Open(asio::io_context& context,
                                            const UdpPorts::Address& local,
                                            const UdpPorts::Address& peer) {
  for (uint32_t i = 0; i < pairs_; ++i) {
    std::shared_ptr<UdpPorts> ports(new UdpPorts(context, peer));
    const uint32_t pair = next_.fetch_add(1, std::memory_order_relaxed) % pairs_;
    if (ports->Bind(local, static_cast<uint16_t>(first_ + 2 * pair))) return ports;
  }
  return nullptr;
}

bool UdpPorts::Bind(const Address& local, uint16_t port) {
  const auto any = local.is_v6() ? udp::v6() : udp::v4();
  for (uint16_t i = 0; i < 2; ++i) {
    boost::system::error_code error;
    Socket& socket = sockets_[i];
    socket.open(any, error);
    if (!error) socket.bind({local, static_cast<uint16_t>(port + i)}, error);
    if (error) return false;
    socket.non_blocking(true, error);
    socket.set_option(asio::socket_base::receive_buffer_size(kReceiveBuffer), error);
  }
  ports_ = {port, static_cast<uint16_t>(port + 1)};
  return true;
}

void UdpPorts::Start(std::span<uint8_t> buffer, OnPacket on_packet) {
  buffer_ = buffer;
  on_packet_ = std::move(on_packet);
  Wait(false);
  Wait(true);
}

void UdpPorts::Wait(bool rtcp) {
  sockets_[rtcp].async_wait(
      Socket::wait_read, [weak = weak_from_this(), rtcp](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self == nullptr || error) return;
        self->Read(rtcp);
        if (self->sockets_[rtcp].is_open()) self->Wait(rtcp);
      });
}

void UdpPorts::Read(bool rtcp) {
  for (int i = 0; i < kMaxReads && sockets_[rtcp].is_open(); ++i) {
    udp::endpoint from;
    boost::system::error_code error;
    const size_t size =
        sockets_[rtcp].receive_from(asio::buffer(buffer_.data(), buffer_.size()), from, 0, error);
    if (error == asio::error::would_block || error == asio::error::try_again) return;
    if (error || from.address() != peer_) continue;  // an error: of what we sent
    on_packet_(rtcp, buffer_.first(size));
  }
}

void UdpPorts::Send(bool rtcp, uint16_t port, media::Bytes bytes) {
  boost::system::error_code ignored;
  sockets_[rtcp].send_to(asio::buffer(bytes.data(), bytes.size()), {peer_, port}, 0, ignored);
}

void UdpPorts::Close() {
  boost::system::error_code ignored;
  for (Socket& socket : sockets_) socket.close(ignored);
}

}  // namespace millrace::rtsp
