#include "media/flv/video_reader.h"

#include <utility>

#include "media/base/ticks.h"
#include "media/codec/av1/temporal_unit.h"
#include "media/codec/h264/access_unit.h"
#include "media/codec/h265/access_unit.h"
#include "media/codec/vp9/frame_header.h"
#include "media/flv/color_info.h"

namespace millrace::media::flv {
namespace {

std::vector<std::vector<uint8_t>> Copies(const std::vector<Bytes>& nals) {
  std::vector<std::vector<uint8_t>> copies;
  copies.reserve(nals.size());
  for (Bytes nal : nals) copies.emplace_back(nal.begin(), nal.end());
  return copies;
}

}  // namespace

void VideoReader::Announce(Track track, std::vector<Item>& items) {
  track.id = id_;
  track.is_default = id_ == 1;
  track.color = color_;
  announced_ = track;
  items.emplace_back(std::move(track));
}

absl::Status VideoReader::ReadColor(Bytes data, std::vector<Item>& items) {
  const auto told = ReadColorInfo(data);
  if (!told.ok()) return told.status();
  if (!told->has_value()) return absl::OkStatus();
  std::optional<Color> color = *told;
  if (*color == Color()) color.reset();
  if (color == color_) return absl::OkStatus();
  color_ = std::move(color);
  if (configured() && announced_.codec != Codec::kUnknown) Announce(announced_, items);
  return absl::OkStatus();
}

template <typename Config>
absl::Status VideoReader::Use(Config config, std::vector<Item>& items) {
  if (const Config* known = Configured<Config>(); known != nullptr && *known == config) {
    return absl::OkStatus();
  }
  auto track = MakeTrack(config);
  if (!track.ok()) return track.status();
  config_ = std::move(config);
  Announce(*std::move(track), items);
  return absl::OkStatus();
}

bool VideoReader::configured() const {
  if (const auto* vp9 = Configured<Vp9State>()) return vp9->in_force.has_value();
  return !std::holds_alternative<std::monostate>(config_);
}

absl::Status VideoReader::Read(const TagPacket& packet, bool key, int64_t dts_ns,
                               const Payload& body, std::vector<Item>& items) {
  if (packet.type == PacketType::kSequenceStart) return Configure(packet, items);
  if (packet.type == PacketType::kMetadata) return ReadColor(packet.data, items);
  if (packet.type != PacketType::kCodedFrames || packet.data.empty()) return absl::OkStatus();
  if (packet.codec != claimed_) {
    // Another codec than announced, or none was: its configuration may come in band.
    claimed_ = codec_ = packet.codec;
    config_ = std::monostate();
  }
  const Payload data = body.Slice(packet.offset, packet.data.size());
  auto unit = ReadUnit(data, key, items);
  if (!unit.ok()) return unit.status();
  if (unit->payload.empty()) return absl::OkStatus();
  if (!configured()) {
    ++frames_without_config_;
    return absl::OkStatus();
  }
  InputFrame frame;
  frame.track = id_;
  frame.dts_ns = dts_ns;
  frame.pts_ns = dts_ns + packet.composition_ms * kNsPerMs;
  frame.flags = leading_.Mark(unit->flags, frame.pts_ns);
  frame.payload = std::move(unit->payload);
  items.emplace_back(std::move(frame));
  return absl::OkStatus();
}

absl::Status VideoReader::Configure(const TagPacket& packet, std::vector<Item>& items) {
  absl::Status status;
  Codec codec = packet.codec;
  switch (codec) {
    case Codec::kH264: {
      auto config = h264::ParseAvcConfig(packet.data);
      if (config.ok()) {
        status = Use(*std::move(config), items);
        break;
      }
      // OBS before 29.1 labelled HEVC as AVC. No avcC reads as an hvcC.
      auto mislabelled = h265::ParseHevcConfig(packet.data);
      if (!mislabelled.ok()) return config.status();
      codec = Codec::kH265;
      status = Use(*std::move(mislabelled), items);
      break;
    }
    case Codec::kH265: {
      auto config = h265::ParseHevcConfig(packet.data);
      if (!config.ok()) return config.status();
      status = Use(*std::move(config), items);
      break;
    }
    case Codec::kAv1: {
      auto config = av1::ParseAv1Config(packet.data);
      if (!config.ok()) return config.status();
      status = Use(*std::move(config), items);
      break;
    }
    case Codec::kVp9: {
      auto config = vp9::ParseVp9Config(packet.data);
      if (!config.ok()) return config.status();
      if (!std::holds_alternative<Vp9State>(config_)) config_ = Vp9State();
      std::get<Vp9State>(config_).record = *config;
      break;
    }
    default:
      return absl::OkStatus();
  }
  if (!status.ok()) return status;
  claimed_ = packet.codec;
  codec_ = codec;
  return absl::OkStatus();
}

absl::StatusOr<VideoReader::Unit> VideoReader::ReadUnit(const Payload& data, bool key,
                                                        std::vector<Item>& items) {
  switch (codec_) {
    case Codec::kH264:
      return ReadH264(data, key, items);
    case Codec::kH265:
      return ReadH265(data, items);
    case Codec::kAv1:
      return ReadAv1(data, items);
    case Codec::kVp9:
      return ReadVp9(data, items);
    default:
      return Unit{};
  }
}

absl::StatusOr<VideoReader::Unit> VideoReader::ReadH264(const Payload& data, bool key,
                                                        std::vector<Item>& items) {
  const auto* config = Configured<h264::AvcConfig>();
  auto unit = h264::ReadAccessUnit(data, config != nullptr ? config->nal_length_size : 4, key);
  if (!unit.ok()) return unit.status();
  std::optional<h264::AvcConfig> changed;
  if (config != nullptr) {
    changed = h264::Updated(*config, unit->sps, unit->pps);
  } else if (!unit->sps.empty() && !unit->pps.empty()) {
    changed.emplace();
    changed->sps = Copies(unit->sps);
    changed->pps = Copies(unit->pps);
  }
  if (changed.has_value()) {
    if (absl::Status status = Use(*std::move(changed), items); !status.ok()) return status;
  }
  if (!unit->has_picture) return Unit{};
  return Unit{std::move(unit->payload), unit->flags};
}

absl::StatusOr<VideoReader::Unit> VideoReader::ReadH265(const Payload& data,
                                                        std::vector<Item>& items) {
  const auto* config = Configured<h265::HevcConfig>();
  auto unit = config != nullptr
                  ? h265::ReadAccessUnit(data, config->nal_length_size, h265::SubLayersOf(*config))
                  : h265::ReadAccessUnit(data, 4);
  if (!unit.ok()) return unit.status();
  std::optional<h265::HevcConfig> changed =
      config != nullptr ? h265::Updated(*config, unit->sets) : h265::FromParameterSets(unit->sets);
  if (changed.has_value()) {
    if (absl::Status status = Use(*std::move(changed), items); !status.ok()) return status;
  }
  if (!unit->has_picture) return Unit{};
  return Unit{std::move(unit->payload), unit->flags};
}

absl::StatusOr<VideoReader::Unit> VideoReader::ReadAv1(const Payload& data,
                                                       std::vector<Item>& items) {
  auto unit = av1::ReadTemporalUnit(data);
  if (!unit.ok()) return unit.status();
  if (!unit->sequence_header.empty()) {
    if (const auto* config = Configured<av1::Av1Config>()) {
      if (auto changed = av1::Updated(*config, unit->sequence_header); changed.has_value()) {
        if (absl::Status status = Use(*std::move(changed), items); !status.ok()) return status;
      }
    } else {
      auto first = av1::ConfigFromObus(unit->sequence_header);
      if (!first.ok()) return first.status();
      if (absl::Status status = Use(*std::move(first), items); !status.ok()) return status;
    }
  }
  if (!unit->has_picture) return Unit{};
  return Unit{std::move(unit->payload), unit->flags};
}

absl::StatusOr<VideoReader::Unit> VideoReader::ReadVp9(const Payload& data,
                                                       std::vector<Item>& items) {
  auto header = vp9::ParseFrameHeader(data.bytes());
  if (!header.ok()) return header.status();
  if (!std::holds_alternative<Vp9State>(config_)) config_ = Vp9State();
  auto& state = std::get<Vp9State>(config_);
  if (header->key_frame) {
    std::optional<vp9::Vp9Config> config = state.record;
    if (!config.has_value()) {
      auto made_up = vp9::ConfigOf(*header);
      if (!made_up.ok()) return made_up.status();
      config = *made_up;
    }
    if (config != state.in_force || header->width != state.width ||
        header->height != state.height) {
      auto track = vp9::MakeTrack(*config, *header);
      if (!track.ok()) return track.status();
      state.in_force = config;
      state.width = header->width;
      state.height = header->height;
      Announce(*std::move(track), items);
    }
  }
  return Unit{data, vp9::FlagsOf(*header, data.bytes())};
}

}  // namespace millrace::media::flv
