#pragma once
// What RTSP players of a stream share: RTP packets built once, each behind the `$` header of its
// channel, payloads by reference. Sequence numbers and SSRC are the stream's; only the timestamp in
// front of each packet differs from viewer to viewer, and is written when a unit is gathered: a
// viewer's media start at timestamp 0, which is what RTP-Info says.

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
  // Before the unit is shared.
  void Add(uint8_t channel, uint32_t ssrc, uint16_t sequence, uint32_t clock_rate,
           media::rtp::PacketSet packets);
  // A sender report on `channel`: the media at `timestamp` (stream time, ticks) is of `unix_ns`.
  void AddReport(uint8_t channel, uint32_t ssrc, uint32_t clock_rate, int64_t unix_ns,
                 uint32_t timestamp, uint32_t packet_count, uint32_t octets);
  bool empty() const { return entries_.empty(); }

  size_t Size(int64_t) const override { return size_; }
  bool Gather(size_t skip, int64_t base_ms, stream::IovecList& out) const override;

 private:
  // Packets of a frame, or a report.
  struct Entry {
    uint8_t channel = 0;
    uint32_t ssrc = 0;
    uint16_t sequence = 0;
    uint32_t clock_rate = 90'000;
    media::rtp::PacketSet packets;
    std::vector<uint8_t> report;  // whole, its timestamp that of stream time
    uint32_t timestamp = 0;       // of the report
    size_t size = 0;
  };
  bool GatherPackets(const Entry& entry, size_t skip, uint32_t base, stream::IovecList& out) const;
  bool GatherReport(const Entry& entry, size_t skip, uint32_t base, stream::IovecList& out) const;

  std::vector<Entry> entries_;
  size_t size_ = 0;
};

// Which channel each media of the offer goes to; nothing where it was not set up.
using ChannelMap = std::vector<std::optional<uint8_t>>;

// "rtsp:0,2" …: lanes of equal channels are shared; nearly all players ask for the same.
std::string LaneKey(const ChannelMap& channels);

// One lane. Packets carry payload types and clocks of sdp::MakeOffer.
class RtspMuxer : public stream::LaneMuxer {
 public:
  RtspMuxer(ChannelMap channels, std::function<void(std::span<uint8_t>)> random);

  stream::WireUnitPtr Preamble(const media::TrackSet& tracks) override;
  stream::WireUnitPtr TracksChanged(const media::TrackSet& tracks, int64_t dts_ms) override;
  stream::WireUnitPtr TracksRestated(const media::TrackSet& tracks, int64_t dts_ms) override;
  bool Carries(const media::TrackSet& tracks, const media::Track& track) const override;
  stream::WireUnitPtr Frames(const media::TrackSet& tracks,
                             std::span<const media::Frame> frames) override;

 private:
  struct Line {
    uint8_t channel = 0;
    bool video = false;
    uint32_t clock_rate = 90'000;
    std::unique_ptr<media::rtp::Packetizer> packetizer;
    uint32_t ssrc = 0;
    uint16_t sequence = 0;
    uint32_t packets = 0;
    uint32_t octets = 0;
    std::optional<int64_t> reported_ns;  // dts of the last report
  };
  void SetTracks(const media::TrackSet& tracks);
  void Report(Line& line, const media::Frame& frame, RtspUnit& unit);

  const ChannelMap channels_;
  const std::function<void(std::span<uint8_t>)> random_;
  std::optional<int64_t> wall_offset_ns_;  // Unix time where the stream's time is 0
  std::map<uint8_t, Line> lines_;          // by track id
};

// A packetizer for what an offer says of a track, or nullptr.
std::unique_ptr<media::rtp::Packetizer> MakePacketizer(const media::Track& track,
                                                       const media::sdp::OfferedTrack& offered);

// The offer of what we can send of the tracks.
media::sdp::Offer OfferOf(const media::TrackSet& tracks, const std::string& name);

}  // namespace millrace::rtsp
