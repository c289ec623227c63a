#include "media/flv/muxer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "media/amf/amf0.h"
#include "media/flv/color_info.h"
#include "media/flv/records.h"
#include "media/flv/wire.h"

namespace millrace::media::flv {
namespace {

constexpr int64_t kMaxComposition = 0x7fffff;
constexpr amf::Limits kMetadataLimits = {
    .max_depth = 16, .max_values = 2000, .max_string = 64u << 10, .max_bytes = 64u << 10};
constexpr auto kKey = static_cast<uint8_t>(VideoFrameType::kKey);
constexpr auto kInter = static_cast<uint8_t>(VideoFrameType::kInter);

uint8_t Byte(uint64_t value, unsigned index) { return static_cast<uint8_t>(value >> (8 * index)); }

bool CarriesCompositionTime(Codec codec) { return codec == Codec::kH264 || codec == Codec::kH265; }

unsigned LegacyVideoId(Codec codec) { return codec == Codec::kH265 ? kCodecIdHevc : kCodecIdAvc; }

unsigned LegacySoundFormat(const Track& track) {
  switch (track.codec) {
    case Codec::kMp3:
      return track.sample_rate == 8000 ? kSoundMp3At8k : kSoundMp3;
    case Codec::kG711A:
      return kSoundG711A;
    case Codec::kG711U:
      return kSoundG711U;
    default:
      return kSoundAac;
  }
}

// SoundFormat, SoundRate, SoundSize, SoundType.
uint8_t SoundByte(const Track& track) {
  // AAC is always said to be 44 kHz, 16 bit, stereo (Annex E.4.2.1); the truth is in its
  // configuration. Of MP3 the nearest rate is told, the truth is in its frames.
  unsigned rate = 3;
  bool stereo = true;
  if (track.codec != Codec::kAac) {
    rate = track.sample_rate > 24000 ? 3 : track.sample_rate > 12000 ? 2 : 1;
    if (track.codec != Codec::kMp3 || track.sample_rate == 8000) rate = 0;
    stereo = track.channels > 1;
  }
  const unsigned sixteen_bits = 1 << 1;
  return static_cast<uint8_t>(LegacySoundFormat(track) << 4 | rate << 2 | sixteen_bits |
                              (stereo ? 1 : 0));
}

// The first bytes of an enhanced body, up to where the packet's own data begins.
TagPrefix ExHeader(const PresentedTrack& shown, unsigned first, unsigned type,
                   unsigned multitrack) {
  TagPrefix prefix;
  if (shown.track_id == 0) {
    prefix.Add(static_cast<uint8_t>(first | type));
  } else {
    prefix.Add(static_cast<uint8_t>(first | multitrack));
    prefix.Add(static_cast<uint8_t>(kOneTrack << 4 | type));
  }
  const uint32_t fourcc = FourCcOf(shown.track->codec);
  for (unsigned i = 4; i-- > 0;) prefix.Add(Byte(fourcc, i));
  if (shown.track_id != 0) prefix.Add(shown.track_id);
  return prefix;
}

TagPrefix ExVideoHeader(const PresentedTrack& shown, bool key, unsigned type) {
  return ExHeader(shown, kExVideoHeader | static_cast<unsigned>(key ? kKey : kInter) << 4, type,
                  kExVideoMultitrack);
}

TagPrefix ExAudioHeader(const PresentedTrack& shown, unsigned type) {
  return ExHeader(shown, kSoundExHeader << 4, type, kExAudioMultitrack);
}

void AddI24(TagPrefix& prefix, int64_t value) {
  for (unsigned i = 3; i-- > 0;) prefix.Add(Byte(static_cast<uint64_t>(value), i));
}

TagPrefix VideoPrefix(const PresentedTrack& shown, const Frame& frame) {
  const int64_t composition = std::clamp(MsFromNs(frame.pts_ns) - MsFromNs(frame.dts_ns),
                                         -kMaxComposition - 1, kMaxComposition);
  const Codec codec = shown.track->codec;
  if (shown.enhanced) {
    if (!CarriesCompositionTime(codec)) {
      TagPrefix prefix = ExVideoHeader(shown, frame.random_access(), kExCodedFrames);
      if (frame.random_access()) prefix.Append(KeyFrameRecord(*shown.track));
      return prefix;
    }
    if (composition == 0) {
      return ExVideoHeader(shown, frame.random_access(), kExVideoCodedFramesX);
    }
    TagPrefix prefix = ExVideoHeader(shown, frame.random_access(), kExCodedFrames);
    AddI24(prefix, composition);
    return prefix;
  }
  TagPrefix prefix;
  prefix.Add(static_cast<uint8_t>(
      static_cast<unsigned>(frame.random_access() ? kKey : kInter) << 4 | LegacyVideoId(codec)));
  prefix.Add(kLegacyData);
  AddI24(prefix, composition);
  return prefix;
}

TagPrefix AudioPrefix(const PresentedTrack& shown) {
  if (shown.enhanced) return ExAudioHeader(shown, kExCodedFrames);
  TagPrefix prefix;
  prefix.Add(SoundByte(*shown.track));
  if (shown.track->codec == Codec::kAac) prefix.Add(kLegacyData);
  return prefix;
}

TagPrefix SequenceStartPrefix(const PresentedTrack& shown) {
  const Track& track = *shown.track;
  if (track.kind == TrackKind::kVideo) {
    if (shown.enhanced) return ExVideoHeader(shown, true, kExSequenceStart);
    TagPrefix prefix;
    prefix.Add(static_cast<uint8_t>(kKey << 4 | LegacyVideoId(track.codec)));
    prefix.Add(kLegacySequenceHeader);
    AddI24(prefix, 0);
    return prefix;
  }
  if (shown.enhanced) return ExAudioHeader(shown, kExSequenceStart);
  TagPrefix prefix;
  prefix.Add(SoundByte(track));
  prefix.Add(kLegacySequenceHeader);
  return prefix;
}

std::vector<uint8_t> ColorBody(const PresentedTrack& shown) {
  const TagPrefix prefix = ExVideoHeader(shown, true, kExVideoMetadata);
  const Bytes head = prefix;
  std::vector<uint8_t> body(head.begin(), head.end());
  const std::vector<uint8_t> data = WriteColorInfo(shown.track->color);
  body.insert(body.end(), data.begin(), data.end());
  return body;
}

double CodecId(const PresentedTrack& shown) {
  if (shown.enhanced) return FourCcOf(shown.track->codec);
  return shown.track->kind == TrackKind::kVideo ? LegacyVideoId(shown.track->codec)
                                                : LegacySoundFormat(*shown.track);
}

}  // namespace

std::array<uint8_t, 13> FlvFileHeader(bool has_audio, bool has_video) {
  const auto flags = static_cast<uint8_t>((has_audio ? 4 : 0) | (has_video ? 1 : 0));
  return {'F', 'L', 'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0};
}

std::array<uint8_t, kTagHeaderSize> TagHeader(TagType type, size_t body_size,
                                              uint32_t timestamp_ms) {
  return {static_cast<uint8_t>(type),
          Byte(body_size, 2),
          Byte(body_size, 1),
          Byte(body_size, 0),
          Byte(timestamp_ms, 2),
          Byte(timestamp_ms, 1),
          Byte(timestamp_ms, 0),
          Byte(timestamp_ms, 3),
          0,
          0,
          0};
}

std::array<uint8_t, kPreviousTagSizeSize> PreviousTagSize(size_t body_size) {
  const size_t size = body_size + kTagHeaderSize;
  return {Byte(size, 3), Byte(size, 2), Byte(size, 1), Byte(size, 0)};
}

bool TagPrefix::Append(Bytes bytes) {
  if (bytes.size() > bytes_.size() - size_) return false;
  std::ranges::copy(bytes, bytes_.begin() + size_);
  size_ = static_cast<uint8_t>(size_ + bytes.size());
  return true;
}

TagType TagTypeOf(TrackKind kind) {
  switch (kind) {
    case TrackKind::kVideo:
      return TagType::kVideo;
    case TrackKind::kAudio:
      return TagType::kAudio;
    case TrackKind::kData:
      break;
  }
  return TagType::kScript;
}

TagPrefix FramePrefix(const PresentedTrack& track, const Frame& frame) {
  switch (track.track->kind) {
    case TrackKind::kVideo:
      return VideoPrefix(track, frame);
    case TrackKind::kAudio:
      return AudioPrefix(track);
    case TrackKind::kData:
      break;
  }
  return {};
}

std::vector<uint8_t> SequenceStart(const PresentedTrack& track) {
  const std::vector<uint8_t> record = WireRecord(*track.track);
  if (record.empty()) return {};
  const TagPrefix prefix = SequenceStartPrefix(track);
  const Bytes head = prefix;
  std::vector<uint8_t> body(head.begin(), head.end());
  body.insert(body.end(), record.begin(), record.end());
  return body;
}

std::vector<uint8_t> OnMetaData(const Presentation& presentation, std::string_view version) {
  std::vector<amf::Property> properties;
  if (const PresentedTrack* shown = presentation.First(TrackKind::kVideo); shown != nullptr) {
    const Track& video = *shown->track;
    properties.push_back({"width", static_cast<double>(video.width)});
    properties.push_back({"height", static_cast<double>(video.height)});
    if (video.frame_rate_num > 0 && video.frame_rate_den > 0) {
      const double rate = static_cast<double>(video.frame_rate_num) / video.frame_rate_den;
      properties.push_back({"framerate", rate});
    }
    properties.push_back({"videocodecid", CodecId(*shown)});
  }
  if (const PresentedTrack* shown = presentation.First(TrackKind::kAudio); shown != nullptr) {
    const Track& audio = *shown->track;
    properties.push_back({"audiocodecid", CodecId(*shown)});
    properties.push_back({"audiosamplerate", static_cast<double>(audio.sample_rate)});
    properties.push_back({"audiosamplesize", 16});
    properties.push_back({"stereo", audio.channels >= 2});
  }
  properties.push_back({"encoder", "Millrace/" + std::string(version)});
  if (const PresentedTrack* data = presentation.First(TrackKind::kData); data != nullptr) {
    const auto more = amf::DecodeAll(data->track->config, kMetadataLimits);
    if (more.ok() && !more->empty()) {
      for (const amf::Property& property : more->front().properties())
        properties.push_back(property);
    }
  }
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  amf::EncodeAmf0(writer, "onMetaData");
  amf::EncodeAmf0(writer, amf::MakeEcmaArray(std::move(properties)));
  return body;
}

std::vector<Announcement> Announce(const Presentation& presentation, const TrackSet& known,
                                   std::string_view version) {
  std::vector<Announcement> announcements;
  announcements.push_back({TagType::kScript, OnMetaData(presentation, version)});
  for (const TrackKind kind : {TrackKind::kVideo, TrackKind::kAudio}) {
    for (const PresentedTrack& shown : presentation.tracks()) {
      const Track& track = *shown.track;
      if (track.kind != kind) continue;
      const Track* before = known.Find(track.id);
      const bool same =
          before != nullptr && before->codec == track.codec && before->config == track.config;
      std::vector<uint8_t> body = same ? std::vector<uint8_t>() : SequenceStart(shown);
      if (!body.empty()) announcements.push_back({TagTypeOf(kind), std::move(body)});
      const bool recolored =
          before != nullptr ? before->color != track.color : track.color.has_value();
      if (shown.enhanced && (recolored || (!same && track.color))) {
        announcements.push_back({TagTypeOf(kind), ColorBody(shown)});
      }
    }
  }
  return announcements;
}

}  // namespace millrace::media::flv
