#pragma once
// The forms in which addresses and durations are written in flags.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::lifecycle {

struct HostPort {
  std::string host;  // without brackets; may be a name, an address, or empty
  uint16_t port = 0;

  std::string ToString() const;  // brackets around IPv6 addresses
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "host:port", "1.2.3.4:80", "[::1]:80", ":80" (empty host: all interfaces). InvalidArgument says
// what is wrong.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

// "250ms", "10s", "1m30s"; not negative, finite.
absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text);

}  // namespace millrace::lifecycle
