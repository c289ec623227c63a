#include "gateways/rtsp/receiver.h"

#include <algorithm>
#include <utility>

#include "media/codec/aac/config.h"
#include "media/codec/av1/config.h"
#include "media/codec/h264/config.h"
#include "media/codec/h264/sps.h"
#include "media/codec/h265/config.h"
#include "media/codec/h265/parameter_sets.h"
#include "media/codec/mjpeg/image.h"
#include "media/codec/mp3/header.h"
#include "media/rtp/aac.h"
#include "media/rtp/av1.h"
#include "media/rtp/g711.h"
#include "media/rtp/g726.h"
#include "media/rtp/h264.h"
#include "media/rtp/h265.h"
#include "media/rtp/latm.h"
#include "media/rtp/mjpeg.h"
#include "media/rtp/mpeg_audio.h"
#include "media/rtp/opus.h"
#include "media/rtp/pcm.h"
#include "media/rtp/rtcp.h"
#include "media/rtp/statistics.h"

namespace millrace::rtsp {
namespace {

using media::Bytes;
using media::Track;
using media::rtp::AccessUnit;
using media::sdp::PayloadFormat;
using media::sdp::Source;

uint32_t TicksPerUnit(const Source& source) {
  if (source.packing.constant_duration > 0) return source.packing.constant_duration;
  return media::rtp::AacTicksPerUnit(
      source.track.has_value() ? Bytes(source.track->config) : Bytes(), source.format.clock_rate);
}

unsigned SubLayersOf(const Source& source) {
  if (!source.track.has_value()) return 1;
  const auto config = media::h265::ParseHevcConfig(source.track->config);
  return config.ok() ? media::h265::SubLayersOf(*config) : 1;
}

std::unique_ptr<media::rtp::Depacketizer> MakeDepacketizer(const Source& source) {
  switch (source.payload) {
    case PayloadFormat::kH264:
      return std::make_unique<media::rtp::H264Depacketizer>();
    case PayloadFormat::kH265:
      return std::make_unique<media::rtp::H265Depacketizer>(media::rtp::H265Parameters{
          .donl = source.packing.has_don, .sub_layers = SubLayersOf(source)});
    case PayloadFormat::kAv1:
      return std::make_unique<media::rtp::Av1Depacketizer>();
    case PayloadFormat::kOpus:
      return std::make_unique<media::rtp::OpusDepacketizer>();
    case PayloadFormat::kMpa:
      return std::make_unique<media::rtp::MpegAudioDepacketizer>();
    case PayloadFormat::kL16:
    case PayloadFormat::kL16Little:
      if (!source.track.has_value()) return nullptr;
      return std::make_unique<media::rtp::PcmDepacketizer>(
          media::rtp::PcmParameters{.channels = source.track->channels,
                                    .little_endian = source.payload == PayloadFormat::kL16Little});
    case PayloadFormat::kG726:
    case PayloadFormat::kAal2G726:
      if (!source.track.has_value()) return nullptr;
      return std::make_unique<media::rtp::G726Depacketizer>(
          media::rtp::G726Parameters{.bits_per_code = source.packing.bits_per_sample});
    case PayloadFormat::kJpeg:
      return std::make_unique<media::rtp::MjpegDepacketizer>(
          media::rtp::MjpegParameters{source.packing.image_width, source.packing.image_height});
    case PayloadFormat::kMp4aLatm: {
      media::rtp::LatmParameters parameters;
      parameters.config_present = source.packing.config_present;
      parameters.config = source.packing.mux_config;
      parameters.ticks_per_unit = TicksPerUnit(source);
      return std::make_unique<media::rtp::LatmDepacketizer>(std::move(parameters));
    }
    case PayloadFormat::kMpeg4Generic: {
      const auto& packing = source.packing;
      media::rtp::AacParameters parameters;
      parameters.size_length = packing.size_length;
      parameters.index_length = packing.index_length;
      parameters.index_delta_length = packing.index_delta_length;
      parameters.cts_delta_length = packing.cts_delta_length;
      parameters.dts_delta_length = packing.dts_delta_length;
      parameters.random_access_indication = packing.random_access_indication;
      parameters.stream_state_indication = packing.stream_state_length;
      parameters.auxiliary_data_size_length = packing.auxiliary_data_size_length;
      parameters.constant_size = packing.constant_size;
      parameters.max_displacement = packing.max_displacement;
      parameters.ticks_per_unit = TicksPerUnit(source);
      return std::make_unique<media::rtp::AacDepacketizer>(parameters);
    }
    case PayloadFormat::kPcma:
    case PayloadFormat::kPcmu:
      if (!source.track.has_value()) return nullptr;
      return std::make_unique<media::rtp::G711Depacketizer>(
          media::rtp::G711Parameters{.channels = source.track->channels});
    default:
      return nullptr;
  }
}

std::vector<Bytes> Views(const std::vector<std::vector<uint8_t>>& nals) {
  return {nals.begin(), nals.end()};
}

}  // namespace

// One media.
struct Receiver::Line {
  Line(const Source& from, bool datagrams)
      : source(from),
        depacketizer(MakeDepacketizer(from)),
        reorder(datagrams ? media::rtp::ReorderBuffer::Options{}
                          : media::rtp::ReorderBuffer::Options{.max_packets = 0}),
        statistics(from.format.clock_rate),
        track(from.track) {
    const auto& sets = source.parameter_sets;
    h264.sps = h265.sps = sets.sps;
    h264.pps = h265.pps = sets.pps;
    h265.vps = sets.vps;
    DropBroken();
    SetDepth();
  }

