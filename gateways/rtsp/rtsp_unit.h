#pragma once
// What RTSP players of a stream share: RTP packets built once, each behind the `$` header of its
// channel, payloads by reference. Sequence numbers, SSRC and the random offset of timestamps are
// the stream's; only the timestamp in front of each packet differs from viewer to viewer, and is
// written when a unit is gathered: a viewer's media start at the offset, which is what RTP-Info
// says.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "media/frame/track.h"
#include "media/rtp/packetizer.h"
#include "media/sdp/offer.h"
#include "runtime/stream/lane.h"
#include "runtime/stream/wire_unit.h"

namespace millrace::rtsp {

class RtspUnit : public stream::WireUnit {
 public:
  // One media as it is when the unit begins.
  struct Line {
    uint8_t channel = 0;
    uint32_t ssrc = 0;
    uint16_t sequence = 0;  // of its next packet
    uint32_t clock_rate = 90'000;
    uint32_t offset = 0;  // the timestamp where a viewer's time is 0

    uint32_t TimestampAt(int64_t viewer_ms) const;
  };
  explicit RtspUnit(std::vector<Line> lines = {}) : lines_(std::move(lines)) {}

  // Before the unit is shared. `line` is as it is before the packets.
  void Add(const Line& line, media::rtp::PacketSet packets);
  // A sender report on the channel behind: the media at `timestamp` (stream time, ticks) is of
  // `unix_ns`.
  void AddReport(const Line& line, int64_t unix_ns, uint32_t timestamp, uint32_t packet_count,
                 uint32_t octets);
  bool empty() const { return entries_.empty(); }
  // What a viewer who starts here gets next on `channel`; nullptr where that is none of a media.
  const Line* Find(uint8_t channel) const;

  size_t Size(int64_t) const override { return size_; }
  bool Gather(size_t skip, int64_t base_ms, stream::IovecList& out) const override;

 private:
  // Packets of a frame, or a report.
  struct Entry {
    Line line;
    media::rtp::PacketSet packets;
    std::vector<uint8_t> report;  // whole, its timestamp that of stream time
    uint32_t timestamp = 0;       // of the report
    size_t size = 0;
  };
  bool GatherPackets(const Entry& entry, size_t skip, uint32_t base, stream::IovecList& out) const;
  bool GatherReport(const Entry& entry, size_t skip, uint32_t base, stream::IovecList& out) const;

  const std::vector<Line> lines_;
  std::vector<Entry> entries_;
  size_t size_ = 0;
};

// A track as it was described, and the channel that its media was set up with; the one behind is
// for reports.
struct PlayedTrack {
  uint8_t channel = 0;
  media::sdp::OfferedTrack offered;
  std::vector<uint8_t> config;  // of sound, which cannot change on the way
};
using PlayedTracks = std::vector<PlayedTrack>;

// What MakeOffer said of a track, before any media is set up.
PlayedTrack Described(const media::Track& track, const media::sdp::OfferedTrack& offered);

// "rtsp:0=1.96,2=2.97" …: lanes of equal keys are shared; nearly all players ask for the same.
std::string LaneKey(const PlayedTracks& played);

// The lane of who plays these.
stream::Lane LaneOf(PlayedTracks played, std::function<void(std::span<uint8_t>)> random);

// One lane. Packets carry the payload types and clocks that were described.
class RtspMuxer : public stream::LaneMuxer {
 public:
  RtspMuxer(PlayedTracks played, std::function<void(std::span<uint8_t>)> random);

  stream::WireUnitPtr Preamble(const media::TrackSet& tracks) override;
  stream::WireUnitPtr TracksChanged(const media::TrackSet& tracks, int64_t dts_ms) override;
  stream::WireUnitPtr TracksRestated(const media::TrackSet& tracks, int64_t dts_ms) override;
  bool Ends(const media::TrackSet& tracks) const override;
  bool Carries(const media::TrackSet& tracks, const media::Track& track) const override;
  stream::WireUnitPtr Frames(const media::TrackSet& tracks,
                             std::span<const media::Frame> frames) override;

 private:
  struct Line {
    RtspUnit::Line wire;
    bool video = false;
    std::unique_ptr<media::rtp::Packetizer> packetizer;
    uint32_t packets = 0;
    uint32_t octets = 0;
    std::optional<int64_t> reported_ns;  // dts of the last report
  };
  void SetTracks(const media::TrackSet& tracks);
  Line NewLine(const PlayedTrack& played) const;
  void Report(Line& line, const media::Frame& frame, RtspUnit& unit);

  const PlayedTracks played_;
  const std::function<void(std::span<uint8_t>)> random_;
  std::optional<int64_t> wall_offset_ns_;  // Unix time where the stream's time is 0
  std::map<uint8_t, Line> lines_;          // by track id
};

// A packetizer for what an offer says of a track, or nullptr.
std::unique_ptr<media::rtp::Packetizer> MakePacketizer(const media::Track& track,
                                                       const media::sdp::OfferedTrack& offered);

// The offer of what we can send of the tracks.
media::sdp::Offer OfferOf(const media::TrackSet& tracks, const std::string& name);

// What an offer of the tracks leaves out, but for data, which nobody expects.
media::TrackSet LeftOut(const media::TrackSet& tracks, const media::sdp::Offer& offer);
// "h264, aac"
std::string CodecNames(const media::TrackSet& tracks);

}  // namespace millrace::rtsp
