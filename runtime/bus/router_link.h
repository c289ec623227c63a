#pragma once
// The two connections of this node to one router: introduces the node on each, keeps its lease,
// notices a reconnection or a new router instance, and measures what the router's clock is ahead.
// No I/O.

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "millrace/v1/bus.pb.h"
#include "runtime/bus/port.h"

namespace millrace::bus {

// A lease ping each tick, a media ping every other.
inline constexpr int kMediaPingTicks = 2;

struct NodeIdentity {
  std::string node;
  uint64_t incarnation = 0;
};

class RouterLink {
 public:
  // Sends on one channel of this router; false where there is no connection.
  class Wire {
   public:
    virtual ~Wire() = default;
    virtual bool Send(v1::Channel channel, v1::Envelope& message) = 0;
  };
  RouterLink(NodeIdentity identity, Wire& wire) : identity_(std::move(identity)), wire_(wire) {}

  // The connection can take messages: says Hello.
  void OnConnected(v1::Channel channel);
  // It cannot (any more).
  void OnDisconnected(v1::Channel channel) { side(channel).state = State::kDown; }
  void OnHelloRequired(v1::Channel channel);
  // True where every publication and subscription of this router has to be attached, whatever it
  // was told before.
  bool OnWelcome(v1::Channel channel, const v1::Welcome& message, Instant now);
  void OnPong(v1::Channel channel, const v1::Pong& message, Instant now);
  void OnTimer(Instant now);
  int64_t NextDeadline() const { return next_tick_ns_; }

  // Streams may be attached: the router has welcomed us on the media channel. Any call may end
  // this.
  bool ready() const { return media().state == State::kWelcomed; }
  // Behind everything sent so far on the media channel; 0: not sent.
  uint64_t SendMediaPing(Instant now);
  int64_t clock_offset_ns() const { return offset_ns_; }
  uint64_t reconnects() const { return reconnects_; }

 private:
  enum class State { kDown, kGreeting, kWelcomed };
  struct Side {
    State state = State::kDown;
    uint64_t router_incarnation = 0;  // 0: never heard
    uint64_t pings = 0;
    int64_t ping_sent_ns = 0;
  };

  static size_t IndexOf(v1::Channel channel) { return channel == v1::CHANNEL_LEASE ? 1 : 0; }
  Side& side(v1::Channel channel) { return sides_[IndexOf(channel)]; }
  const Side& media() const { return sides_[0]; }
  void Greet(v1::Channel channel);
  uint64_t Ping(v1::Channel channel, Instant now);
  void Measure(const v1::Pong& pong, int64_t sent_mono_ns, Instant now);

  const NodeIdentity identity_;
  Wire& wire_;
  std::array<Side, 2> sides_;
  int64_t next_tick_ns_ = 0;
  int ticks_ = 0;
  uint64_t reconnects_ = 0;

  // The offset of the fastest of the last rounds is the best estimate.
  struct Sample {
    int64_t round_trip_ns = INT64_MAX;
    int64_t offset_ns = 0;
  };
  std::array<Sample, 8> samples_;
  size_t next_sample_ = 0;
  int64_t offset_ns_ = 0;
};

}  // namespace millrace::bus
