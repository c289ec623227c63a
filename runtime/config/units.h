#pragma once
// Durations and sizes as people write them.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::config {

// "350ms", "10s", "1.5s", "1m", "2h30m", "7d", "0". Whole milliseconds, not negative. A number
// without a unit is refused, except 0: nobody knows whether it means seconds.
absl::StatusOr<uint64_t> ParseMilliseconds(std::string_view text);

// "64KiB", "1.5MiB", "2GiB", "500B", "10MB" (decimal), "0". A number without a unit is refused,
// except 0.
absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

// "2x", "1.5x", "0": percent of real time.
absl::StatusOr<uint64_t> ParseSpeed(std::string_view text);

// "800kbps", "2.5Mbps", "1Gbps", "0": bits a second.
absl::StatusOr<uint64_t> ParseBitrate(std::string_view text);

// In the largest units that lose nothing: "1m30s", "2500ms", "0".
std::string FormatMilliseconds(uint64_t milliseconds);
// In the largest binary unit that loses nothing: "64KiB", "1000B", "0".
std::string FormatBytes(uint64_t bytes);
std::string FormatSpeed(uint64_t percent);  // "2x", "1.25x", "0"
// In the largest unit that loses nothing: "8Mbps", "1500kbps", "0".
std::string FormatBitrate(uint64_t bits_per_second);

}  // namespace millrace::config
