#pragma once
// What a payload type of a media stands for: a=rtpmap and a=fmtp, or the static table of RFC 3551.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/sdp/description.h"

namespace millrace::media::sdp {

struct Format {
  uint8_t payload_type = 0;
  std::string encoding;     // as written: "H264", "mpeg4-generic"
  uint32_t clock_rate = 0;  // Hz of the RTP timestamp
  uint32_t channels = 0;    // 0 where it is not said
  Attributes parameters;    // of fmtp: name and value, without spaces and quotes

  std::string_view Parameter(std::string_view name) const { return ValueOf(parameters, name); }
  friend bool operator==(const Format&, const Format&) = default;
};

// The format of `payload_type` (text of the m= line); nothing where neither an rtpmap nor the
// static table knows it. An rtpmap without a clock has 90 kHz for video and 8 kHz for audio.
std::optional<Format> FormatOf(const Media& media, std::string_view payload_type);

// a=rtpmap and, where there are parameters, a=fmtp.
void AddFormat(const Format& format, Media& media);

}  // namespace millrace::media::sdp
