#include "gateways/rtsp/pull_session.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "gateways/rtsp/crypto.h"
#include "media/base/fault.h"
#include "media/rtp/rtcp.h"
#include "runtime/transport/certificate.h"
#include "runtime/transport/dial.h"

namespace millrace::rtsp {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// Reads before another session gets its turn.
constexpr int kMaxReads = 8;

int64_t NanosecondsOf(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

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
  using KeepAlive = ClientOptions::KeepAlive;
  ClientOptions options;
  options.choose = Choose;
  options.protocol = pull.transport() == v1::PULL_TCP   ? Protocol::kTcp
                     : pull.transport() == v1::PULL_UDP ? Protocol::kUdp
                                                        : Protocol::kUdpThenTcp;
  switch (pull.keep_alive()) {
    case v1::KEEP_ALIVE_GET_PARAMETER:
      options.keep_alive = KeepAlive::kGetParameter;
      break;
    case v1::KEEP_ALIVE_OPTIONS:
      options.keep_alive = KeepAlive::kOptions;
      break;
    case v1::KEEP_ALIVE_NONE:
      options.keep_alive = KeepAlive::kNone;
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

PullSession::PullSession(SessionShard& shard, Options options)
    : shard_(shard),
      node_(shard.node()),
      options_(std::move(options)),
      settings_(node_.settings(options_.pull.stream())),
      conversation_(OptionsFor(options_.pull, settings_), options_.url, OpenSslMd5, OpenSslRandom),
      timer_(shard.context()) {}

PullSession::~PullSession() = default;

void PullSession::Start() {
  asio::co_spawn(shard_.context(), Run(shared_from_this()), asio::detached);
}

void PullSession::Stop(relay::StopKind kind) {
  asio::post(shard_.context(), [self = shared_from_this(), kind] {
    self->End(relay::End::kStopped, "stopped", kind == relay::StopKind::kGoodbye);
  });
}

// The argument lives in the coroutine's frame, and with it the session.
asio::awaitable<void> PullSession::Run(std::shared_ptr<PullSession> self) {
  co_await self->Serve();
}

asio::awaitable<void> PullSession::Serve() {
  do {
    redirected_ = false;
    const bool connected = co_await Connect();
    if (!connected) co_return;
    co_await Read();
    if (over_) co_return;
    CloseUdp();
    transport_.reset();
    waiting_.clear();
  } while (redirected_ || conversation_.OnClosed());
  End(relay::End::kLost, "the server closed the connection");
}

asio::awaitable<bool> PullSession::Connect() {
  transport::DialOptions dial;
  dial.host = conversation_.url().host;
  dial.port = conversation_.url().port;
  if (conversation_.url().tls) {
    auto context = transport::ClientContext(options_.pull.insecure_tls());
    if (!context.ok()) {
      Fail(context.status());
      co_return false;
    }
    dial.tls = *std::move(context);
  }
  auto dialed = co_await transport::Dial(std::move(dial));
  if (over_) co_return false;
  if (!dialed.ok()) {
    Fail(dialed.status());
    co_return false;
  }
  transport_ = std::move(dialed->transport);
  server_ = dialed->server;
  if (const auto ban = node_.bans().Refusal(options_.pull.stream(), server_.address.ToString(), "",
                                            UnixMilliseconds())) {
    End(relay::End::kRefused, *ban);
    co_return false;
  }
  conversation_.OnConnected(NanosecondsOf(std::chrono::steady_clock::now()));
  Flush();
  ArmTimer();
  co_return !over_;
}

asio::awaitable<void> PullSession::Read() {
  while (!over_ && !redirected_) {
    const boost::system::error_code error = co_await transport_->WaitReadable();
    if (error || over_ || !ReadAvailable()) co_return;
  }
}

// False where the connection is over.
bool PullSession::ReadAvailable() {
  const std::span<uint8_t> buffer = shard_.buffer();
  for (int i = 0; i < kMaxReads && !over_ && !redirected_; ++i) {
    boost::system::error_code error;
    const size_t size = transport_->ReadSome(buffer, error);
    if (error == asio::error::would_block) return true;
    if (error) return false;
    conversation_.Append(buffer.first(size), NanosecondsOf(std::chrono::steady_clock::now()));
    Work();
    if (record_ != nullptr) record_->bytes_in.fetch_add(size, std::memory_order_relaxed);
    // TLS yields record by record, however much there is.
    if (size < buffer.size() && (over_ || !transport_->secure())) break;
  }
  return !over_;
}

void PullSession::Work() {
  while (!over_) {
    auto event = conversation_.Next();
    if (!event.ok()) {
      Fail(event.status());
      return;
    }
    if (!event->has_value()) break;
    std::visit([this](auto& one) { On(one); }, **event);
  }
  if (!over_) Flush();
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
  const auto range = ParsePortRange(node_.configuration()->rtsp().udp_ports());
  auto pair = error || !range ? nullptr : options_.udp_ports->Open(shard_.context(), local, *range);
  if (pair == nullptr) {
    node_.logger().Warning("no UDP port is free: pulled over TCP",
                           {{"stream", options_.pull.stream()}});
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
  next_report_ = std::chrono::steady_clock::now();
  ArmTimer();
}

// What came before the answer to PLAY waits in the sockets.
void PullSession::StartUdp(const Setup& setup, std::shared_ptr<UdpPair> pair) {
  const Pair server = setup.transport.server_port.value_or(Pair{});
  if (setup.transport.server_port.has_value()) OpenTheWay(*pair, server_.address, server);
  UdpInput::Options options;
  options.peer = asio::ip::make_address(server_.address.ToString());
  options.client_port = server;
  options.on_datagram = [this, media = setup.media](bool rtcp, media::Bytes datagram) {
    OnDatagram(media, rtcp, datagram);
  };
  options.on_batch = [this] {
    if (publication_ != nullptr) publication_->OnTimer(std::chrono::steady_clock::now());
  };
  const auto input =
      std::make_shared<UdpInput>(std::move(pair), shard_.datagrams(), std::move(options));
  inputs_[setup.media] = input;
  input->Start();
}

void PullSession::On(Redirected&) { redirected_ = true; }

void PullSession::On(MediaPacket& event) { TakePacket(event.media, event.rtcp, event.packet); }

void PullSession::OnDatagram(size_t media, bool rtcp, media::Bytes datagram) {
  if (!rtcp) conversation_.Heard(NanosecondsOf(std::chrono::steady_clock::now()));
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
  const absl::Status status =
      publication_->OnPacket(media, rtcp, packet, std::chrono::steady_clock::now());
  if (!status.ok() && shard_.CountError(media::FaultName(status))) {
    node_.logger().Warning("media was not understood", {{"session", record_->id()},
                                                        {"stream", options_.pull.stream()},
                                                        {"error", media::FaultName(status)}});
  }
}

}  // namespace millrace::rtsp
