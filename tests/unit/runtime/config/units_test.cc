#include "runtime/config/units.h"

#include <gtest/gtest.h>

#include <optional>

namespace millrace::config {
namespace {

TEST(Units, Durations) {
  const struct {
    const char* text;
    std::optional<uint64_t> milliseconds;
  } cases[] = {
      {"0", 0},          {"0s", 0},       {"350ms", 350},       {"10s", 10'000},
      {"1m", 60'000},    {"1.5s", 1'500}, {"2h30m", 9'000'000}, {"7d", 604'800'000},
      {"1m30s", 90'000}, {"", {}},        {"10", {}},           {"s", {}},
      {"-1s", {}},       {"1 s", {}},     {"1S", {}},           {"30s1m", {}},
      {"1s1s", {}},      {"0.5ms", {}},   {"1e3s", {}},         {"inf", {}},
      {"nan", {}},       {"1..5s", {}},   {"1s ", {}},          {"99999999999999999999d", {}},
      {"1month", {}},
  };
  for (const auto& test : cases) {
    const auto value = ParseMilliseconds(test.text);
    EXPECT_EQ(value.ok() ? std::optional(*value) : std::nullopt, test.milliseconds) << test.text;
  }
  EXPECT_EQ(ParseMilliseconds("10").status().message(),
            "`10` has no unit: write a duration like 350ms, 10s, 1m or 2h30m");
}

TEST(Units, Sizes) {
  const struct {
    const char* text;
    std::optional<uint64_t> bytes;
  } cases[] = {
      {"0", 0},      {"64KiB", 65'536},    {"1.5MiB", 1'572'864},  {"2GiB", 2'147'483'648},
      {"500B", 500}, {"10MB", 10'000'000}, {"1kB", 1'000},         {"", {}},
      {"64", {}},    {"64K", {}},          {"64kib", {}},          {"-1B", {}},
      {"0.3B", {}},  {"1MiB1KiB", {}},     {"99999999999GiB", {}},
  };
  for (const auto& test : cases) {
    const auto value = ParseBytes(test.text);
    EXPECT_EQ(value.ok() ? std::optional(*value) : std::nullopt, test.bytes) << test.text;
  }
}

TEST(Units, SpeedsAndBitrates) {
  const auto speed = [](const char* text) {
    const auto value = ParseSpeed(text);
    return value.ok() ? std::optional(*value) : std::nullopt;
  };
  EXPECT_EQ(speed("2x"), 200);
  EXPECT_EQ(speed("1.25x"), 125);
  EXPECT_EQ(speed("0"), 0);
  for (const char* text : {"", "2", "x", "-1x", "1.001x", "2X"}) EXPECT_FALSE(speed(text)) << text;
  const auto bitrate = [](const char* text) {
    const auto value = ParseBitrate(text);
    return value.ok() ? std::optional(*value) : std::nullopt;
  };
  EXPECT_EQ(bitrate("800kbps"), 800'000);
  EXPECT_EQ(bitrate("2.5Mbps"), 2'500'000);
  EXPECT_EQ(bitrate("0"), 0);
  for (const char* text : {"", "8", "8M", "8MBps", "8mbps", "-1bps"}) {
    EXPECT_FALSE(bitrate(text)) << text;
  }
}

TEST(Units, WhatIsWrittenIsReadBack) {
  for (const uint64_t value : {0ULL, 1ULL, 999ULL, 1'000ULL, 2'500ULL, 60'000ULL, 90'000ULL,
                               86'400'000ULL, 90'061'000ULL, 65'536ULL, 1ULL << 30, 1'000'001ULL}) {
    EXPECT_EQ(*ParseMilliseconds(FormatMilliseconds(value)), value) << FormatMilliseconds(value);
    EXPECT_EQ(*ParseBytes(FormatBytes(value)), value) << FormatBytes(value);
    EXPECT_EQ(*ParseSpeed(FormatSpeed(value)), value) << FormatSpeed(value);
    EXPECT_EQ(*ParseBitrate(FormatBitrate(value)), value) << FormatBitrate(value);
  }
  EXPECT_EQ(FormatMilliseconds(2'500), "2500ms");
  EXPECT_EQ(FormatMilliseconds(90'000), "1m30s");
  EXPECT_EQ(FormatBytes(65'536), "64KiB");
  EXPECT_EQ(FormatBytes(1'000), "1000B");
  EXPECT_EQ(FormatSpeed(150), "1.50x");
  EXPECT_EQ(FormatBitrate(2'500'000), "2500kbps");
}

}  // namespace
}  // namespace millrace::config
