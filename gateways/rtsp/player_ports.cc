#include "gateways/rtsp/player_ports.h"

#include <utility>

namespace millrace::rtsp {
namespace {

using boost::asio::ip::udp;

// Of many players: a key frame for each of them at once.
constexpr int kSendBuffer = 4 * 1024 * 1024;
// Players send nothing there but what opens a NAT.
constexpr int kUnreadBuffer = 4 * 1024;

}  // namespace

PlayerPorts::PlayerPorts(std::shared_ptr<UdpPair> pair, DatagramReader& reader)
    : pair_(std::move(pair)), reader_(reader) {
  boost::system::error_code ignored;  // the kernel's defaults do, too
  pair_->rtp().set_option(udp::socket::send_buffer_size(kSendBuffer), ignored);
  pair_->rtp().set_option(udp::socket::receive_buffer_size(kUnreadBuffer), ignored);
}

void PlayerPorts::Start() { Wait(); }

void PlayerPorts::Close() {
  boost::system::error_code ignored;
  pair_->rtcp().cancel(ignored);
}

void PlayerPorts::Listen(const Endpoint& player, std::function<void()> heard) {
  players_[player] = std::move(heard);
}

void PlayerPorts::Wait() {
  pair_->rtcp().async_wait(
      udp::socket::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
        if (error) return;
        self->reader_.Drain(self->pair_->rtcp(), [&](const Endpoint& from, media::Bytes) {
          const auto found = self->players_.find(from);
          if (found != self->players_.end()) found->second();
        });
        self->Wait();
      });
}

}  // namespace millrace::rtsp
