#pragma once
// What a stream consists of: tracks, and the versioned set of them that frames refer to.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "media/frame/color.h"

namespace millrace::media {

enum class TrackKind : uint8_t { kVideo = 1, kAudio = 2, kData = 3 };

// The numbers are part of the bus contract (proto/README.md): never renumber.
enum class Codec : uint16_t {
  kUnknown = 0,
  kH264 = 1,
  kH265 = 2,
  kAv1 = 3,
  kVp9 = 4,
  kMjpeg = 5,
  kAac = 32,
  kOpus = 33,
  kMp3 = 34,
  kFlac = 35,
  kAc3 = 36,
  kG711A = 37,
  kG711U = 38,
  kG726 = 39,
  kPcm = 40,
  kMetadata = 64,
  kCaptions = 65,
  kScte35 = 66,
};

// "h264", "aac" …: the name used in logs, the API and metric labels.
const char* CodecName(Codec codec);
TrackKind KindOf(Codec codec);

// One elementary stream. Everything behind `config` follows from it and is filled in once, at
// ingest.
struct Track {
  uint8_t id = 0;  // unique within the stream; 1 video, 2 audio, 3 data for single-track protocols
  TrackKind kind = TrackKind::kVideo;
  Codec codec = Codec::kUnknown;
  // Body of the codec's ISO-BMFF configuration box without the box header (avcC, hvcC …); OpusHead
  // for Opus; two bytes of our own for G.726; empty where a codec has no record.
  // media/codec/README.md lists them.
  std::vector<uint8_t> config;
  std::string codec_string;  // RFC 6381: "avc1.64001f", "mp4a.40.2"
  uint32_t width = 0;        // as displayed, after cropping
  uint32_t height = 0;
  uint32_t frame_rate_num = 0;  // 0 where the parameter sets do not say
  uint32_t frame_rate_den = 0;
  uint32_t sample_rate = 0;  // Hz
  uint32_t channels = 0;
  uint32_t samples_per_frame = 0;  // 1024 for AAC-LC, 0 where frames vary
  std::string language;            // BCP 47, empty where unknown
  std::string label;
  bool is_default = true;
  std::optional<Color> color;  // of video, where the publisher told it beside the bitstream

  friend bool operator==(const Track&, const Track&) = default;
};

// The tracks of a stream from a point in the sequence on. Version rises by one at each change
// within an epoch and starts at 1.
struct TrackSet {
  uint32_t version = 0;
  std::vector<Track> tracks;

  const Track* Find(uint8_t id) const {
    for (const Track& track : tracks) {
      if (track.id == id) return &track;
    }
    return nullptr;
  }
  const Track* FirstOf(TrackKind kind) const {
    for (const Track& track : tracks) {
      if (track.kind == kind) return &track;
    }
    return nullptr;
  }
  friend bool operator==(const TrackSet&, const TrackSet&) = default;
};

}  // namespace millrace::media
