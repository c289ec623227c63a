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

// In the largest units that lose nothing: "1m30s", "2500ms", "0".
std::string FormatMilliseconds(uint64_t milliseconds);
// In the largest binary unit that loses nothing: "64KiB", "1000B", "0".
std::string FormatBytes(uint64_t bytes);

}  // namespace millrace::config
