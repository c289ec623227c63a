// What of a session travels as datagrams.

#include <boost/asio/post.hpp>
#include <string>
#include <utility>

#include "gateways/rtsp/session.h"
#include "media/base/fault.h"

namespace millrace::rtsp {
namespace {

namespace asio = boost::asio;

asio::ip::address Plain(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

}  // namespace

asio::ip::address Session::LocalAddress() const {
  boost::system::error_code error;
  return Plain(transport_->socket().local_endpoint(error).address());
}

bool Session::UsesUdp() const {
  const auto& all = conversation_.setups().all();
  return !all.empty() && !all.front().transport.tcp;
}

// 461 makes a client go on to TCP, which is better than none.
void Session::On(UdpSetupRequest& event) {
  const auto range = ParsePortRange(settings_.udp_ports());
  uint16_t port = 0;
  if (event.record) {
    auto pair = udp_ports_.Open(shard_.context(), LocalAddress(), *range);
    if (pair != nullptr) port = pair->port();
    OpenInput(event, std::move(pair));
  } else {
    player_ports_ = shard().PortsOfPlayers(udp_ports_, LocalAddress(), *range);
    if (player_ports_ != nullptr) port = player_ports_->pair()->port();
  }
  if (port == 0) {
    node::CountRefusal(node().metrics(), "rtsp", "udp_ports");
    conversation_.Reject(461, "no UDP port is free: use TCP");
    return;
  }
  conversation_.AcceptUdp({port, static_cast<uint16_t>(port + 1)}, settings_.udp_address());
}

void Session::On(MulticastSetupRequest& event) {
  MulticastRequest request{target_.stream, described_, LocalAddress()};
  for (size_t i = 0; i < request.tracks.size(); ++i) {
    request.tracks[i].channel = static_cast<uint8_t>(2 * i);
  }
  if (group_ == nullptr || group_->over()) {
    group_ = multicast_.Join(std::move(request), settings_);
    group_told_ = false;
  }
  if (group_ == nullptr) {
    node::CountRefusal(node().metrics(), "rtsp", "multicast_groups");
    conversation_.Reject(461, "no multicast group is free: use UDP or TCP");
    return;
  }
  const uint16_t port = group_->PortOf(event.media);
  conversation_.AcceptMulticast(group_->address(), {port, static_cast<uint16_t>(port + 1)},
                                group_->ttl());
}

// What the first packet will bear is not known: it may be on its way already.
void Session::PlayGroup() {
  grouped_ = true;
  conversation_.StartPlay({});
  node().logger().Info("playing", {{"session", record_->id()},
                                   {"stream", target_.stream},
                                   {"address", peer_},
                                   {"group", group_->address()},
                                   {"user_agent", std::string(conversation_.user_agent())}});
  // What stands behind PLAY comes later, not within what PLAY came in.
  asio::post(shard_.context(), [weak = WeakThis()] {
    if (const auto self = weak.lock()) self->Work();
  });
  if (std::exchange(group_told_, true)) return;
  group_->Play([weak = WeakThis(), &context = shard_.context()](const std::string& reason) {
    asio::post(context, [weak, reason] {
      if (const auto self = weak.lock()) self->OnGroupEnded(reason);
    });
  });
}

void Session::OnGroupEnded(const std::string& reason) {
  if (!grouped_) return;
  CloseGently(reason == "kicked" ? "kicked" : "stream_ended");
}

// --- publishing ---

void Session::OpenInput(const UdpSetupRequest& event, std::shared_ptr<UdpPair> pair) {
  if (const auto before = inputs_.extract(event.media); !before.empty()) before.mapped()->Close();
  if (pair == nullptr) return;
  UdpInput::Options options;
  options.peer = asio::ip::make_address(address_);
  options.client_port = event.client_port;
  options.on_datagram = [this, media = event.media](bool rtcp, media::Bytes datagram) {
    OnDatagram(media, rtcp, datagram);
  };
  options.on_batch = [this] {
    if (publication_ != nullptr) publication_->OnTimer(Clock::now());
  };
  inputs_[event.media] =
      std::make_shared<UdpInput>(std::move(pair), shard().datagrams(), std::move(options));
}

// Media that comes before RECORD is answered waits in the sockets.
void Session::StartInputs() {
  for (const auto& [media, input] : inputs_) input->Start();
}

void Session::OnDatagram(size_t media, bool rtcp, media::Bytes datagram) {
  Heard();
  CountRead(datagram.size());
  MediaPacket packet{media, rtcp, media::Payload::Copy(datagram)};
  On(packet);
}

// --- playing ---

void Session::MakeSink() {
  std::vector<UdpDestination> destinations;
  const asio::ip::address peer = asio::ip::make_address(address_);
  for (const Setup& setup : conversation_.setups().all()) {
    UdpDestination to;
    to.channel = ChannelOf(setup);
    to.rtp = {peer, setup.transport.client_port->rtp};
    to.rtcp = {peer, setup.transport.client_port->rtcp};
    player_ports_->Listen(to.rtcp, [this] { Heard(); });
    destinations.push_back(std::move(to));
  }
  sink_ = std::make_unique<UdpSink>(player_ports_->pair(), std::move(destinations));
}

void Session::DropSink() {
  if (sink_ == nullptr) return;
  for (const UdpDestination& to : sink_->destinations()) player_ports_->Forget(to.rtcp);
  sink_.reset();
}

void Session::CloseUdp() {
  for (const auto& [media, input] : inputs_) input->Close();
  inputs_.clear();
  if (sink_ != nullptr) sink_->SayBye();
  DropSink();
}

}  // namespace millrace::rtsp
