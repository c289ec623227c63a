#include "tests/support/live/synthetic.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tests/support/live/amf.h"

namespace millrace::live {
namespace {

constexpr uint8_t kAvcConfig720[] = {
    0x01, 0x64, 0x00, 0x1f, 0xff, 0xe1, 0x00, 0x18, 0x67, 0x64, 0x00, 0x1f, 0xac, 0xb4, 0x02,
    0x80, 0x2d, 0xd8, 0x08, 0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x19, 0x07, 0x8c,
    0x19, 0x50, 0x01, 0x00, 0x04, 0x68, 0xef, 0x0f, 0xcb, 0xfd, 0xf8, 0xf8, 0x00};
constexpr uint8_t kAvcConfig360[] = {
    0x01, 0x64, 0x00, 0x1e, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x64, 0x00, 0x1e, 0xac, 0xb4, 0x05,
    0x01, 0x7f, 0xcb, 0x80, 0x88, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x01, 0x90,
    0x78, 0xb1, 0x75, 0x01, 0x00, 0x04, 0x68, 0xef, 0x0f, 0xcb, 0xfd, 0xf8, 0xf8, 0x00};
constexpr uint8_t kAacConfig[] = {0x12, 0x10};         // AAC-LC, 44.1 kHz, stereo
constexpr uint8_t kThriftyAacConfig[] = {0x15, 0x88};  // AAC-LC, 8 kHz, mono

// Every byte of a record and of the filler has its highest bit set, so that no start code and no
// emulation prevention can arise; numbers are written seven bits a byte.
constexpr uint8_t kMagic[] = {0xCD, 0xE9, 0xB7, 0xA5};
constexpr size_t kRun = 5, kNumber = 5, kTime = 9, kSize = 4;
constexpr size_t kRecord = sizeof(kMagic) + kRun + 1 + kNumber + kTime + kSize;
constexpr size_t kPoolSize = 1 << 20, kMaxFrame = 256 << 10;

const std::vector<uint8_t>& Pool() {
  static const std::vector<uint8_t> pool = [] {
    std::vector<uint8_t> bytes(kPoolSize);
    uint64_t state = 0x9E3779B97F4A7C15;
    for (uint8_t& byte : bytes) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      byte = static_cast<uint8_t>(state >> 32 | 0x80);
    }
    return bytes;
  }();
  return pool;
}

std::span<const uint8_t> Filler(const FrameId& id) {
  const uint64_t mixed =
      (uint64_t{id.run} << 33 ^ uint64_t{id.number} << 1 ^ (id.video ? 1 : 0)) * 0x9E3779B97F4A7C15;
  return std::span(Pool()).subspan((mixed >> 32) % (kPoolSize - kMaxFrame), id.size - kRecord);
}

void Put(std::vector<uint8_t>& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<uint8_t>(0x80 | (value >> (7 * (bytes - 1 - i)) & 0x7F)));
  }
}

uint64_t Take(const uint8_t*& data, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 7 | (*data++ & 0x7F);
  return value;
}

void PutRecord(std::vector<uint8_t>& out, const FrameId& id) {
  out.insert(out.end(), std::begin(kMagic), std::end(kMagic));
  Put(out, id.run, kRun);
  Put(out, (id.video ? 1 : 0) | (id.key ? 2 : 0) | (id.thrifty ? 4 : 0), 1);
  Put(out, id.number, kNumber);
  Put(out, static_cast<uint64_t>(id.written_ns), kTime);
  Put(out, id.size, kSize);
  const auto filler = Filler(id);
  out.insert(out.end(), filler.begin(), filler.end());
}

constexpr uint8_t kKeyFrameTag = 0x17, kInterFrameTag = 0x27, kAacTag = 0xAF;
constexpr size_t kAvcHead =
    5 + 4 + 2;  // FLV's video header, NAL length, NAL header and slice header
constexpr size_t kAacHead = 2;
constexpr uint32_t kKeyFrameFactor = 5;  // a key frame is so many times an average frame

}  // namespace

std::optional<Profile> FindProfile(std::string_view name) {
  if (name == "bench") return Profile{1280, 720, 250000, 50, 16000, true, kAvcConfig720};
  if (name == "heavy") return Profile{1280, 720, 1000000, 50, 16000, true, kAvcConfig720};
  if (name == "small") return Profile{640, 360, 31500, 50, 6000, true, kAvcConfig360};
  if (name == "light") return Profile{640, 360, 15000, 25, 5000, true, kAvcConfig360};
  if (name == "audio") return Profile{640, 360, 15000, 25, 5000, false, kAvcConfig360};
  if (name == "video") return Profile{640, 360, 15000, 25, 0, true, kAvcConfig360};
  if (name == "thrifty") return Profile{640, 360, 3000, 10, 1000, true, kAvcConfig360, true};
  return std::nullopt;
}

int64_t FrameTimeMs(bool video, uint32_t number, bool thrifty) {
  if (video) return int64_t{number} * 1000 / (thrifty ? kThriftyFramesPerSecond : kFramesPerSecond);
  const int64_t rate = thrifty ? kThriftySampleRate : kSampleRate;
  return (int64_t{number} * kSamplesPerFrame * 1000 + rate / 2) / rate;
}

