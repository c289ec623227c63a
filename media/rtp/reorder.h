#pragma once
// Packets of one source put back into order, RFC 3550 §6.4.1 and A.1.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "media/base/ticks.h"
#include "media/rtp/packet.h"

namespace millrace::media::rtp {

struct OrderedPacket {
  Packet packet;
  int64_t arrival_ns = 0;  // as given to Push
  int64_t timestamp = 0;   // ticks, unwrapped; steps back are possible
  uint32_t lost = 0;       // packets missing right before this one
  // The sender began anew: another SSRC, or sequence numbers that jumped. Timestamps then have
  // nothing to do with those before.
  bool restart = false;
};

// Not thread-safe. Holds at most Options::max_packets, each for at most max_wait_ns behind a gap,
// or short_wait_ns where many_packets have come behind it: few packets a second take longer to
// overtake one another.
class ReorderBuffer {
 public:
  struct Options {
    // 0 over TCP: what is missing there was never sent, and nothing is held.
    size_t max_packets = 256;
    size_t many_packets = 64;
    int64_t short_wait_ns = 200 * kNsPerMs;
    int64_t max_wait_ns = 500 * kNsPerMs;
  };
  struct Counters {
    uint64_t received = 0;   // handed on or held, duplicates not counted
    uint64_t lost = 0;       // given up
    uint64_t reordered = 0;  // came behind a later one, but in time
    uint64_t late = 0;       // came after they were given up; also counted as lost
    uint64_t duplicate = 0;
    uint64_t restarts = 0;
    uint64_t strays = 0;  // of another source or far off, without a successor
  };

  ReorderBuffer() : ReorderBuffer(Options{}) {}
  explicit ReorderBuffer(Options options) : options_(options) {}

  // Appends to `out` what is in order now. A packet of another SSRC, or far off in sequence, is
  // believed only with the one behind it: over UDP anybody may send one. Over TCP another SSRC is
  // believed at once. `now_ns`: monotonic.
  void Push(Packet packet, int64_t now_ns, std::vector<OrderedPacket>& out);
  // When a gap is given up unless it is filled.
  std::optional<int64_t> NextDeadline() const;
  void OnTimer(int64_t now_ns, std::vector<OrderedPacket>& out);
  // Gives up all gaps: the source has ended.
  void Flush(std::vector<OrderedPacket>& out);

  const Counters& counters() const { return counters_; }
  size_t held() const { return held_.size(); }

 private:
  static constexpr size_t kHistory = 512;

  struct Held {
    Packet packet;
    int64_t arrival_ns = 0;
  };

  void Start(Held first, std::vector<OrderedPacket>& out);
  // True where `packet` follows the candidate, which then was a restart.
  bool Confirms(const Packet& packet) const;
  void Challenge(Held held, std::vector<OrderedPacket>& out);
  void TakeLate(int64_t sequence);
  void Deliver(Held held, std::vector<OrderedPacket>& out);
  void Drain(std::vector<OrderedPacket>& out);
  void SkipGap(std::vector<OrderedPacket>& out);

  const Options options_;
  Counters counters_;
  bool started_ = false;
  bool restart_ = false;  // the next packet delivered is the first of a restart
  uint32_t ssrc_ = 0;
  int64_t next_ = 0;                 // extended sequence number of what is delivered next
  uint32_t lost_ = 0;                // to be told with it
  std::map<int64_t, Held> held_;     // by extended sequence number
  std::optional<Held> candidate_;    // possibly the first packet of a restart
  std::array<bool, kHistory> seen_;  // of the sequence numbers before next_
  Unwrap32 unwrap_;
};

}  // namespace millrace::media::rtp
