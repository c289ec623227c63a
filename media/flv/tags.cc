#include "media/flv/tags.h"

#include <utility>

#include "media/base/fault.h"

namespace millrace::media::flv {
namespace {

constexpr unsigned kCodecAvc = 7;
constexpr unsigned kSoundAac = 10;
constexpr uint8_t kExHeader = 0x80;  // Enhanced RTMP: IsExHeader

absl::Status Error(FlvError error, std::string_view detail = {}) {
  return Fault(FlvErrorName(error), detail);
}

}  // namespace

const char* FlvErrorName(FlvError error) {
  switch (error) {
    case FlvError::kBadSignature:
      return "flv_bad_signature";
    case FlvError::kBadVersion:
      return "flv_bad_version";
    case FlvError::kBadHeaderSize:
      return "flv_bad_header_size";
    case FlvError::kTagTooLarge:
      return "flv_tag_too_large";
    case FlvError::kEncryptedTag:
      return "flv_encrypted_tag";
    case FlvError::kEmptyBody:
      return "flv_empty_body";
    case FlvError::kTruncatedBody:
      return "flv_truncated_body";
    case FlvError::kEnhancedVideo:
      return "flv_enhanced_video";
    case FlvError::kUnsupportedVideo:
      return "flv_unsupported_video";
    case FlvError::kBadVideoPacket:
      return "flv_bad_video_packet";
    case FlvError::kUnsupportedAudio:
      return "flv_unsupported_audio";
    case FlvError::kBadAudioPacket:
      return "flv_bad_audio_packet";
    case FlvError::kBadScript:
      return "flv_bad_script";
  }
  return "flv_unknown";
}

absl::StatusOr<VideoTagBody> ParseVideoTagBody(Bytes body) {
  if (body.empty()) return Error(FlvError::kEmptyBody);
  ByteReader reader(body);
  const uint8_t first = reader.U8();
  if ((first & kExHeader) != 0) return Error(FlvError::kEnhancedVideo);
  VideoTagBody tag;
  tag.frame_type = static_cast<VideoFrameType>(first >> 4);
  const unsigned codec = first & 0x0f;
  if (codec != kCodecAvc) return Error(FlvError::kUnsupportedVideo, std::to_string(codec));
  if (tag.frame_type == VideoFrameType::kCommand) {
    tag.header_size = body.size();  // one byte of command, of which nothing follows for a relay
    return tag;
  }
  const uint8_t packet = reader.U8();
  tag.composition_ms = reader.I24();
  if (!reader.ok()) return Error(FlvError::kTruncatedBody);
  if (packet > 2) return Error(FlvError::kBadVideoPacket, std::to_string(packet));
  tag.packet_type = static_cast<PacketType>(packet);
  tag.data = reader.Rest();
  return tag;
}

absl::StatusOr<AudioTagBody> ParseAudioTagBody(Bytes body) {
  if (body.empty()) return Error(FlvError::kEmptyBody);
  ByteReader reader(body);
  const uint8_t first = reader.U8();
  const unsigned format = first >> 4;
  if (format != kSoundAac) return Error(FlvError::kUnsupportedAudio, std::to_string(format));
  AudioTagBody tag;
  tag.sound_rate = (first >> 2) & 3;
  tag.sound_size = (first >> 1) & 1;
  tag.sound_type = first & 1;
  const uint8_t packet = reader.U8();
  if (!reader.ok()) return Error(FlvError::kTruncatedBody);
  if (packet > 1) return Error(FlvError::kBadAudioPacket, std::to_string(packet));
  tag.packet_type = static_cast<PacketType>(packet);
  tag.data = reader.Rest();
  return tag;
}

absl::StatusOr<ScriptTagBody> ParseScriptTagBody(Bytes body, const amf::Limits& limits) {
  if (body.empty()) return Error(FlvError::kEmptyBody);
  ByteReader reader(body);
  auto name = amf::Decode(reader, limits);
  if (name.ok() && name->AsString() == "@setDataFrame") name = amf::Decode(reader, limits);
  if (!name.ok()) return name.status();
  if (!name->is_string()) return Error(FlvError::kBadScript);
  ScriptTagBody script{std::string(name->AsString()), amf::Undefined{}};
  if (reader.done()) return script;
  auto value = amf::Decode(reader, limits);
  if (!value.ok()) return value.status();
  script.value = *std::move(value);
  return script;
}

}  // namespace millrace::media::flv
