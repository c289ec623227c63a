#include "control-plane/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace millrace::control {
namespace {

constexpr uint32_t kLongGopMs = 4'000;
constexpr auto kInNoFlv = std::to_array<std::string_view>({"g726", "pcm"});
constexpr auto kVideoInNoFlv = std::to_array<std::string_view>({"mjpeg"});
constexpr auto kInLegacyFlv = std::to_array<std::string_view>({"g711a", "g711u"});
constexpr auto kInEnhancedFlv = std::to_array<std::string_view>({"opus", "flac", "ac3"});

template <size_t kSize>
bool IsIn(const std::array<std::string_view, kSize>& codecs, std::string_view codec) {
  return std::ranges::find(codecs, codec) != codecs.end();
}

}  // namespace

std::vector<std::string> AdviceOn(const v1::Stream& stream) {
  std::vector<std::string> advice;
  if (const uint32_t interval = stream.key_frame_interval_ms(); interval > kLongGopMs) {
    advice.push_back(fmt::format(
        "Key frames come every {:.1f} s, and pictures can only start and recover there. Set "
        "the encoder's key-frame interval to 2 s (OBS: Settings > Output > Keyframe "
        "Interval; 0 is automatic, which may be 10 s).",
        interval / 1e3));
  }
  for (const v1::TrackSummary& track : stream.tracks()) {
    if (IsIn(kVideoInNoFlv, track.codec())) {
      advice.push_back(fmt::format(
          "Track {} ({}) is left out for RTMP and HTTP-FLV viewers: FLV cannot carry it. "
          "Play it by RTSP, or let the camera send H.264.",
          track.id(), track.codec()));
    } else if (IsIn(kInNoFlv, track.codec())) {
      advice.push_back(fmt::format(
          "Track {} ({}) is left out for RTMP and HTTP-FLV viewers: FLV cannot carry it. "
          "Let the encoder send AAC, or set `audio_transcode: aac`.",
          track.id(), track.codec()));
    } else if (IsIn(kInLegacyFlv, track.codec())) {
      advice.push_back(fmt::format(
          "Track {} ({}) is in FLV as it is, which browsers do not play. Let the encoder send "
          "AAC, or set `audio_transcode: aac`.",
          track.id(), track.codec()));
    } else if (IsIn(kInEnhancedFlv, track.codec())) {
      advice.push_back(fmt::format(
          "Track {} ({}) reaches only those RTMP and HTTP-FLV viewers that take enhanced FLV. "
          "For the others let the encoder send AAC, or set `audio_transcode: aac`.",
          track.id(), track.codec()));
    }
  }
  return advice;
}

}  // namespace millrace::control
