#pragma once
// A publisher's packets to tracks and frames: what stands between a session's conversation and its
// Ingest. No I/O and no clock: arrival times are arguments. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "media/base/payload.h"
#include "media/frame/input_frame.h"
#include "media/rtp/clock.h"
#include "media/rtp/decode_order.h"
#include "media/rtp/depacketizer.h"
#include "media/rtp/reorder.h"
#include "media/sdp/sources.h"

namespace millrace::rtsp {

struct ReceiverOptions {
  // Packets come as datagrams: some late, some never. Else in order, as they do over TCP.
  bool datagrams = false;
  uint32_t ssrc = 0;  // of our reports
};

class Receiver {
 public:
  using Item = media::InputItem;  // frames on the timeline of all tracks

  // Whether a media can be received: the rest of a description is passed over.
  static bool CanReceive(const media::sdp::Source& source);

  struct Counters {
    uint64_t lost = 0;         // packets that never came, or too late
    uint64_t reordered = 0;    // packets that came behind later ones, but in time
    uint64_t damaged = 0;      // units that were dropped for want of a packet
    uint64_t undecodable = 0;  // units that refer to those, up to the next key frame
  };

  explicit Receiver(const std::vector<media::sdp::Source>& sources, ReceiverOptions options = {});
  ~Receiver();

  // The tracks that the description tells already.
  std::vector<media::Track> Tracks() const;

  // Appends what a packet of the media (index in the description) brings. A fault names what is
  // wrong with it; go on with the next one. Packets of other media are ignored.
  absl::Status OnPacket(size_t media, bool rtcp, const media::Payload& packet, int64_t now_ns,
                        std::vector<Item>& items);
  // Gives up packets that have been waited for long enough; appends what that lets go.
  void OnTimer(int64_t now_ns, std::vector<Item>& items);
  // What the publisher should know of how the media arrives: an RTCP compound, empty before its
  // first packet. Each report counts from the one before.
  std::vector<uint8_t> Report(size_t media, int64_t now_ns);
  Counters counters() const;
  // Every media that ever sent anything has said BYE (RFC 3550 §6.6), and nothing came since.
  bool ended() const;

 private:
  struct Line;

  Line* Find(size_t media);
  absl::Status Depacketize(Line& line, std::vector<media::rtp::OrderedPacket>& ordered,
                           std::vector<Item>& items);
  void OnUnit(Line& line, media::rtp::AccessUnit unit, std::vector<Item>& items);

  const ReceiverOptions options_;
  media::rtp::Clock clock_;
  std::vector<std::unique_ptr<Line>> lines_;
};

}  // namespace millrace::rtsp
