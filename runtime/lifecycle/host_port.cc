#include "runtime/lifecycle/host_port.h"

#include <fmt/format.h>

#include <charconv>

#include "absl/time/time.h"

namespace millrace::lifecycle {
namespace {

absl::Status Wrong(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format(
      "\"{}\" is not host:port ({}); write for example 0.0.0.0:8080 or [::1]:8080", text, why));
}

}  // namespace

std::string HostPort::ToString() const {
  return host.find(':') != std::string::npos ? fmt::format("[{}]:{}", host, port)
                                             : fmt::format("{}:{}", host, port);
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  HostPort result;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return Wrong(text, "no closing bracket");
    result.host = text.substr(1, close - 1);
    if (result.host.find(':') == std::string::npos)
      return Wrong(text, "no IPv6 address in brackets");
    if (close + 1 >= text.size() || text[close + 1] != ':') return Wrong(text, "no port");
    port = text.substr(close + 2);
  } else {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return Wrong(text, "no port");
    result.host = text.substr(0, colon);
    if (result.host.find(':') != std::string::npos) return Wrong(text, "IPv6 needs brackets");
    port = text.substr(colon + 1);
  }
  for (const char c : result.host) {
    if (c <= ' ' || c == '/' || c == '@' || c == 0x7f)
      return Wrong(text, "no such character in a host");
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) {
    return Wrong(text, "the port is a number from 0 to 65535");
  }
  return result;
}

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(std::string(text), &duration) || duration < absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is not a duration; write for example 250ms, 10s or 1m30s", text));
  }
  return absl::ToChronoMilliseconds(duration);
}

}  // namespace millrace::lifecycle
