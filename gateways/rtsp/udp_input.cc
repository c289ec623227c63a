#include "gateways/rtsp/udp_input.h"

#include <utility>

namespace millrace::rtsp {
namespace {

using boost::asio::ip::udp;

// A key frame comes at once.
constexpr int kReceiveBuffer = 2 * 1024 * 1024;

}  // namespace

UdpInput::UdpInput(std::shared_ptr<UdpPair> pair, DatagramReader& reader, Options options)
    : pair_(std::move(pair)), reader_(reader), options_(std::move(options)) {
  boost::system::error_code ignored;  // the kernel's default does, too
  pair_->rtp().set_option(udp::socket::receive_buffer_size(kReceiveBuffer), ignored);
}

void UdpInput::Start() {
  Wait(false);
  Wait(true);
}

void UdpInput::Close() {
  closed_ = true;
  boost::system::error_code ignored;
  pair_->rtp().cancel(ignored);
  pair_->rtcp().cancel(ignored);
}

void UdpInput::Wait(bool rtcp) {
  udp::socket& socket = rtcp ? pair_->rtcp() : pair_->rtp();
  socket.async_wait(udp::socket::wait_read,
                    [self = shared_from_this(), rtcp](const boost::system::error_code& error) {
                      if (!error && !self->closed_) self->Read(rtcp);
                    });
}

void UdpInput::Read(bool rtcp) {
  bool any = false;
  reader_.Drain(rtcp ? pair_->rtcp() : pair_->rtp(),
                [&](const udp::endpoint& from, media::Bytes datagram) {
                  if (closed_) return;
                  if (!IsPublisher(rtcp, from)) {
                    ++strays_;
                    return;
                  }
                  any = true;
                  options_.on_datagram(rtcp, datagram);
                });
  if (any && !closed_) options_.on_batch();
  if (!closed_) Wait(rtcp);
}

bool UdpInput::IsPublisher(bool rtcp, const udp::endpoint& from) {
  boost::asio::ip::address address = from.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
  }
  if (address != options_.peer) return false;
  uint16_t& heard = rtcp ? heard_from_.rtcp : heard_from_.rtp;
  const uint16_t told = rtcp ? options_.client_port.rtcp : options_.client_port.rtp;
  if (heard == 0 || from.port() == told) heard = from.port();
  return from.port() == heard;
}

void UdpInput::SendReport(media::Bytes report) {
  const uint16_t port = heard_from_.rtcp != 0 ? heard_from_.rtcp : options_.client_port.rtcp;
  boost::system::error_code ignored;  // reports may be lost
  pair_->rtcp().send_to(boost::asio::buffer(report.data(), report.size()),
                        udp::endpoint(options_.peer, port), 0, ignored);
}

}  // namespace millrace::rtsp
