#include "gateways/rtsp/session.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/protocol/errors.h"
#include "media/base/fault.h"

namespace millrace::rtsp {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// `may_udp`: a balancer passes no datagrams on; who wants TLS wants no media in the clear.
ServerOptions OptionsFrom(const v1::RtspSettings& settings, bool may_udp,
                          const std::string& address, const std::string& refusal) {
  ServerOptions options;
  options.transport.udp = may_udp && ParsePortRange(settings.udp_ports()).has_value();
  options.transport.multicast = options.transport.udp && settings.multicast_groups() != "off";
  options.transport.peer_address = address;
  options.timeout_s = std::max<int64_t>(settings.session_timeout() / 1000, 1);
  options.grace_s = (options.timeout_s + 1) / 2;
  options.refusal = refusal;
  return options;
}

}  // namespace

Session::Session(SessionShard& shard, std::unique_ptr<transport::Transport> transport,
                 Options options, UdpPorts& udp_ports, Multicast& multicast)
    : node::ClientSession(shard, std::move(transport), std::move(options)),
      settings_(node().configuration()->rtsp()),
      udp_ports_(udp_ports),
      multicast_(multicast),
      conversation_(
          OptionsFrom(settings_, !behind_balancer_ && !transport_->secure(), address_, refusal_),
          OpenSslRandom, node::NanosecondsOf(Clock::now())) {}

Session::~Session() = default;

void Session::Heard() { conversation_.Heard(node::NanosecondsOf(Clock::now())); }

void Session::Receive(media::Bytes bytes) {
  conversation_.Append(bytes, node::NanosecondsOf(Clock::now()));
  Work();
}

void Session::Work() {
  while (phase_ == Phase::kOpen) {
    auto event = conversation_.Next();
    if (!event.ok()) {
      const std::string name = media::FaultName(event.status());
      if (shard_.CountError(name)) {
        node().logger().Warning("protocol error",
                                {{"address", peer_},
                                 {"error", name},
                                 {"detail", event.status().message()},
                                 {"user_agent", std::string(conversation_.user_agent())}});
      }
      CloseGently("protocol_error", true);
      return;
    }
    if (!event->has_value()) break;
    std::visit([this](auto& one) { On(one); }, **event);
  }
  if (phase_ != Phase::kOpen) return;
  Flush();
  BeginPlay();
}

void Session::On(TurnedAway&) { TurnAway(); }

void Session::On(MediaPacket& event) {
  if (publication_ == nullptr) return;  // a player's report
  const absl::Status status =
      publication_->OnPacket(event.media, event.rtcp, event.packet, Clock::now());
  if (!status.ok() && shard_.CountError(media::FaultName(status))) {
    node().logger().Warning("media was not understood", {{"session", record_->id()},
                                                         {"stream", target_.stream},
                                                         {"error", media::FaultName(status)}});
  }
}

void Session::OnTick(Clock::time_point now) {
  if (publication_ != nullptr && pause_.count() > 0) {
    TickPublisher(now);  // is not read, and so not heard
  } else if (const absl::Status heard = conversation_.OnTimer(node::NanosecondsOf(now));
             !heard.ok()) {
    Reproach(RtspErrorName(RtspError::kSessionTimeout));
    CloseGently("session_timeout", true);
  } else if (publication_ != nullptr) {
    TickPublisher(now);
  } else if (viewer_ == nullptr && query_ == nullptr && !grouped_) {
    TickWaiting(now);
  }
}

void Session::TickWaiting(Clock::time_point now) {
  const auto past = [&](uint32_t ms) { return now - since_ >= milliseconds(ms); };
  if (!conversation_.greeted()) {
    if (!past(settings_.handshake_timeout())) return;
    Reproach(RtspErrorName(RtspError::kHandshakeTimeout));
    Abort("handshake_timeout");
  } else if (!paused_ && past(settings_.idle_timeout())) {
    Reproach(RtspErrorName(RtspError::kIdleTimeout));
    CloseGently("idle");
  }
}

void Session::Flush() {
  if ((viewer_ending_ && sink_ == nullptr) || !conversation_.has_output()) return;
  // A client that has sent all it had and is gone answers with a reset to whatever it is sent, and
  // what of its media is still on its way would be lost: answers wait.
  if (paced_ && publication_ != nullptr) return;
  std::vector<uint8_t> bytes = conversation_.TakeOutput();
  if (viewer_ != nullptr && sink_ == nullptr) {
    viewer_->SendControl(std::move(bytes));
  } else {
    Write(std::move(bytes));
  }
}

void Session::LeaveRole(bool lost) {
  if (publication_ != nullptr) {
    publication_->Close(lost);
    publication_.reset();
  }
  query_.reset();
  viewer_.reset();
  CloseUdp();
  group_.reset();
  grouped_ = false;
  viewer_ending_ = play_pending_ = false;
}

}  // namespace millrace::rtsp
