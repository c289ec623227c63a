#include "gateways/rtsp/rtsp_unit.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateways/rtsp/protocol/message.h"
#include "media/base/bytes.h"
#include "media/base/text.h"
#include "media/base/ticks.h"
#include "media/rtp/aac.h"
#include "media/rtp/av1.h"
#include "media/rtp/g711.h"
#include "media/rtp/g726.h"
#include "media/rtp/h264.h"
#include "media/rtp/h265.h"
#include "media/rtp/mjpeg.h"
#include "media/rtp/mpeg_audio.h"
#include "media/rtp/opus.h"
#include "media/rtp/pcm.h"
#include "media/rtp/rtcp.h"

namespace millrace::rtsp {
namespace {

using media::Bytes;
using media::rtp::TicksFromNs;

constexpr size_t kHeadSize = kInterleavedHeaderSize + media::rtp::kHeaderSize;
constexpr int64_t kReportEveryNs = 5 * media::kNsPerSecond;
// Where the RTP timestamp stands in a report behind its interleaved header.
constexpr size_t kReportTimestampAt = kInterleavedHeaderSize + 16;

uint32_t BaseTicks(int64_t base_ms, uint32_t clock_rate) {
  return static_cast<uint32_t>(TicksFromNs(base_ms * media::kNsPerMs, clock_rate));
}

void WriteU32(uint8_t* at, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) at[i] = static_cast<uint8_t>(value >> (8 * (3 - i)));
}

// Whether a player who was told `played` understands the packets of `track`. Parameter sets of a
// picture travel in band.
bool Fits(const PlayedTrack& played, const media::Track& track) {
  if (track.kind == media::TrackKind::kAudio && track.config != played.config) return false;
  const auto offer = media::sdp::MakeOffer({0, {track}}, {});
  return !offer.tracks.empty() && offer.tracks[0].payload == played.offered.payload &&
         offer.tracks[0].clock_rate == played.offered.clock_rate;
}

}  // namespace

uint32_t RtspUnit::Line::TimestampAt(int64_t viewer_ms) const {
  return offset + BaseTicks(viewer_ms, clock_rate);
}

void RtspUnit::Add(const Line& line, media::rtp::PacketSet packets) {
  Entry entry;
  entry.line = line;
  entry.size = packets.size() * kHeadSize + packets.payload_bytes();
  entry.packets = std::move(packets);
  size_ += entry.size;
  entries_.push_back(std::move(entry));
}

void RtspUnit::AddReport(const Line& line, int64_t unix_ns, uint32_t timestamp,
                         uint32_t packet_count, uint32_t octets) {
  media::rtp::SenderReport report;
  report.ssrc = line.ssrc;
  report.ntp = media::rtp::NtpFromUnixNs(unix_ns);
  report.packets = packet_count;
  report.octets = octets;
  const media::rtp::RtcpPacket packets[] = {
      report, media::rtp::SourceDescription{{{line.ssrc, "millrace"}}}};
  const std::vector<uint8_t> compound = media::rtp::BuildRtcp(packets);
  Entry entry;
  entry.line = line;
  entry.timestamp = timestamp;
  WriteInterleavedHeader(static_cast<uint8_t>(line.channel + 1),
                         static_cast<uint16_t>(compound.size()), entry.report);
  entry.report.insert(entry.report.end(), compound.begin(), compound.end());
  entry.size = entry.report.size();
  size_ += entry.size;
  entries_.push_back(std::move(entry));
}

const RtspUnit::Line* RtspUnit::Find(uint8_t channel) const {
  for (const Line& line : lines_) {
    if (line.channel == channel) return &line;
  }
  return nullptr;
}

bool RtspUnit::Gather(size_t skip, int64_t base_ms, stream::IovecList& out) const {
  for (const Entry& entry : entries_) {
    if (skip >= entry.size) {
      skip -= entry.size;
      continue;
    }
    const uint32_t base = BaseTicks(base_ms, entry.line.clock_rate) - entry.line.offset;
    const bool whole = entry.report.empty() ? GatherPackets(entry, skip, base, out)
                                            : GatherReport(entry, skip, base, out);
    if (!whole) return false;
    skip = 0;
  }
  return true;
}

bool RtspUnit::GatherReport(const Entry& entry, size_t skip, uint32_t base,
                            stream::IovecList& out) const {
  uint8_t* const bytes = out.Scratch(entry.size);
  if (bytes == nullptr) return false;
  std::memcpy(bytes, entry.report.data(), entry.size);
  WriteU32(bytes + kReportTimestampAt, entry.timestamp - base);
  return out.Add(bytes + skip, entry.size - skip);
}

