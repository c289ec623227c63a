#pragma once
// A publisher's packets to tracks and frames: what stands between a session's conversation and its
// Ingest. No I/O and no clock: arrival times are arguments. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "media/base/payload.h"
#include "media/frame/track.h"
#include "media/rtp/clock.h"
#include "media/rtp/decode_order.h"
#include "media/rtp/depacketizer.h"
#include "media/rtp/reorder.h"
#include "media/sdp/sources.h"

namespace millrace::rtsp {

// One access unit, on the timeline of all tracks.
struct ReceivedFrame {
  uint8_t track = 0;
  uint16_t flags = 0;  // media::FrameFlag, as far as the unit itself tells
  int64_t dts_ns = 0;
  int64_t pts_ns = 0;
  media::Payload payload;
};

class Receiver {
 public:
  using Item = std::variant<media::Track, ReceivedFrame>;

  // Whether a media can be received: the rest of a description is passed over.
  static bool CanReceive(const media::sdp::Source& source);

  // Packets come in order, as they do over TCP.
  explicit Receiver(const std::vector<media::sdp::Source>& sources);
  ~Receiver();

  // The tracks that the description tells already.
  std::vector<media::Track> Tracks() const;

  // Appends what a packet of the media (index in the description) brings. A fault names what is
  // wrong with it; go on with the next one. Packets of other media are ignored.
  absl::Status OnPacket(size_t media, bool rtcp, const media::Payload& packet, int64_t now_ns,
                        std::vector<Item>& items);

 private:
  struct Line;

  Line* Find(size_t media);
  void OnUnit(Line& line, media::rtp::AccessUnit unit, std::vector<Item>& items);

  media::rtp::Clock clock_;
  std::vector<std::unique_ptr<Line>> lines_;
};

}  // namespace millrace::rtsp