bool SyntheticStream::NextIsVideo() const {
  if (!profile_.video) return false;
  return profile_.audio_bytes_per_second == 0 ||
         FrameTimeMs(true, video_number_, profile_.thrifty) <=
             FrameTimeMs(false, audio_number_, profile_.thrifty);
}

int64_t SyntheticStream::next_ms() const {
  const bool video = NextIsVideo();
  return FrameTimeMs(video, video ? video_number_ : audio_number_, profile_.thrifty);
}

uint32_t SyntheticStream::VideoSize(uint32_t number) const {
  const auto rate =
      static_cast<uint32_t>(profile_.thrifty ? kThriftyFramesPerSecond : kFramesPerSecond);
  const uint32_t average = profile_.video_bytes_per_second / rate;
  const uint32_t gop = profile_.gop_frames;
  const uint32_t key = average * kKeyFrameFactor;
  return number % gop == 0 ? key : (average * gop - key) / (gop - 1);
}

std::vector<SyntheticStream::Tag> SyntheticStream::Headers() const {
  std::vector<Tag> tags;
  AmfWriter amf;
  amf.String("@setDataFrame").String("onMetaData").Begin(true);
  if (profile_.video) {
    amf.Key("width").Number(profile_.width).Key("height").Number(profile_.height);
    amf.Key("framerate").Number(profile_.thrifty ? kThriftyFramesPerSecond : kFramesPerSecond);
    amf.Key("videocodecid").Number(7);
  }
  if (profile_.audio_bytes_per_second != 0) amf.Key("audiocodecid").Number(10);
  amf.Key("encoder").String("millrace-live").End();
  tags.push_back({kDataTag, 0, amf.bytes(), {}});
  if (profile_.video) {
    Tag video{kVideoTag, 0, {kKeyFrameTag, 0, 0, 0, 0}, {}};
    video.body.insert(video.body.end(), profile_.avc_config.begin(), profile_.avc_config.end());
    tags.push_back(std::move(video));
  }
  if (profile_.audio_bytes_per_second != 0) {
    const auto& config = profile_.thrifty ? kThriftyAacConfig : kAacConfig;
    tags.push_back({kAudioTag, 0, {kAacTag, 0, config[0], config[1]}, {}});
  }
  return tags;
}

void SyntheticStream::Next(int64_t now_ns, Tag& tag) {
  tag.timestamp_ms = static_cast<uint32_t>(next_ms());
  tag.body.clear();
  FrameId& id = tag.id;
  id = {};
  id.run = run_;
  id.thrifty = profile_.thrifty;
  id.written_ns = now_ns;
  id.video = NextIsVideo();
  if (id.video) {
    id.number = video_number_++;
    id.key = id.number % profile_.gop_frames == 0;
    id.size = std::max<uint32_t>(VideoSize(id.number) - kAvcHead, kRecord);
    tag.type = kVideoTag;
    const uint32_t nal = id.size + 2;
    // NAL header (IDR or reference slice), then first_mb_in_slice 0 and slice_type I or P.
    tag.body = {id.key ? kKeyFrameTag : kInterFrameTag,
                1,
                0,
                0,
                0,
                static_cast<uint8_t>(nal >> 24),
                static_cast<uint8_t>(nal >> 16),
                static_cast<uint8_t>(nal >> 8),
                static_cast<uint8_t>(nal),
                static_cast<uint8_t>(id.key ? 0x65 : 0x41),
                static_cast<uint8_t>(id.key ? 0x88 : 0x9B)};
  } else {
    id.number = audio_number_++;
    const int64_t rate = profile_.thrifty ? kThriftySampleRate : kSampleRate;
    const int64_t size = profile_.audio_bytes_per_second * kSamplesPerFrame / rate;
    id.size = std::max<uint32_t>(static_cast<uint32_t>(size), kRecord);
    tag.type = kAudioTag;
    tag.body = {kAacTag, 1};
  }
  PutRecord(tag.body, id);
}

std::optional<FrameId> ReadFrameId(uint8_t tag_type, std::span<const uint8_t> body, bool& intact) {
  const bool video = tag_type == kVideoTag;
  const size_t head = video ? kAvcHead : kAacHead;
  intact = false;
  if (body.size() < head + kRecord) return std::nullopt;
  const uint8_t* data = body.data() + head;
  if (!std::equal(std::begin(kMagic), std::end(kMagic), data)) return std::nullopt;
  data += sizeof(kMagic);
  FrameId id;
  id.run = static_cast<uint32_t>(Take(data, kRun));
  const auto flags = Take(data, 1);
  id.video = (flags & 1) != 0;
  id.key = (flags & 2) != 0;
  id.thrifty = (flags & 4) != 0;
  id.number = static_cast<uint32_t>(Take(data, kNumber));
  id.written_ns = static_cast<int64_t>(Take(data, kTime));
  id.size = static_cast<uint32_t>(Take(data, kSize));
  if (id.video != video || id.size < kRecord || id.size > kMaxFrame) return id;
  const auto filler = Filler(id);
  intact = body.size() == head + id.size && std::equal(filler.begin(), filler.end(), data) &&
           (!video || body[0] == (id.key ? kKeyFrameTag : kInterFrameTag));
  return id;
}

}  // namespace millrace::live
