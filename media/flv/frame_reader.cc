#include "media/flv/frame_reader.h"

#include "media/base/ticks.h"

namespace millrace::media::flv {

uint8_t TrackIdOf(TrackKind kind, uint8_t track_id) {
  const int first = kind == TrackKind::kVideo ? 1 : 2;
  return static_cast<uint8_t>(track_id == 0 ? first : first + 1 + 2 * track_id);
}

absl::Status FrameReader::Read(TagType type, int64_t timestamp_ms, const Payload& body,
                               std::vector<Item>& items) {
  if (type == TagType::kScript) {
    return script_.Read(timestamp_ms * kNsPerMs, body.bytes(), items);
  }
  const size_t before = items.size();
  absl::Status status = type == TagType::kVideo ? ReadVideo(timestamp_ms, body, items)
                                                : ReadAudio(timestamp_ms, body, items);
  for (size_t i = before, end = items.size(); i < end; ++i) {
    if (const auto* frame = std::get_if<InputFrame>(&items[i]); frame != nullptr) {
      script_.OnMedia(frame->dts_ns, items);
    }
  }
  return status;
}

uint64_t FrameReader::frames_without_config() const {
  uint64_t frames = 0;
  for (const auto& [id, reader] : video_) frames += reader.frames_without_config();
  for (const auto& [id, reader] : audio_) frames += reader.frames_without_config();
  return frames;
}

absl::Status FrameReader::ReadVideo(int64_t timestamp_ms, const Payload& body,
                                    std::vector<Item>& items) {
  auto tag = ParseVideoTagBody(body.bytes());
  if (!tag.ok()) return tag.status();
  const int64_t dts_ns = timestamp_ms * kNsPerMs + tag->offset_ns;
  absl::Status result;
  for (const TagPacket& packet : tag->packets) {
    auto [found, is_new] =
        video_.try_emplace(packet.track, TrackIdOf(TrackKind::kVideo, packet.track));
    result.Update(found->second.Read(packet, tag->is_key(), dts_ns, body, items));
  }
  return result;
}

absl::Status FrameReader::ReadAudio(int64_t timestamp_ms, const Payload& body,
                                    std::vector<Item>& items) {
  auto tag = ParseAudioTagBody(body.bytes());
  if (!tag.ok()) return tag.status();
  const int64_t dts_ns = timestamp_ms * kNsPerMs + tag->offset_ns;
  absl::Status result;
  for (const TagPacket& packet : tag->packets) {
    auto [found, is_new] =
        audio_.try_emplace(packet.track, TrackIdOf(TrackKind::kAudio, packet.track));
    result.Update(found->second.Read(packet, tag->stereo, dts_ns, body, items));
  }
  return result;
}

}  // namespace millrace::media::flv
