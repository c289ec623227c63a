#pragma once
// From RTP packets to access units in the form that media::Frame carries: what all payload formats
// share.

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "media/base/payload.h"
#include "media/rtp/reorder.h"

namespace millrace::media::rtp {

// Configuration that came with the packets rather than by the session description. Repeats are not
// filtered out.
struct InBandConfig {
  // NAL units with their header, without start codes (H.264, H.265).
  std::vector<std::vector<uint8_t>> vps;
  std::vector<std::vector<uint8_t>> sps;
  std::vector<std::vector<uint8_t>> pps;
  // AAC: AudioSpecificConfig. AV1: the sequence header OBU, with its size field.
  std::vector<uint8_t> config;

  bool empty() const { return vps.empty() && sps.empty() && pps.empty() && config.empty(); }
  friend bool operator==(const InBandConfig&, const InBandConfig&) = default;
};

struct AccessUnit {
  int64_t timestamp = 0;    // of its presentation, in ticks of the payload's clock, unwrapped
  uint32_t duration = 0;    // ticks; 0 where the payload does not tell
  int64_t arrival_ns = 0;   // of its last packet
  uint16_t flags = 0;       // media::FrameFlag, as far as the unit itself tells
  bool after_loss = false;  // something was lost or dropped between the unit before and this one
  // The first one of a sender that began anew: timestamps have nothing to do with those before.
  bool restart = false;
  InBandConfig in_band;
  Payload payload;  // as in media::Frame; never empty
};

// One source, packets in order. Not thread-safe. Holds at most one unit, bounded in size.
//
// Damage: units with a packet missing are dropped. Of video everything behind is dropped, too, up
// to the next key frame, unless the damaged picture was certainly none that others refer to.
class Depacketizer {
 public:
  struct Counters {
    uint64_t units = 0;        // handed out
    uint64_t damaged = 0;      // dropped for want of a packet or for a fault
    uint64_t undecodable = 0;  // whole, but dropped up to the next key frame
  };

  virtual ~Depacketizer() = default;

  // Appends to `units` those that became whole. A fault names what was wrong with this packet,
  // which then counts as lost; go on with the next one. Empty payloads are ignored.
  absl::Status Push(const OrderedPacket& packet, std::vector<AccessUnit>& units);

  // The source has ended: hands out what is whole without the packet that would have ended it.
  virtual void Flush(std::vector<AccessUnit>& units) {}

  const Counters& counters() const { return counters_; }

 protected:
  // `packet` has a payload.
  virtual absl::Status Take(const OrderedPacket& packet, std::vector<AccessUnit>& units) = 0;
  // Packets are missing between the last one that was taken and the next one.
  virtual void Lose() = 0;
  // What comes next has nothing to do with what came before: forget it.
  virtual void Reset() = 0;

  // Appends it with after_loss and restart filled in.
  void Emit(AccessUnit unit, std::vector<AccessUnit>& units);
  void CountDamaged() {
    ++counters_.damaged;
    after_loss_ = true;
  }
  void CountUndecodable() {
    ++counters_.undecodable;
    after_loss_ = true;
  }

 private:
  Counters counters_;
  bool after_loss_ = false;  // of the next unit, here and below
  bool restart_ = false;
};

}  // namespace millrace::media::rtp