bool RtspUnit::GatherPackets(const Entry& entry, size_t skip, uint32_t base,
                             stream::IovecList& out) const {
  // Adds what `skip` leaves of a piece.
  const auto add = [&](const uint8_t* data, size_t size) {
    const size_t skipped = std::min(skip, size);
    skip -= skipped;
    return skipped == size || out.Add(data + skipped, size - skipped);
  };
  const media::rtp::PacketSet& packets = entry.packets;
  for (size_t i = 0; i < packets.size(); ++i) {
    const size_t size = media::rtp::kHeaderSize + packets.payload_size(i);
    if (skip >= kInterleavedHeaderSize + size) {
      skip -= kInterleavedHeaderSize + size;
      continue;
    }
    if (skip < kHeadSize) {
      uint8_t* const head = out.Scratch(kHeadSize);
      if (head == nullptr) return false;
      head[0] = '$';
      head[1] = entry.line.channel;
      head[2] = static_cast<uint8_t>(size >> 8);
      head[3] = static_cast<uint8_t>(size);
      packets.WriteHeader(i, static_cast<uint16_t>(entry.line.sequence + i), 0u - base,
                          entry.line.ssrc,
                          std::span<uint8_t, media::rtp::kHeaderSize>(head + kInterleavedHeaderSize,
                                                                      media::rtp::kHeaderSize));
      if (!add(head, kHeadSize)) return false;
    } else {
      skip -= kHeadSize;
    }
    for (const Bytes piece : packets.pieces(i)) {
      if (!piece.empty() && !add(piece.data(), piece.size())) return false;
    }
  }
  return true;
}

PlayedTrack Described(const media::Track& track, const media::sdp::OfferedTrack& offered) {
  PlayedTrack described;
  described.offered = offered;
  if (track.kind == media::TrackKind::kAudio) described.config = track.config;
  return described;
}

std::string LaneKey(const PlayedTracks& played) {
  std::string key = "rtsp:";
  for (const PlayedTrack& one : played) {
    key += std::to_string(one.channel) + "=" + std::to_string(one.offered.track_id) + "." +
           std::to_string(static_cast<int>(one.offered.payload)) + "." +
           std::to_string(one.offered.payload_type) + "." + std::to_string(one.offered.clock_rate) +
           "." + media::FormatHex(one.config) + ",";
  }
  return key;
}

std::unique_ptr<media::rtp::Packetizer> MakePacketizer(const media::Track& track,
                                                       const media::sdp::OfferedTrack& offered) {
  const media::rtp::PacketizerOptions options = {.payload_type = offered.payload_type,
                                                 .clock_rate = offered.clock_rate};
  switch (offered.payload) {
    case media::sdp::PayloadFormat::kH264: {
      auto packetizer = media::rtp::H264Packetizer::Create(track, options);
      return packetizer.ok() ? *std::move(packetizer) : nullptr;
    }
    case media::sdp::PayloadFormat::kH265: {
      auto packetizer = media::rtp::H265Packetizer::Create(track, options);
      return packetizer.ok() ? *std::move(packetizer) : nullptr;
    }
    case media::sdp::PayloadFormat::kAv1: {
      auto packetizer = media::rtp::Av1Packetizer::Create(track, options);
      return packetizer.ok() ? *std::move(packetizer) : nullptr;
    }
    case media::sdp::PayloadFormat::kMpa:
      return std::make_unique<media::rtp::MpegAudioPacketizer>(options);
    case media::sdp::PayloadFormat::kG726:
    case media::sdp::PayloadFormat::kAal2G726:
      return std::make_unique<media::rtp::G726Packetizer>(
          options, media::rtp::G726Parameters{.bits_per_code = track.config[0]});
    case media::sdp::PayloadFormat::kJpeg:
      return std::make_unique<media::rtp::MjpegPacketizer>(options);
    case media::sdp::PayloadFormat::kL16:
      return std::make_unique<media::rtp::PcmPacketizer>(
          options, media::rtp::PcmParameters{.channels = track.channels});
    case media::sdp::PayloadFormat::kMpeg4Generic:
      return std::make_unique<media::rtp::AacPacketizer>(options);
    case media::sdp::PayloadFormat::kOpus:
      return std::make_unique<media::rtp::OpusPacketizer>(options);
    case media::sdp::PayloadFormat::kPcma:
    case media::sdp::PayloadFormat::kPcmu:
      return std::make_unique<media::rtp::G711Packetizer>(
          options, media::rtp::G711Parameters{.channels = track.channels});
    default:
      return nullptr;
  }
}

media::sdp::Offer OfferOf(const media::TrackSet& tracks, const std::string& name) {
  media::TrackSet carried;
  carried.version = tracks.version;
  for (const media::Track& track : tracks.tracks) {
    const auto alone = media::sdp::MakeOffer({tracks.version, {track}}, {});
    if (!alone.tracks.empty() && MakePacketizer(track, alone.tracks[0]) != nullptr) {
      carried.tracks.push_back(track);
    }
  }
  return media::sdp::MakeOffer(carried, {.name = name});
}

RtspMuxer::RtspMuxer(PlayedTracks played, std::function<void(std::span<uint8_t>)> random)
    : played_(std::move(played)), random_(std::move(random)) {}

