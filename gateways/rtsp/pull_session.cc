#include "gateways/rtsp/pull_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/relay_attempt.h"
#include "media/base/bytes.h"
#include "media/base/fault.h"
#include "media/rtp/rtcp.h"

namespace millrace::rtsp {
namespace {

namespace asio = boost::asio;

// The first picture and the first sound that we carry: what further ones are, no description says,
// and most are the same in small.
std::vector<size_t> Choose(const std::vector<media::sdp::Source>& sources) {
  std::vector<size_t> chosen;
  for (const auto kind : {media::TrackKind::kVideo, media::TrackKind::kAudio}) {
    const auto found = std::find_if(sources.begin(), sources.end(), [&](const auto& source) {
      return media::KindOf(source.codec) == kind && Receiver::CanReceive(source);
    });
    if (found != sources.end()) chosen.push_back(found->media);
  }
  return chosen;
}

ClientOptions OptionsFor(const v1::Pull& pull, const v1::AppSettings& settings) {
  using Protocol = ClientOptions::Protocol;
  ClientOptions options;
  options.choose = Choose;
  options.protocol = pull.transport() == v1::PULL_TCP   ? Protocol::kTcp
                     : pull.transport() == v1::PULL_UDP ? Protocol::kUdp
                                                        : Protocol::kUdpThenTcp;
  switch (pull.keep_alive()) {
    case v1::KEEP_ALIVE_GET_PARAMETER:
      options.requests.keep_alive = KeepAlive::kGetParameter;
      break;
    case v1::KEEP_ALIVE_OPTIONS:
      options.requests.keep_alive = KeepAlive::kOptions;
      break;
    case v1::KEEP_ALIVE_NONE:
      options.requests.keep_alive = KeepAlive::kNone;
      break;
    default:
      break;
  }
  options.media_timeout_ns = int64_t{settings.publish_idle_timeout()} * media::kNsPerMs;
  return options;
}

// Packets that tell nothing: where a NAT is between us and the server, they let its packets in.
void OpenTheWay(UdpPair& pair, const net::IpAddress& address, Pair server) {
  const auto host = asio::ip::make_address(address.ToString());
  const std::array<uint8_t, 12> packet = {0x80};
  const auto report =
      media::rtp::BuildRtcp(std::vector<media::rtp::RtcpPacket>{media::rtp::ReceiverReport{}});
  boost::system::error_code ignored;
  pair.rtp().send_to(asio::buffer(packet), {host, server.rtp}, 0, ignored);
  pair.rtcp().send_to(asio::buffer(report), {host, server.rtcp}, 0, ignored);
}

}  // namespace

PullSession::PullSession(SessionShard& shard, Options options, const v1::Pull& pull,
                         UdpPorts& udp_ports)
    : node::RelaySession(shard, std::move(options)),
      shard_(shard),
      udp_ports_(udp_ports),
      conversation_(OptionsFor(pull, app_), UrlOf(options_.url), OpenSslMd5, OpenSslRandom) {}

PullSession::~PullSession() = default;

node::RelaySession::Server PullSession::server() const {
  const Url& url = conversation_.url();
  return {url.host, url.port, url.tls};
}

void PullSession::OnConnected() {
  redirected_ = false;
  conversation_.OnConnected(node::NanosecondsOf(node::Clock::now()));
  Flush();
}

void PullSession::Receive(media::Bytes bytes) {
  conversation_.Append(bytes, node::NanosecondsOf(node::Clock::now()));
  Work();
}

bool PullSession::Reconnect() {
  CloseUdp();
  if (redirected_ || conversation_.OnClosed()) return true;
  End(relay::End::kLost, "the server closed the connection");
  return false;
}

void PullSession::Work() {
  while (!over()) {
    auto event = conversation_.Next();
    if (!event.ok()) {
      Fail(event.status());
      return;
    }
    if (!event->has_value()) break;
    std::visit([this](auto& one) { On(one); }, **event);
  }
  if (!over()) Flush();
}

void PullSession::On(Described& event) {
  CloseUdp();
  setups_.clear();
  sources_.clear();
  for (const size_t media : Choose(event.sources)) sources_.push_back(event.sources[media]);
}

void PullSession::On(PortsRequest& event) {
  boost::system::error_code error;
  const auto local = transport_->socket().local_endpoint(error).address();
  const auto range = ParsePortRange(node().configuration()->rtsp().udp_ports());
  auto pair = error || !range ? nullptr : udp_ports_.Open(shard_.context(), local, *range);
  if (pair == nullptr) {
    node().logger().Warning("no UDP port is free: pulled over TCP", {{"stream", stream()}});
    conversation_.ProvidePorts(std::nullopt);
    return;
  }
  conversation_.ProvidePorts(Pair{pair->port(), static_cast<uint16_t>(pair->port() + 1)});
  offered_[event.media] = std::move(pair);
}

void PullSession::On(Playing& event) {
  setups_ = std::move(event.setups);
  for (const Setup& setup : setups_) {
    auto offered = offered_.extract(setup.media);
    if (!offered.empty() && !setup.transport.tcp) StartUdp(setup, std::move(offered.mapped()));
  }
  offered_.clear();
  next_report_ = node::Clock::now();
}

// What came before the answer to PLAY waits in the sockets.
void PullSession::StartUdp(const Setup& setup, std::shared_ptr<UdpPair> pair) {
  const Pair server = setup.transport.server_port.value_or(Pair{});
  if (setup.transport.server_port.has_value()) OpenTheWay(*pair, peer_.address, server);
  UdpInput::Options options;
  options.peer = asio::ip::make_address(peer_.address.ToString());
  options.client_port = server;
  options.on_datagram = [this, media = setup.media](bool rtcp, media::Bytes datagram) {
    OnDatagram(media, rtcp, datagram);
  };
  options.on_batch = [this] {
    if (publication_ != nullptr) publication_->OnTimer(node::Clock::now());
  };
  const auto input =
      std::make_shared<UdpInput>(std::move(pair), shard_.datagrams(), std::move(options));
  inputs_[setup.media] = input;
  input->Start();
}

void PullSession::On(Redirected&) { redirected_ = true; }

void PullSession::On(MediaPacket& event) { TakePacket(event.media, event.rtcp, event.packet); }

void PullSession::OnDatagram(size_t media, bool rtcp, media::Bytes datagram) {
  if (!rtcp) conversation_.Heard(node::NanosecondsOf(node::Clock::now()));
  TakePacket(media, rtcp, media::Payload::Copy(datagram));
  if (record_ != nullptr) {
    record_->bytes_in.fetch_add(datagram.size(), std::memory_order_relaxed);
  }
}

void PullSession::TakePacket(size_t media, bool rtcp, const media::Payload& packet) {
  if (publication_ == nullptr) {
    if (rtcp) return;  // tells nothing without what it reports on
    Publish();
  }
  const absl::Status status = publication_->OnPacket(media, rtcp, packet, node::Clock::now());
  if (!status.ok() && shard_.CountError(media::FaultName(status))) {
    node().logger().Warning(
        "media was not understood",
        {{"session", record_->id()}, {"stream", stream()}, {"error", media::FaultName(status)}});
  }
}

}  // namespace millrace::rtsp
