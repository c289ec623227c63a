#include "media/flv/audio_reader.h"

#include <utility>

#include "media/codec/aac/adts.h"
#include "media/codec/aac/config.h"
#include "media/codec/ac3/header.h"
#include "media/codec/flac/config.h"
#include "media/codec/g711/g711.h"
#include "media/codec/mp3/header.h"
#include "media/codec/opus/config.h"
#include "media/frame/frame.h"

namespace millrace::media::flv {

absl::Status AudioReader::Use(absl::StatusOr<Track> track, std::vector<Item>& items) {
  if (!track.ok()) return track.status();
  track->id = id_;
  track->is_default = id_ == 2;
  if (*track == track_) return absl::OkStatus();
  track_ = *std::move(track);
  items.emplace_back(track_);
  return absl::OkStatus();
}

absl::Status AudioReader::Configure(const TagPacket& packet, std::vector<Item>& items) {
  switch (packet.codec) {
    case Codec::kAac:
      return packet.data.empty() ? absl::OkStatus() : Use(aac::MakeTrack(packet.data), items);
    case Codec::kOpus: {
      // The header may be left out for mono and stereo.
      if (packet.data.empty()) return Use(opus::MakeTrack({}), items);
      auto config = opus::ParseOpusHead(packet.data);
      if (!config.ok()) return config.status();
      return Use(opus::MakeTrack(*config), items);
    }
    case Codec::kFlac: {
      auto info = flac::ParseStreamInfo(packet.data);
      if (!info.ok()) return info.status();
      return Use(flac::MakeTrack(*info), items);
    }
    default:
      return absl::OkStatus();  // the frames say it all
  }
}

// Some encoders leave the ADTS header on. No raw access unit begins like one: it would be empty.
absl::StatusOr<size_t> AudioReader::SkipAdts(Bytes data, std::vector<Item>& items) {
  auto adts = aac::ParseAdtsHeader(data);
  if (!adts.ok() || adts->frame_size != data.size() || adts->config.channels == 0) return 0;
  if (track_.codec != Codec::kAac) {
    const std::vector<uint8_t> config = aac::BuildAacConfig(adts->config);
    if (absl::Status status = Use(aac::MakeTrack(config), items); !status.ok()) return status;
  }
  return adts->header_size;
}

absl::Status AudioReader::ConfigureByFrame(const TagPacket& packet, bool stereo,
                                           std::vector<Item>& items) {
  const bool same_codec = track_.codec == packet.codec;
  switch (packet.codec) {
    case Codec::kOpus:
      return same_codec ? absl::OkStatus() : Use(opus::MakeTrack({}), items);
    case Codec::kMp3: {
      auto header = mp3::ParseFrameHeader(packet.data);
      if (!header.ok()) return header.status();
      const bool same = same_codec && track_.sample_rate == header->sample_rate &&
                        track_.channels == header->channels &&
                        track_.samples_per_frame == header->samples;
      return same ? absl::OkStatus() : Use(mp3::MakeTrack(*header), items);
    }
    case Codec::kAc3: {
      auto header = ac3::ParseFrameHeader(packet.data);
      if (!header.ok()) return header.status();
      return Use(ac3::MakeTrack(header->config), items);
    }
    case Codec::kG711A:
    case Codec::kG711U: {
      constexpr uint32_t kRate = 8000;  // nothing else can be told
      const uint32_t channels = stereo ? 2 : 1;
      if (same_codec && track_.channels == channels) return absl::OkStatus();
      const g711::Law law = packet.codec == Codec::kG711A ? g711::Law::kA : g711::Law::kU;
      return Use(g711::MakeTrack(law, kRate, channels), items);
    }
    default:
      return absl::OkStatus();
  }
}

absl::Status AudioReader::Read(const TagPacket& packet, bool stereo, int64_t dts_ns,
                               const Payload& body, std::vector<Item>& items) {
  if (packet.type == PacketType::kSequenceStart) return Configure(packet, items);
  if (packet.type != PacketType::kCodedFrames || packet.data.empty()) return absl::OkStatus();
  size_t skip = 0;
  if (packet.codec == Codec::kAac) {
    auto header = SkipAdts(packet.data, items);
    if (!header.ok()) return header.status();
    skip = *header;
  } else if (absl::Status status = ConfigureByFrame(packet, stereo, items); !status.ok()) {
    return status;
  }
  if (skip == packet.data.size()) return absl::OkStatus();
  if (track_.codec != packet.codec) {
    ++frames_without_config_;
    return absl::OkStatus();
  }
  InputFrame frame;
  frame.track = id_;
  frame.flags = kClosedRandomAccess;
  frame.dts_ns = frame.pts_ns = dts_ns;
  frame.payload = body.Slice(packet.offset + skip, packet.data.size() - skip);
  items.emplace_back(std::move(frame));
  return absl::OkStatus();
}

}  // namespace millrace::media::flv
