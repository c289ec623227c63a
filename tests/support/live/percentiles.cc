#include "tests/support/live/percentiles.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace millrace::live {

nlohmann::json Percentiles(std::vector<int32_t> microseconds) {
  if (microseconds.empty()) return nullptr;
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](size_t percent) {
    return microseconds[(microseconds.size() - 1) * percent / 100];
  };
  return {{"p50_us", at(50)},
          {"p99_us", at(99)},
          {"max_us", microseconds.back()},
          {"count", microseconds.size()}};
}

}  // namespace millrace::live
