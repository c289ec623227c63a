#pragma once
// Percentiles as the tools print them.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace millrace::live {

// {"p50_us", "p99_us", "max_us", "count"}; null where there is no value.
nlohmann::json Percentiles(std::vector<int32_t> microseconds);

}  // namespace millrace::live
