#include "media/base/ticks.h"

#include <gtest/gtest.h>

namespace millrace::media {
namespace {

TEST(Ticks, NearestMillisecondHalvesUp) {
  const std::pair<int64_t, int64_t> cases[] = {
      {0, 0},        {499'999, 0},   {500'000, 1},     {1'499'999, 1},   {1'500'000, 2},
      {-500'000, 0}, {-500'001, -1}, {-1'000'000, -1}, {-1'500'000, -1}, {-1'500'001, -2},
  };
  for (const auto& [ns, ms] : cases) EXPECT_EQ(MsFromNs(ns), ms) << ns;
}

TEST(Ticks, SamplesAreExact) {
  EXPECT_EQ(NsFromSamples(44100, 44100), kNsPerSecond);
  EXPECT_EQ(NsFromSamples(1024, 48000), 21'333'333);
  const int64_t century = int64_t{100} * 366 * 86400;
  EXPECT_EQ(NsFromSamples(century * 44100, 44100), century * kNsPerSecond);
}

TEST(Unwrap32, GoesOnAcrossTheWrap) {
  Unwrap32 unwrap;
  EXPECT_EQ(unwrap(0xfffffff0), 0xfffffff0);
  EXPECT_EQ(unwrap(0x00000010), 0x100000010);
  EXPECT_EQ(unwrap(0xfffffff8), 0xfffffff8);  // a step back across it
  EXPECT_EQ(unwrap(0x00000020), 0x100000020);
}

TEST(Unwrap32, StepsBackBelowTheFirst) {
  Unwrap32 unwrap;
  EXPECT_EQ(unwrap(5), 5);
  EXPECT_EQ(unwrap(0xfffffffe), -2);
}

}  // namespace
}  // namespace millrace::media