  // Sets of the description that cannot be read would stand in the way of those in band.
  void DropBroken() {
    std::erase_if(h264.sps, [](const auto& nal) { return !media::h264::ParseSps(nal).ok(); });
    std::erase_if(h264.pps, [](const auto& nal) { return !media::h264::ParsePpsIds(nal).ok(); });
    const bool broken = std::any_of(h265.sps.begin(), h265.sps.end(), [](const auto& nal) {
      return !media::h265::ParseSps(nal).ok();
    });
    if (broken) h265 = {};
  }

  // The track after what the unit says of its configuration; nothing where that changes nothing.
  std::optional<Track> Update(const AccessUnit& unit) {
    const media::rtp::InBandConfig& in_band = unit.in_band;
    absl::StatusOr<Track> updated = absl::NotFoundError("");
    // Each frame of these says all there is.
    if (source.payload == PayloadFormat::kJpeg) {
      const auto size = media::mjpeg::ReadSize(unit.payload.bytes());
      if (size.ok()) updated = media::mjpeg::MakeTrack(*size);
    } else if (source.payload == PayloadFormat::kMpa) {
      const auto header = media::mp3::ParseFrameHeader(unit.payload.bytes());
      if (header.ok()) updated = media::mp3::MakeTrack(*header);
    }
    if (in_band.empty() && !updated.ok()) return std::nullopt;
    if (source.payload == PayloadFormat::kH264) {
      updated = UpdateH264(in_band);
    } else if (source.payload == PayloadFormat::kH265) {
      updated = UpdateH265(in_band);
    } else if (source.payload == PayloadFormat::kAv1) {
      updated = UpdateAv1(in_band);
    } else if (source.codec == media::Codec::kAac && !in_band.config.empty()) {
      updated = media::aac::MakeTrack(in_band.config);
    }
    if (!updated.ok()) return std::nullopt;
    updated->id = source.track_id;
    updated->is_default = true;
    if (track == *updated) return std::nullopt;
    track = *updated;
    SetDepth();
    return track;
  }

  // How far pictures are reordered, where the parameter sets say so; else the pictures show it.
  void SetDepth() {
    if (source.payload == PayloadFormat::kH264 && !h264.sps.empty()) {
      const auto sps = media::h264::ParseSps(h264.sps[0]);
      if (sps.ok()) order.SetDepth(sps->max_reorder_frames.value_or(0));
    } else if (source.payload == PayloadFormat::kH265 && !h265.sps.empty()) {
      const auto sps = media::h265::ParseSps(h265.sps[0]);
      if (sps.ok()) order.SetDepth(sps->max_reorder_pictures);
    }
  }

  absl::StatusOr<Track> UpdateH264(const media::rtp::InBandConfig& in_band) {
    if (h264.sps.empty()) h264.sps = in_band.sps;
    if (h264.pps.empty()) h264.pps = in_band.pps;
    auto more = media::h264::Updated(h264, Views(in_band.sps), Views(in_band.pps));
    if (more.has_value()) h264 = *std::move(more);
    return media::h264::MakeTrack(h264);
  }

  absl::StatusOr<Track> UpdateAv1(const media::rtp::InBandConfig& in_band) {
    if (av1.sequence_header.empty()) av1.sequence_header = in_band.config;
    auto more = media::av1::Updated(av1, in_band.config);
    if (more.has_value()) av1 = *std::move(more);
    return media::av1::MakeTrack(av1);
  }

  absl::StatusOr<Track> UpdateH265(const media::rtp::InBandConfig& in_band) {
    if (h265.vps.empty()) h265.vps = in_band.vps;
    if (h265.sps.empty()) h265.sps = in_band.sps;
    if (h265.pps.empty()) h265.pps = in_band.pps;
    auto more =
        media::h265::Updated(h265, {Views(in_band.vps), Views(in_band.sps), Views(in_band.pps)});
    if (more.has_value()) h265 = *std::move(more);
    return media::h265::MakeTrack(h265);
  }

