#include "media/flv/frame_reader.h"

#include <algorithm>
#include <utility>

#include "media/base/ticks.h"
#include "media/codec/aac/adts.h"
#include "media/codec/aac/config.h"
#include "media/codec/h264/access_unit.h"
#include "media/frame/frame.h"

namespace millrace::media::flv {
namespace {

std::vector<std::vector<uint8_t>> Copies(const std::vector<Bytes>& nals) {
  std::vector<std::vector<uint8_t>> copies;
  copies.reserve(nals.size());
  for (Bytes nal : nals) copies.emplace_back(nal.begin(), nal.end());
  return copies;
}

}  // namespace

absl::Status FrameReader::Read(TagType type, int64_t timestamp_ms, const Payload& body,
                               std::vector<Item>& items) {
  switch (type) {
    case TagType::kVideo:
      return ReadVideo(timestamp_ms, body, items);
    case TagType::kAudio:
      return ReadAudio(timestamp_ms, body, items);
    case TagType::kScript:
      break;
  }
  return absl::OkStatus();
}

absl::Status FrameReader::SetVideo(h264::AvcConfig config, std::vector<Item>& items) {
  auto track = h264::MakeTrack(config);
  if (!track.ok()) return track.status();
  video_ = std::move(config);
  items.emplace_back(*std::move(track));
  return absl::OkStatus();
}

absl::Status FrameReader::ReadVideo(int64_t timestamp_ms, const Payload& body,
                                    std::vector<Item>& items) {
  auto tag = ParseVideoTagBody(body.bytes());
  if (!tag.ok()) return tag.status();
  if (tag->frame_type == VideoFrameType::kCommand) return absl::OkStatus();
  if (tag->packet_type == PacketType::kSequenceHeader) {
    auto config = h264::ParseAvcConfig(tag->data);
    if (!config.ok()) return config.status();
    if (video_ == *config) return absl::OkStatus();
    return SetVideo(*std::move(config), items);
  }
  if (tag->packet_type != PacketType::kData || tag->data.empty()) return absl::OkStatus();
  const Payload data = body.Slice(tag->header_size, tag->data.size());
  auto unit =
      h264::ReadAccessUnit(data, video_.has_value() ? video_->nal_length_size : 4, tag->is_key());
  if (!unit.ok()) return unit.status();
  if (!video_.has_value() && !unit->sps.empty() && !unit->pps.empty()) {
    h264::AvcConfig config;
    config.sps = Copies(unit->sps);
    config.pps = Copies(unit->pps);
    if (absl::Status status = SetVideo(std::move(config), items); !status.ok()) return status;
  } else if (video_.has_value()) {
    if (auto updated = h264::Updated(*video_, unit->sps, unit->pps); updated.has_value()) {
      if (absl::Status status = SetVideo(*std::move(updated), items); !status.ok()) return status;
    }
  }
  if (!unit->has_picture) return absl::OkStatus();
  if (!video_.has_value()) {
    ++frames_without_config_;
    return absl::OkStatus();
  }
  ReadFrame frame;
  frame.track = 1;
  frame.dts_ns = timestamp_ms * kNsPerMs;
  frame.pts_ns = (timestamp_ms + tag->composition_ms) * kNsPerMs;
  frame.flags = leading_.Mark(unit->flags, frame.pts_ns);
  frame.payload = std::move(unit->payload);
  items.emplace_back(std::move(frame));
  return absl::OkStatus();
}

absl::Status FrameReader::SetAudio(Bytes config, std::vector<Item>& items) {
  if (std::equal(audio_.begin(), audio_.end(), config.begin(), config.end()))
    return absl::OkStatus();
  auto track = aac::MakeTrack(config);
  if (!track.ok()) return track.status();
  audio_.assign(config.begin(), config.end());
  items.emplace_back(*std::move(track));
  return absl::OkStatus();
}

absl::Status FrameReader::ReadAudio(int64_t timestamp_ms, const Payload& body,
                                    std::vector<Item>& items) {
  auto tag = ParseAudioTagBody(body.bytes());
  if (!tag.ok()) return tag.status();
  if (tag->data.empty()) return absl::OkStatus();
  if (tag->packet_type == PacketType::kSequenceHeader) return SetAudio(tag->data, items);
  size_t skip = tag->header_size;
  // Some encoders leave the ADTS header on. No raw access unit begins like one: it would be empty.
  if (auto adts = aac::ParseAdtsHeader(tag->data);
      adts.ok() && adts->frame_size == tag->data.size() && adts->config.channels > 0) {
    skip += adts->header_size;
    if (audio_.empty()) {
      const std::vector<uint8_t> config = aac::BuildAacConfig(adts->config);
      if (absl::Status status = SetAudio(config, items); !status.ok()) return status;
    }
  }
  if (skip == body.size()) return absl::OkStatus();
  if (audio_.empty()) {
    ++frames_without_config_;
    return absl::OkStatus();
  }
  ReadFrame frame;
  frame.track = 2;
  frame.flags = kClosedRandomAccess;
  frame.dts_ns = timestamp_ms * kNsPerMs;
  frame.pts_ns = frame.dts_ns;
  frame.payload = body.Slice(skip, body.size() - skip);
  items.emplace_back(std::move(frame));
  return absl::OkStatus();
}

}  // namespace millrace::media::flv
