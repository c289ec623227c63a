#include "gateways/rtsp/protocol/play_headers.h"

#include <algorithm>
#include <utility>

#include "media/base/text.h"
#include "media/base/ticks.h"

namespace millrace::rtsp {
namespace {

using media::CutFront;
using media::EqualsIgnoringCase;
using media::kNsPerSecond;
using media::ParseNumber;
using media::Trim;

constexpr int64_t kMaxTimeoutS = 86'400;
constexpr size_t kMaxInfos = 32;
constexpr uint32_t kMaxHours = 1'000'000;

// "12", "12.345", ".5": seconds to nanoseconds.
std::optional<int64_t> ParseSeconds(std::string_view text) {
  const std::string_view whole = CutFront(text, ".");
  const auto seconds = whole.empty() ? 0 : ParseNumber<uint32_t>(whole);
  if (!seconds.has_value() || (whole.empty() && text.empty())) return std::nullopt;
  int64_t ns = *seconds * kNsPerSecond;
  int64_t unit = kNsPerSecond / 10;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    ns += (digit - '0') * unit;
    unit /= 10;
  }
  return ns;
}

// Seconds, or hours:minutes:seconds.
std::optional<int64_t> ParseNpt(std::string_view text) {
  const size_t first = text.find(':');
  if (first == std::string_view::npos) return ParseSeconds(text);
  const auto hours = ParseNumber<uint32_t>(CutFront(text, ":"));
  const auto minutes = ParseNumber<uint32_t>(CutFront(text, ":"));
  const auto seconds = ParseSeconds(text);
  if (!hours.has_value() || *hours > kMaxHours || !minutes.has_value() || *minutes > 59 ||
      !seconds.has_value() || *seconds >= 60 * kNsPerSecond) {
    return std::nullopt;
  }
  return (*hours * int64_t{3600} + *minutes * int64_t{60}) * kNsPerSecond + *seconds;
}

std::string FormatNpt(int64_t ns) {
  const std::string milliseconds = std::to_string(ns / media::kNsPerMs % 1000);
  return std::to_string(ns / kNsPerSecond) + "." + std::string(3 - milliseconds.size(), '0') +
         milliseconds;
}

// The entry in front of the comma that the next "url=" follows.
std::string_view CutInfo(std::string_view& rest) {
  for (size_t comma = rest.find(','); comma != std::string_view::npos;
       comma = rest.find(',', comma + 1)) {
    if (!media::StartsWithIgnoringCase(Trim(rest.substr(comma + 1)), "url=")) continue;
    const std::string_view entry = rest.substr(0, comma);
    rest.remove_prefix(comma + 1);
    return entry;
  }
  return std::exchange(rest, {});
}

}  // namespace

SessionHeader ParseSession(std::string_view header) {
  SessionHeader session;
  session.id = Trim(CutFront(header, ";"));
  while (!header.empty()) {
    std::string_view value = CutFront(header, ";");
    const std::string_view name = Trim(CutFront(value, "="));
    if (!EqualsIgnoringCase(name, "timeout")) continue;
    const auto timeout = ParseNumber<int64_t>(Trim(value));
    if (timeout.has_value() && *timeout > 0) session.timeout_s = std::min(*timeout, kMaxTimeoutS);
  }
  return session;
}

std::string Format(const SessionHeader& session) {
  if (!session.timeout_s.has_value()) return session.id;
  return session.id + ";timeout=" + std::to_string(*session.timeout_s);
}

std::vector<RtpInfo> ParseRtpInfo(std::string_view header) {
  std::vector<RtpInfo> infos;
  while (!header.empty() && infos.size() < kMaxInfos) {
    std::string_view entry = Trim(CutInfo(header));
    RtpInfo info;
    while (!entry.empty()) {
      std::string_view value = CutFront(entry, ";");
      const std::string_view name = Trim(CutFront(value, "="));
      value = Trim(value, " \t\"");
      if (EqualsIgnoringCase(name, "url")) info.url = value;
      if (EqualsIgnoringCase(name, "seq")) info.sequence = ParseNumber<uint16_t>(value);
      if (EqualsIgnoringCase(name, "rtptime")) info.timestamp = ParseNumber<uint32_t>(value);
    }
    if (!info.url.empty()) infos.push_back(std::move(info));
  }
  return infos;
}

std::string Format(const std::vector<RtpInfo>& infos) {
  std::string text;
  for (const RtpInfo& info : infos) {
    if (!text.empty()) text += ",";
    text += "url=" + info.url;
    if (info.sequence.has_value()) text += ";seq=" + std::to_string(*info.sequence);
    if (info.timestamp.has_value()) text += ";rtptime=" + std::to_string(*info.timestamp);
  }
  return text;
}

std::optional<Range> ParseRange(std::string_view header) {
  std::string_view npt = Trim(CutFront(header, ";"));
  if (!EqualsIgnoringCase(Trim(CutFront(npt, "=")), "npt")) return std::nullopt;
  const std::string_view start = Trim(CutFront(npt, "-"));
  const std::string_view end = Trim(npt);
  Range range;
  if (!start.empty() && !EqualsIgnoringCase(start, "now")) {
    range.start_ns = ParseNpt(start);
    if (!range.start_ns.has_value()) return std::nullopt;
  }
  if (!end.empty()) {
    range.end_ns = ParseNpt(end);
    if (!range.end_ns.has_value()) return std::nullopt;
  }
  return range;
}

std::string Format(const Range& range) {
  std::string text =
      "npt=" + (range.start_ns.has_value() ? FormatNpt(*range.start_ns) : "now") + "-";
  if (range.end_ns.has_value()) text += FormatNpt(*range.end_ns);
  return text;
}

}  // namespace millrace::rtsp
