#include "runtime/bus/router_link.h"

#include <algorithm>

#include "runtime/bus/control.h"

namespace millrace::bus {

void RouterLink::Greet(v1::Channel channel) {
  v1::Envelope message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_node(identity_.node);
  hello.set_incarnation(identity_.incarnation);
  hello.set_channel(channel);
  hello.set_protocol_version(kProtocolVersion);
  side(channel).state = wire_.Send(channel, message) ? State::kGreeting : State::kDown;
}

void RouterLink::OnConnected(v1::Channel channel) {
  if (side(channel).state == State::kDown) Greet(channel);
}

void RouterLink::OnHelloRequired(v1::Channel channel) {
  // While a Hello is on its way this answers what was sent before it.
  if (side(channel).state != State::kGreeting) Greet(channel);
}

bool RouterLink::OnWelcome(v1::Channel channel, const v1::Welcome& message, Instant now) {
  Side& at = side(channel);
  const uint64_t incarnation = message.router_incarnation();
  // The answer to a Hello that was repeated.
  if (at.state == State::kWelcomed && at.router_incarnation == incarnation) return false;
  const bool again = at.router_incarnation != 0;
  at.state = State::kWelcomed;
  at.router_incarnation = incarnation;
  if (channel == v1::CHANNEL_MEDIA) {
    if (again) ++reconnects_;
    return true;
  }
  Ping(channel, now);
  // The lease channel may be the first to hear of a new router instance.
  if (ready() && media().router_incarnation != incarnation) Greet(v1::CHANNEL_MEDIA);
  return false;
}

void RouterLink::OnPong(v1::Channel channel, const v1::Pong& message, Instant now) {
  const Side& at = side(channel);
  if (at.state != State::kWelcomed) return;
  if (message.number() == at.pings) Measure(message, at.ping_sent_ns, now);
  if (message.router_incarnation() != at.router_incarnation) Greet(channel);
}

void RouterLink::Measure(const v1::Pong& pong, int64_t sent_mono_ns, Instant now) {
  const int64_t middle_ns = pong.sent_wall_ns() + (now.wall_ns - pong.sent_wall_ns()) / 2;
  samples_[next_sample_] = {.round_trip_ns = now.mono_ns - sent_mono_ns,
                            .offset_ns = pong.router_wall_ns() - middle_ns};
  next_sample_ = (next_sample_ + 1) % samples_.size();
  offset_ns_ = std::ranges::min(samples_, {}, &Sample::round_trip_ns).offset_ns;
}

uint64_t RouterLink::Ping(v1::Channel channel, Instant now) {
  Side& at = side(channel);
  v1::Envelope message;
  message.mutable_ping()->set_number(at.pings + 1);
  message.mutable_ping()->set_sent_wall_ns(now.wall_ns);
  message.mutable_ping()->set_clock_offset_ns(offset_ns_);
  if (!wire_.Send(channel, message)) {
    at.state = State::kDown;
    return 0;
  }
  at.ping_sent_ns = now.mono_ns;
  return ++at.pings;
}

uint64_t RouterLink::SendMediaPing(Instant now) {
  return ready() ? Ping(v1::CHANNEL_MEDIA, now) : 0;
}

void RouterLink::OnTimer(Instant now) {
  if (now.mono_ns < next_tick_ns_) return;
  // On a grid that all links and keep-alives share, so that one wake-up serves them all.
  next_tick_ns_ = (now.mono_ns / kTickNs + 1) * kTickNs;
  ++ticks_;
  for (const v1::Channel channel : {v1::CHANNEL_LEASE, v1::CHANNEL_MEDIA}) {
    if (side(channel).state != State::kWelcomed) {
      Greet(channel);
    } else if (channel == v1::CHANNEL_LEASE || ticks_ % kMediaPingTicks == 0) {
      Ping(channel, now);
    }
  }
}

}  // namespace millrace::bus
