#include "media/sdp/sources.h"

#include <algorithm>
#include <array>
#include <utility>

#include "media/base/text.h"
#include "media/sdp/codec_parameters.h"

namespace millrace::media::sdp {
namespace {

constexpr uint8_t kVideoTrack = 1;
constexpr uint8_t kAudioTrack = 2;
constexpr uint8_t kFirstFurtherTrack = 4;
constexpr size_t kMaxTracks = 8;

struct Encoding {
  std::string_view name;
  std::string_view kind;
  PayloadFormat payload;
  Codec codec;
};
constexpr Encoding kEncodings[] = {
    {"H264", "video", PayloadFormat::kH264, Codec::kH264},
    {"H265", "video", PayloadFormat::kH265, Codec::kH265},
    {"HEVC", "video", PayloadFormat::kH265, Codec::kH265},
    {"AV1", "video", PayloadFormat::kAv1, Codec::kAv1},
    {"JPEG", "video", PayloadFormat::kJpeg, Codec::kMjpeg},
    {"MPEG4-GENERIC", "audio", PayloadFormat::kMpeg4Generic, Codec::kAac},
    {"MP4A-LATM", "audio", PayloadFormat::kMp4aLatm, Codec::kAac},
    {"opus", "audio", PayloadFormat::kOpus, Codec::kOpus},
    {"PCMA", "audio", PayloadFormat::kPcma, Codec::kG711A},
    {"PCMU", "audio", PayloadFormat::kPcmu, Codec::kG711U},
    {"G726-16", "audio", PayloadFormat::kG726, Codec::kG726},
    {"G726-24", "audio", PayloadFormat::kG726, Codec::kG726},
    {"G726-32", "audio", PayloadFormat::kG726, Codec::kG726},
    {"G726-40", "audio", PayloadFormat::kG726, Codec::kG726},
    {"AAL2-G726-16", "audio", PayloadFormat::kAal2G726, Codec::kG726},
    {"AAL2-G726-24", "audio", PayloadFormat::kAal2G726, Codec::kG726},
    {"AAL2-G726-32", "audio", PayloadFormat::kAal2G726, Codec::kG726},
    {"AAL2-G726-40", "audio", PayloadFormat::kAal2G726, Codec::kG726},
    {"L16", "audio", PayloadFormat::kL16, Codec::kPcm},
    {"PCM", "audio", PayloadFormat::kL16Little, Codec::kPcm},
    {"MPA", "audio", PayloadFormat::kMpa, Codec::kMp3},
};

const Encoding* FindEncoding(std::string_view kind, std::string_view name) {
  const auto* found = std::find_if(
      std::begin(kEncodings), std::end(kEncodings),
      [&](const auto& e) { return e.kind == kind && EqualsIgnoringCase(e.name, name); });
  return found == std::end(kEncodings) ? nullptr : found;
}

bool Has(const Media& media, std::string_view attribute) {
  return Find(media.attributes, attribute) != nullptr;
}

// ONVIF marks the sound that goes to the camera `sendonly`. Devices mark their only sound like
// that, too, so there must be another one that is not.
bool IsBackChannel(const Description& description, const Media& media) {
  if (media.kind != "audio" || !Has(media, "sendonly")) return false;
  return std::any_of(description.media.begin(), description.media.end(), [](const Media& other) {
    return other.kind == "audio" && !Has(other, "sendonly") && !Has(other, "inactive");
  });
}

// The first payload type of the media that can be carried.
bool ReadFormat(const Media& media, Source& source) {
  for (const std::string& payload_type : media.formats) {
    const auto format = FormatOf(media, payload_type);
    if (!format.has_value()) continue;
    const Encoding* encoding = FindEncoding(media.kind, format->encoding);
    if (encoding == nullptr) continue;
    source.format = *format;
    source.payload = encoding->payload;
    source.codec = encoding->codec;
    return true;
  }
  return false;
}

// QuickTime's "x-dimensions:1920,1080", or "framesize:26 1920-1080" (RFC 6064 §4.1.2): JPEG over
// RTP itself cannot say more than 2040.
void ReadImageSize(const Media& media, Source& source) {
  std::string_view text = ValueOf(media.attributes, "x-dimensions");
  std::string_view between = ",";
  if (text.empty()) {
    text = ValueOf(media.attributes, "framesize");
    CutFront(text, " ");
    between = "-";
  }
  const auto width = ParseNumber<uint16_t>(Trim(CutFront(text, between)));
  const auto height = ParseNumber<uint16_t>(Trim(text));
  if (!width.has_value() || !height.has_value()) return;
  source.packing.image_width = *width;
  source.packing.image_height = *height;
}

Ignored Judge(const Description& description, const Media& media, Source& source) {
  if (media.kind != "video" && media.kind != "audio") return Ignored::kNotMedia;
  if (Has(media, "inactive")) return Ignored::kInactive;
  if (IsBackChannel(description, media)) return Ignored::kBackChannel;
  return ReadFormat(media, source) ? Ignored::kNo : Ignored::kUnknownFormat;
}

class TrackIds {
 public:
  // 0 where there are no more.
  uint8_t Next(std::string_view kind) {
    if (count_++ == kMaxTracks) return 0;
    bool& taken = kind == "video" ? video_ : audio_;
    const uint8_t first = kind == "video" ? kVideoTrack : kAudioTrack;
    return std::exchange(taken, true) ? next_++ : first;
  }

 private:
  size_t count_ = 0;
  bool video_ = false;
  bool audio_ = false;
  uint8_t next_ = kFirstFurtherTrack;
};

}  // namespace

const char* PayloadFormatName(PayloadFormat format) {
  static constexpr std::array kNames = {"none",          "h264",      "h265", "av1",  "jpeg",
                                        "mpeg4-generic", "mp4a-latm", "opus", "pcma", "pcmu",
                                        "g726",          "aal2-g726", "l16",  "pcm",  "mpa"};
  return kNames[static_cast<size_t>(format)];
}

const char* IgnoredName(Ignored ignored) {
  static constexpr std::array kNames = {"no",       "not_media",      "back_channel",
                                        "inactive", "unknown_format", "too_many"};
  return kNames[static_cast<size_t>(ignored)];
}

std::vector<Source> SourcesOf(const Description& description) {
  std::vector<Source> sources;
  TrackIds ids;
  for (const Media& media : description.media) {
    Source source;
    source.media = sources.size();
    source.control = ValueOf(media.attributes, "control");
    source.ignored = Judge(description, media, source);
    if (source.ignored == Ignored::kNo) {
      source.track_id = ids.Next(media.kind);
      if (source.track_id == 0) source.ignored = Ignored::kTooMany;
    }
    if (source.ignored == Ignored::kNo) {
      ReadCodecParameters(source);
      if (source.payload == PayloadFormat::kJpeg) ReadImageSize(media, source);
      if (source.track.has_value()) {
        source.track->id = source.track_id;
        source.track->is_default = source.track_id < kFirstFurtherTrack;
      }
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace millrace::media::sdp