RtspMuxer::Line RtspMuxer::NewLine(const PlayedTrack& played) const {
  uint8_t bytes[10];
  random_(bytes);
  media::ByteReader reader(bytes);
  Line line;
  line.wire.channel = played.channel;
  line.wire.clock_rate = played.offered.clock_rate;
  line.wire.ssrc = reader.U32();
  line.wire.sequence = reader.U16();
  line.wire.offset = reader.U32();
  return line;
}

// Numbers go on where a track stays.
void RtspMuxer::SetTracks(const media::TrackSet& tracks) {
  std::map<uint8_t, Line> before = std::exchange(lines_, {});
  for (const PlayedTrack& played : played_) {
    const media::Track* track = tracks.Find(played.offered.track_id);
    if (track == nullptr || !Fits(played, *track)) continue;
    auto known = before.find(track->id);
    Line line = known == before.end() ? NewLine(played) : std::move(known->second);
    line.video = track->kind == media::TrackKind::kVideo;
    line.packetizer = MakePacketizer(*track, played.offered);
    lines_.emplace(track->id, std::move(line));
  }
}

bool RtspMuxer::Ends(const media::TrackSet& tracks) const {
  bool any = false;
  for (const PlayedTrack& played : played_) {
    const media::Track* track = tracks.Find(played.offered.track_id);
    if (track == nullptr) continue;
    if (!Fits(played, *track)) return true;
    any = true;
  }
  return !any;
}

stream::WireUnitPtr RtspMuxer::Preamble(const media::TrackSet& tracks) {
  SetTracks(tracks);
  if (lines_.empty()) return nullptr;
  return std::make_shared<RtspUnit>();
}

// New parameter sets travel in front of the next key frame; there is nothing to announce.
stream::WireUnitPtr RtspMuxer::TracksChanged(const media::TrackSet& tracks, int64_t) {
  SetTracks(tracks);
  return nullptr;
}

stream::WireUnitPtr RtspMuxer::TracksRestated(const media::TrackSet&, int64_t) { return nullptr; }

bool RtspMuxer::Carries(const media::TrackSet&, const media::Track& track) const {
  return lines_.contains(track.id);
}

void RtspMuxer::Report(Line& line, const media::Frame& frame, RtspUnit& unit) {
  // Also where viewers start: with each random-access point of the picture.
  const bool start = line.video && frame.random_access();
  if (line.reported_ns.has_value() && !start && frame.dts_ns - *line.reported_ns < kReportEveryNs) {
    return;
  }
  // One wall clock for all tracks: reports relate them to each other.
  if (!wall_offset_ns_.has_value()) wall_offset_ns_ = frame.ingest_wall_ns - frame.dts_ns;
  line.reported_ns = frame.dts_ns;
  const auto timestamp = static_cast<uint32_t>(TicksFromNs(frame.pts_ns, line.wire.clock_rate));
  unit.AddReport(line.wire, *wall_offset_ns_ + frame.pts_ns, timestamp, line.packets, line.octets);
}

stream::WireUnitPtr RtspMuxer::Frames(const media::TrackSet&,
                                      std::span<const media::Frame> frames) {
  std::vector<RtspUnit::Line> begin;
  for (const auto& [id, line] : lines_) begin.push_back(line.wire);
  auto unit = std::make_shared<RtspUnit>(std::move(begin));
  for (const media::Frame& frame : frames) {
    const auto found = lines_.find(frame.track);
    if (found == lines_.end() || found->second.packetizer == nullptr) continue;
    Line& line = found->second;
    auto packets = line.packetizer->Pack(frame);
    if (!packets.ok() || packets->empty()) continue;
    Report(line, frame, *unit);
    const size_t count = packets->size();
    line.octets += static_cast<uint32_t>(packets->payload_bytes());
    unit->Add(line.wire, *std::move(packets));
    line.wire.sequence = static_cast<uint16_t>(line.wire.sequence + count);
    line.packets += static_cast<uint32_t>(count);
  }
  if (unit->empty()) return nullptr;
  return unit;
}

media::TrackSet LeftOut(const media::TrackSet& tracks, const media::sdp::Offer& offer) {
  media::TrackSet left_out;
  for (const media::Track& track : tracks.tracks) {
    const bool offered =
        std::any_of(offer.tracks.begin(), offer.tracks.end(),
                    [&track](const auto& one) { return one.track_id == track.id; });
    if (!offered && track.kind != media::TrackKind::kData) left_out.tracks.push_back(track);
  }
  return left_out;
}

std::string CodecNames(const media::TrackSet& tracks) {
  std::string names;
  for (const media::Track& track : tracks.tracks) {
    names += (names.empty() ? "" : ", ") + std::string(media::CodecName(track.codec));
  }
  return names;
}

stream::Lane LaneOf(PlayedTracks played, std::function<void(std::span<uint8_t>)> random) {
  stream::Lane lane;
  lane.key = LaneKey(played);
  lane.make_muxer = [played = std::move(played), random = std::move(random)] {
    return std::make_unique<RtspMuxer>(played, random);
  };
  return lane;
}

}  // namespace millrace::rtsp
