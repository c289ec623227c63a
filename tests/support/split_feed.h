#pragma once
// Feeds a vector whole and in pieces: a parser must yield the same events however the bytes arrive.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace millrace::tests {

inline constexpr size_t kSplits[] = {0, 1, 2, 17, 512};  // 0: whole

// Calls `append` with pieces of `size` bytes (0: everything at once), the last one shorter.
inline void Feed(std::span<const uint8_t> bytes, size_t size,
                 const std::function<void(std::span<const uint8_t>)>& append) {
  if (size == 0) size = std::max<size_t>(bytes.size(), 1);
  for (size_t at = 0; at < bytes.size(); at += size) {
    append(bytes.subspan(at, std::min(size, bytes.size() - at)));
  }
}

// `run(feed)` makes a fresh parser, calls `feed(append)` with its append-and-drain function, and
// returns all that came out, in any comparable type. Runs it for each split and expects what the
// whole vector gave. Returns that.
template <typename Run>
auto ExpectSameForAllSplits(std::span<const uint8_t> bytes, Run run) {
  using Append = std::function<void(std::span<const uint8_t>)>;
  const auto with = [&](size_t size) {
    return run([&, size](const Append& append) { Feed(bytes, size, append); });
  };
  auto whole = with(0);
  for (size_t size : kSplits) {
    if (size == 0) continue;
    SCOPED_TRACE("split at " + std::to_string(size));
    EXPECT_TRUE(with(size) == whole);
  }
  return whole;
}

}  // namespace millrace::tests