  const Source source;
  std::unique_ptr<media::rtp::Depacketizer> depacketizer;
  media::rtp::ReorderBuffer reorder;
  media::rtp::ReceiverStatistics statistics;
  bool said_bye = false;
  size_t clock_index = 0;
  media::rtp::DecodeOrder order;
  media::h264::AvcConfig h264;
  media::h265::HevcConfig h265;
  media::av1::Av1Config av1;
  std::optional<Track> track;
};

bool Receiver::CanReceive(const Source& source) {
  return source.ignored == media::sdp::Ignored::kNo && MakeDepacketizer(source) != nullptr;
}

Receiver::Receiver(const std::vector<Source>& sources, ReceiverOptions options)
    : options_(options) {
  for (const Source& source : sources) {
    if (!CanReceive(source)) continue;
    auto line = std::make_unique<Line>(source, options_.datagrams);
    line->clock_index = clock_.AddTrack(media::KindOf(source.codec), source.format.clock_rate);
    lines_.push_back(std::move(line));
  }
}

Receiver::~Receiver() = default;

std::vector<Track> Receiver::Tracks() const {
  std::vector<Track> tracks;
  for (const auto& line : lines_) {
    if (line->track.has_value()) tracks.push_back(*line->track);
  }
  return tracks;
}

Receiver::Line* Receiver::Find(size_t media) {
  for (const auto& line : lines_) {
    if (line->source.media == media) return line.get();
  }
  return nullptr;
}

absl::Status Receiver::OnPacket(size_t media, bool rtcp, const media::Payload& packet,
                                int64_t now_ns, std::vector<Item>& items) {
  Line* line = Find(media);
  if (line == nullptr) return absl::OkStatus();
  if (rtcp) {
    const auto reports = media::rtp::ParseRtcp(packet.bytes());
    if (!reports.ok()) return reports.status();
    for (const auto& report : *reports) {
      if (const auto* sender = std::get_if<media::rtp::SenderReport>(&report)) {
        clock_.OnSenderReport(line->clock_index, *sender);
        line->statistics.OnSenderReport(*sender, now_ns);
      } else if (std::holds_alternative<media::rtp::Bye>(report)) {
        line->said_bye = true;
      }
    }
    return absl::OkStatus();
  }
  auto parsed = media::rtp::ParsePacket(packet);
  if (!parsed.ok()) return parsed.status();
  line->said_bye = false;
  line->statistics.OnPacket(*parsed, now_ns);
  std::vector<media::rtp::OrderedPacket> ordered;
  line->reorder.Push(*std::move(parsed), now_ns, ordered);
  return Depacketize(*line, ordered, items);
}

absl::Status Receiver::Depacketize(Line& line, std::vector<media::rtp::OrderedPacket>& ordered,
                                   std::vector<Item>& items) {
  absl::Status status;
  std::vector<AccessUnit> units;
  for (const auto& one : ordered) status.Update(line.depacketizer->Push(one, units));
  for (AccessUnit& unit : units) OnUnit(line, std::move(unit), items);
  return status;
}

void Receiver::OnTimer(int64_t now_ns, std::vector<Item>& items) {
  for (const auto& line : lines_) {
    const auto deadline = line->reorder.NextDeadline();
    if (!deadline.has_value() || *deadline > now_ns) continue;
    std::vector<media::rtp::OrderedPacket> ordered;
    line->reorder.OnTimer(now_ns, ordered);
    // What is wrong with packets that were kept was not worth a word of its own.
    (void)Depacketize(*line, ordered, items);
  }
}

std::vector<uint8_t> Receiver::Report(size_t media, int64_t now_ns) {
  Line* line = Find(media);
  if (line == nullptr || !line->statistics.started()) return {};
  const media::rtp::RtcpPacket packets[] = {
      media::rtp::ReceiverReport{options_.ssrc, {line->statistics.Report(now_ns)}},
      media::rtp::SourceDescription{{{options_.ssrc, "millrace"}}}};
  return media::rtp::BuildRtcp(packets);
}

Receiver::Counters Receiver::counters() const {
  Counters sum;
  for (const auto& line : lines_) {
    sum.lost += line->reorder.counters().lost;
    sum.reordered += line->reorder.counters().reordered;
    sum.damaged += line->depacketizer->counters().damaged;
    sum.undecodable += line->depacketizer->counters().undecodable;
  }
  return sum;
}

bool Receiver::ended() const {
  bool any = false;
  for (const auto& line : lines_) {
    if (!line->statistics.started()) continue;
    if (!line->said_bye) return false;
    any = true;
  }
  return any;
}

void Receiver::OnUnit(Line& line, AccessUnit unit, std::vector<Item>& items) {
  if (auto track = line.Update(unit)) items.emplace_back(*std::move(track));
  if (!line.track.has_value()) return;
  const auto time = clock_.Map(line.clock_index, unit.timestamp, unit.arrival_ns, unit.restart);
  if (time.discontinuity) line.order.Reset();
  media::InputFrame frame;
  frame.track = line.source.track_id;
  frame.flags = unit.flags;
  frame.pts_ns = time.ns;
  // Temporal units of AV1 are in the order in which they are shown.
  const bool reordered =
      line.source.payload == PayloadFormat::kH264 || line.source.payload == PayloadFormat::kH265;
  frame.dts_ns = reordered ? line.order(time.ns) : time.ns;
  frame.payload = std::move(unit.payload);
  items.emplace_back(std::move(frame));
}

}  // namespace millrace::rtsp
