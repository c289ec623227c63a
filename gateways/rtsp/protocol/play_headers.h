#pragma once
// Session, RTP-Info and Range: RFC 2326 §12.37, §12.33, §12.29.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::rtsp {

inline constexpr int64_t kDefaultTimeoutS = 60;

struct SessionHeader {
  std::string id;
  std::optional<int64_t> timeout_s;  // 1 to 86400; what is unset was said before or is the default

  friend bool operator==(const SessionHeader&, const SessionHeader&) = default;
};
SessionHeader ParseSession(std::string_view header);
std::string Format(const SessionHeader& session);

// One media of RTP-Info: what its first packet bears.
struct RtpInfo {
  std::string url;
  std::optional<uint16_t> sequence;
  std::optional<uint32_t> timestamp;

  friend bool operator==(const RtpInfo&, const RtpInfo&) = default;
};
// Entries without a URL are left out, fields that cannot be read are unset. URLs may hold commas.
std::vector<RtpInfo> ParseRtpInfo(std::string_view header);
std::string Format(const std::vector<RtpInfo>& infos);

// npt, in nanoseconds. "npt=now-" has neither start nor end.
struct Range {
  std::optional<int64_t> start_ns;
  std::optional<int64_t> end_ns;

  friend bool operator==(const Range&, const Range&) = default;
};
// Nothing for other units (smpte, clock) and for what cannot be read.
std::optional<Range> ParseRange(std::string_view header);
std::string Format(const Range& range);  // "npt=0.000-"

}  // namespace millrace::rtsp
