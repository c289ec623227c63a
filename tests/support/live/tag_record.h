#pragma once
// What one audio or video tag holds, as a line to compare what was published with what was played.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>

namespace millrace::live {

// {"type": 9, "ms": 40, "form": "legacy"|"enhanced", "codec": "hvc1"|"7"…, "track": 0, "packet":
// "start"|"frame"|"other", "composition": 0, "size": n, "hash": "…"} with size and hash of what
// stands behind the headers. Of a data tag: the name of its first value. `ms` is the caller's.
nlohmann::json DescribeTag(uint8_t type, std::span<const uint8_t> body);

}  // namespace millrace::live
