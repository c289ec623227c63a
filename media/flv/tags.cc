#include "media/flv/tags.h"

#include <algorithm>
#include <utility>

#include "media/base/fault.h"
#include "media/flv/fourcc.h"
#include "media/flv/wire.h"

namespace millrace::media::flv {
namespace {

constexpr uint32_t kMaxOffsetNs = 999'999;
constexpr size_t kMaxPackets = 64;  // of one body

absl::Status Error(FlvError error, std::string_view detail = {}) {
  return Fault(FlvErrorName(error), detail);
}

// What differs between ExVideoTagHeader and ExAudioTagHeader.
struct ExKind {
  unsigned multitrack;
  FlvError unsupported;
  TrackKind kind;
  // Fills in what the packet type says, and takes fixed fields off the front of data.
  absl::Status (*finish)(unsigned type, TagPacket& packet);
};

absl::Status TakeCompositionTime(TagPacket& packet) {
  ByteReader reader(packet.data);
  packet.composition_ms = reader.I24();
  if (!reader.ok()) return Error(FlvError::kTruncatedBody);
  packet.offset += reader.position();
  packet.data = reader.Rest();
  return absl::OkStatus();
}

absl::Status FinishVideo(unsigned type, TagPacket& packet) {
  switch (type) {
    case kExSequenceStart:
      packet.type = PacketType::kSequenceStart;
      return absl::OkStatus();
    case kExCodedFrames: {
      packet.type = PacketType::kCodedFrames;
      const bool reorders = packet.codec == Codec::kH264 || packet.codec == Codec::kH265;
      return reorders ? TakeCompositionTime(packet) : absl::OkStatus();
    }
    case kExVideoCodedFramesX:
      packet.type = PacketType::kCodedFrames;
      return absl::OkStatus();
    case kExSequenceEnd:
      packet.type = PacketType::kSequenceEnd;
      return absl::OkStatus();
    case kExVideoMetadata:
      packet.type = PacketType::kMetadata;
      return absl::OkStatus();
    case kExVideoMpegTsSequenceStart:
      return Error(FlvError::kMpegTsVideo);
    default:
      return Error(FlvError::kBadVideoPacket, std::to_string(type));
  }
}

absl::Status FinishAudio(unsigned type, TagPacket& packet) {
  switch (type) {
    case kExSequenceStart:
      packet.type = PacketType::kSequenceStart;
      return absl::OkStatus();
    case kExCodedFrames:
      packet.type = PacketType::kCodedFrames;
      return absl::OkStatus();
    case kExSequenceEnd:
      packet.type = PacketType::kSequenceEnd;
      return absl::OkStatus();
    case kExAudioMultichannelConfig:
      packet.type = PacketType::kMultichannelConfig;
      return absl::OkStatus();
    default:
      return Error(FlvError::kBadAudioPacket, std::to_string(type));
  }
}

constexpr ExKind kVideo = {kExVideoMultitrack, FlvError::kUnsupportedVideo, TrackKind::kVideo,
                           FinishVideo};
constexpr ExKind kAudio = {kExAudioMultitrack, FlvError::kUnsupportedAudio, TrackKind::kAudio,
                           FinishAudio};

// Reads the ModEx packets in front, of which only the time matters; `type` becomes what follows.
absl::Status ReadModEx(ByteReader& reader, unsigned& type, uint32_t& offset_ns) {
  while (type == kExModEx) {
    size_t size = reader.U8() + size_t{1};
    if (size == 256) size = reader.U16() + size_t{1};
    ByteReader data(reader.Take(size));
    const uint8_t next = reader.U8();
    if (!reader.ok()) return Error(FlvError::kTruncatedBody);
    type = next & 0x0f;
    if (next >> 4 != kModExTimestampOffsetNano) continue;
    offset_ns = std::min(data.U24(), kMaxOffsetNs);
    if (!data.ok()) return Error(FlvError::kBadModEx);
  }
  return absl::OkStatus();
}

absl::Status SetCodec(const ExKind& kind, uint32_t fourcc, TagPacket& packet) {
  packet.codec = CodecOfFourCc(fourcc);
  if (packet.codec == Codec::kUnknown || KindOf(packet.codec) != kind.kind) {
    return Error(kind.unsupported, FourCcText(fourcc));
  }
  return absl::OkStatus();
}

// All that follows a multitrack header: packets of the same type, each with its track.
absl::Status ReadTracks(const ExKind& kind, ByteReader& reader, TagPackets& packets) {
  const uint8_t header = reader.U8();
  const unsigned tracks = header >> 4;
  const unsigned type = header & 0x0f;
  if (!reader.ok()) return Error(FlvError::kTruncatedBody);
  if (tracks > kManyTracksManyCodecs || type == kind.multitrack || type == kExModEx) {
    return Error(FlvError::kBadMultitrack);
  }
  uint32_t fourcc = tracks == kManyTracksManyCodecs ? 0 : reader.U32();
  do {
    if (packets.size() == kMaxPackets) return Error(FlvError::kBadMultitrack, "too many tracks");
    TagPacket packet;
    if (tracks == kManyTracksManyCodecs) fourcc = reader.U32();
    packet.track = reader.U8();
    const size_t size = tracks == kOneTrack ? reader.remaining() : reader.U24();
    packet.offset = reader.position();
    packet.data = reader.Take(size);
    if (!reader.ok()) return Error(FlvError::kTruncatedBody);
    if (packet.track > kMaxTrackId) {
      return Error(FlvError::kBadTrackId, std::to_string(packet.track));
    }
    if (absl::Status status = SetCodec(kind, fourcc, packet); !status.ok()) return status;
    if (absl::Status status = kind.finish(type, packet); !status.ok()) return status;
    packets.push_back(packet);
  } while (!reader.done());
  return absl::OkStatus();
}

absl::Status ReadOneTrack(const ExKind& kind, unsigned type, ByteReader& reader,
                          TagPackets& packets) {
  TagPacket packet;
  const uint32_t fourcc = reader.U32();
  if (!reader.ok()) return Error(FlvError::kTruncatedBody);
  packet.offset = reader.position();
  packet.data = reader.Rest();
  if (absl::Status status = SetCodec(kind, fourcc, packet); !status.ok()) return status;
  if (absl::Status status = kind.finish(type, packet); !status.ok()) return status;
  packets.push_back(packet);
  return absl::OkStatus();
}

absl::StatusOr<VideoTagBody> ParseExVideo(unsigned first, ByteReader& reader) {
  VideoTagBody tag;
  tag.enhanced = true;
  tag.frame_type = static_cast<VideoFrameType>(first >> 4 & 7);
  unsigned type = first & 0x0f;
  if (absl::Status status = ReadModEx(reader, type, tag.offset_ns); !status.ok()) return status;
  if (type != kExVideoMetadata && tag.frame_type == VideoFrameType::kCommand) return tag;
  const absl::Status status = type == kVideo.multitrack
                                  ? ReadTracks(kVideo, reader, tag.packets)
                                  : ReadOneTrack(kVideo, type, reader, tag.packets);
  if (!status.ok()) return status;
  return tag;
}

absl::StatusOr<AudioTagBody> ParseExAudio(unsigned first, ByteReader& reader) {
  AudioTagBody tag;
  tag.enhanced = true;
  unsigned type = first & 0x0f;
  if (absl::Status status = ReadModEx(reader, type, tag.offset_ns); !status.ok()) return status;
  const absl::Status status = type == kAudio.multitrack
                                  ? ReadTracks(kAudio, reader, tag.packets)
                                  : ReadOneTrack(kAudio, type, reader, tag.packets);
  if (!status.ok()) return status;
  return tag;
}

absl::StatusOr<PacketType> LegacyPacketType(unsigned type, unsigned highest, FlvError error) {
  if (type > highest) return Error(error, std::to_string(type));
  if (type == kLegacySequenceHeader) return PacketType::kSequenceStart;
  return type == kLegacyData ? PacketType::kCodedFrames : PacketType::kSequenceEnd;
}

Codec LegacySound(unsigned format) {
  switch (format) {
    case kSoundMp3:
    case kSoundMp3At8k:
      return Codec::kMp3;
    case kSoundG711A:
      return Codec::kG711A;
    case kSoundG711U:
      return Codec::kG711U;
    case kSoundAac:
      return Codec::kAac;
    default:
      return Codec::kUnknown;
  }
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
    case FlvError::kUnsupportedVideo:
      return "flv_unsupported_video";
    case FlvError::kBadVideoPacket:
      return "flv_bad_video_packet";
    case FlvError::kMpegTsVideo:
      return "flv_mpeg_ts_video";
    case FlvError::kUnsupportedAudio:
      return "flv_unsupported_audio";
    case FlvError::kBadAudioPacket:
      return "flv_bad_audio_packet";
    case FlvError::kBadMultitrack:
      return "flv_bad_multitrack";
    case FlvError::kBadModEx:
      return "flv_bad_mod_ex";
    case FlvError::kBadTrackId:
      return "flv_bad_track_id";
    case FlvError::kBadScript:
      return "flv_bad_script";
  }
  return "flv_unknown";
}

absl::StatusOr<VideoTagBody> ParseVideoTagBody(Bytes body) {
  if (body.empty()) return Error(FlvError::kEmptyBody);
  ByteReader reader(body);
  const uint8_t first = reader.U8();
  if ((first & kExVideoHeader) != 0) return ParseExVideo(first, reader);
  VideoTagBody tag;
  tag.frame_type = static_cast<VideoFrameType>(first >> 4);
  const unsigned codec = first & 0x0f;
  if (codec != kCodecIdAvc && codec != kCodecIdHevc) {
    return Error(FlvError::kUnsupportedVideo, std::to_string(codec));
  }
  if (tag.frame_type == VideoFrameType::kCommand) return tag;
  TagPacket packet;
  packet.codec = codec == kCodecIdAvc ? Codec::kH264 : Codec::kH265;
  const unsigned type = reader.U8();
  packet.composition_ms = reader.I24();
  if (!reader.ok()) return Error(FlvError::kTruncatedBody);
  auto known = LegacyPacketType(type, kLegacyEndOfSequence, FlvError::kBadVideoPacket);
  if (!known.ok()) return known.status();
  packet.type = *known;
  packet.offset = reader.position();
  packet.data = reader.Rest();
  tag.packets.push_back(packet);
  return tag;
}

absl::StatusOr<AudioTagBody> ParseAudioTagBody(Bytes body) {
  if (body.empty()) return Error(FlvError::kEmptyBody);
  ByteReader reader(body);
  const uint8_t first = reader.U8();
  const unsigned format = first >> 4;
  if (format == kSoundExHeader) return ParseExAudio(first, reader);
  AudioTagBody tag;
  tag.stereo = (first & 1) != 0;
  TagPacket packet;
  packet.codec = LegacySound(format);
  if (packet.codec == Codec::kUnknown) {
    return Error(FlvError::kUnsupportedAudio, std::to_string(format));
  }
  if (packet.codec == Codec::kAac) {
    const unsigned type = reader.U8();
    if (!reader.ok()) return Error(FlvError::kTruncatedBody);
    auto known = LegacyPacketType(type, kLegacyData, FlvError::kBadAudioPacket);
    if (!known.ok()) return known.status();
    packet.type = *known;
  }
  packet.offset = reader.position();
  packet.data = reader.Rest();
  tag.packets.push_back(packet);
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
