#include "media/flv/muxer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "media/amf/amf0.h"

namespace millrace::media::flv {
namespace {

constexpr uint8_t kKeyAvc = 0x17;
constexpr uint8_t kInterAvc = 0x27;
// AAC is always said to be 44 kHz, 16 bit, stereo (Annex E.4.2.1); the truth is in its
// configuration.
constexpr uint8_t kAac = 0xaf;
constexpr int64_t kMaxComposition = 0x7fffff;

uint8_t Byte(uint64_t value, unsigned index) { return static_cast<uint8_t>(value >> (8 * index)); }

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

std::array<uint8_t, kVideoPrefixSize> VideoTagPrefix(const Frame& frame) {
  const int64_t composition = std::clamp(MsFromNs(frame.pts_ns) - MsFromNs(frame.dts_ns),
                                         -kMaxComposition - 1, kMaxComposition);
  const auto bits = static_cast<uint64_t>(composition);
  return {frame.random_access() ? kKeyAvc : kInterAvc, static_cast<uint8_t>(PacketType::kData),
          Byte(bits, 2), Byte(bits, 1), Byte(bits, 0)};
}

std::array<uint8_t, kAudioPrefixSize> AudioTagPrefix(const Track& /*track*/) {
  return {kAac, static_cast<uint8_t>(PacketType::kData)};
}

std::vector<uint8_t> VideoSequenceHeader(const Track& track) {
  std::vector<uint8_t> body = {kKeyAvc, static_cast<uint8_t>(PacketType::kSequenceHeader), 0, 0, 0};
  body.insert(body.end(), track.config.begin(), track.config.end());
  return body;
}

std::vector<uint8_t> AudioSequenceHeader(const Track& track) {
  std::vector<uint8_t> body = {kAac, static_cast<uint8_t>(PacketType::kSequenceHeader)};
  body.insert(body.end(), track.config.begin(), track.config.end());
  return body;
}

std::vector<uint8_t> OnMetaData(const TrackSet& tracks, std::string_view version) {
  std::vector<amf::Property> properties;
  if (const Track* video = tracks.FirstOf(TrackKind::kVideo); video != nullptr) {
    properties.push_back({"width", static_cast<double>(video->width)});
    properties.push_back({"height", static_cast<double>(video->height)});
    if (video->frame_rate_num > 0 && video->frame_rate_den > 0) {
      const double rate = static_cast<double>(video->frame_rate_num) / video->frame_rate_den;
      properties.push_back({"framerate", rate});
    }
    properties.push_back({"videocodecid", 7});
  }
  if (const Track* audio = tracks.FirstOf(TrackKind::kAudio); audio != nullptr) {
    properties.push_back({"audiocodecid", 10});
    properties.push_back({"audiosamplerate", static_cast<double>(audio->sample_rate)});
    properties.push_back({"audiosamplesize", 16});
    properties.push_back({"stereo", audio->channels >= 2});
  }
  properties.push_back({"encoder", "Millrace/" + std::string(version)});
  std::vector<uint8_t> body;
  ByteWriter writer(body);
  amf::EncodeAmf0(writer, "onMetaData");
  amf::EncodeAmf0(writer, amf::MakeEcmaArray(std::move(properties)));
  return body;
}

bool CanCarry(const Track& track) {
  return track.codec == Codec::kH264 || track.codec == Codec::kAac;
}

}  // namespace millrace::media::flv
