#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <random>

#include "tests/unit/media/frame/repair_bench.h"

namespace millrace::media {
namespace {

using Kind = TimestampRepair::Kind;

// How an encoder gets from samples to milliseconds.
struct Rounding {
  const char* name;
  std::function<int64_t(int64_t samples, int64_t rate)> to_ms;
};

const Rounding kRoundings[] = {
    {"nearest (ffmpeg)", [](int64_t s, int64_t rate) { return (s * 2000 + rate) / (2 * rate); }},
    {"down", [](int64_t s, int64_t rate) { return s * 1000 / rate; }},
    {"up", [](int64_t s, int64_t rate) { return (s * 1000 + rate - 1) / rate; }},
    {"twice: 90 kHz, then milliseconds",
     [](int64_t s, int64_t rate) { return ((s * 90000 + rate / 2) / rate + 45) / 90; }},
};

// The requirement behind it: what ffmpeg publishes with `-c copy` comes back with the same
// milliseconds.
TEST(TimestampRepairAudio, AnHourOfAacKeepsItsMilliseconds) {
  for (const Rounding& rounding : kRoundings) {
    for (uint32_t rate : {44100u, 48000u, 32000u, 22050u, 16000u, 8000u}) {
      SCOPED_TRACE(std::string(rounding.name) + " at " + std::to_string(rate));
      RepairBench bench;
      bench.sample_rate = rate;
      bench.repair.StartAt(1234 * kNsPerMs);
      const int64_t first_sample = 1111;  // the source began anywhere
      const int64_t offset = 1234 - rounding.to_ms(first_sample, rate);
      int64_t off_grid = 0;
      int64_t last_ns = 0;
      const int64_t frames = int64_t{3600} * rate / 1024;
      for (int64_t i = 0; i < frames; ++i) {
        const int64_t ms = rounding.to_ms(first_sample + i * 1024, rate);
        bench.now_ms += 21;
        const auto out = bench.Audio(ms);
        ASSERT_EQ(DtsMs(out), ms + offset) << "frame " << i;
        ASSERT_EQ(out.pts_ns, out.dts_ns);
        const int64_t step = out.dts_ns - last_ns;
        if (i > 0 && std::abs(step - NsFromSamples(1024, rate)) > 1) ++off_grid;
        last_ns = out.dts_ns;
      }
      EXPECT_EQ(bench.repairs(), 0u);
      EXPECT_LE(off_grid, 200) << "of " << frames << ": only while it finds the grid";
    }
  }
}

TEST(TimestampRepairAudio, VideoAndAudioShareTheConstant) {
  RepairBench bench;
  bench.sample_rate = 44100;
  bench.repair.StartAt(0);
  bench.repair.Anchor(0);
  int64_t audio = 0;
  for (int64_t i = 0; i < 30 * 600; ++i) {
    const int64_t video_ms = (i * 1001 * 2 + 30) / 60;  // 29.97 a second, nearest
    const auto video = bench.Video(video_ms, i % 3 * 33);
    ASSERT_EQ(DtsMs(video), video_ms);
    ASSERT_EQ(PtsMs(video), video_ms + i % 3 * 33);
    for (; kRoundings[0].to_ms(audio * 1024 + 1500, 44100) <= video_ms; ++audio) {
      const int64_t ms = kRoundings[0].to_ms(audio * 1024 + 1500, 44100);
      ASSERT_EQ(DtsMs(bench.Audio(ms)), ms);
    }
  }
  EXPECT_EQ(bench.repairs(), 0u);
}

TEST(TimestampRepairAudio, ASplicedSourceIsFollowedAtOnce) {
  RepairBench bench;
  int64_t shift = 0;
  for (int64_t i = 0; i < 3000; ++i) {
    if (i == 1000) shift += 12;  // less than a frame
    if (i == 2000) shift += 300;
    const int64_t ms = i * 64 / 3 + shift;
    ASSERT_EQ(DtsMs(bench.Audio(ms)), ms) << i;
  }
  EXPECT_EQ(bench.repairs(), 0u);
}

TEST(TimestampRepairAudio, ACrystalThatIsOffIsFollowed) {
  RepairBench bench;
  for (int64_t i = 0; i < 200'000; ++i) {
    const int64_t ms = i * 64 * 10'002 / 30'000;  // 200 ppm slow
    ASSERT_EQ(DtsMs(bench.Audio(ms)), ms) << i;
  }
  EXPECT_EQ(bench.repairs(), 0u);
}

TEST(TimestampRepairAudio, JitterOfCaptureTimesIsSmoothed) {
  RepairBench bench;
  std::mt19937 random(7);
  std::uniform_int_distribution<int64_t> jitter(-8, 8);
  int64_t last_ns = 0;
  int64_t worst_ns = 0;
  for (int64_t i = 0; i < 5000; ++i) {
    const int64_t true_ms = 1000 + i * 64 / 3;
    const auto out = bench.Audio(true_ms + jitter(random));
    ASSERT_GE(out.dts_ns, last_ns);
    if (i > 200) {
      worst_ns = std::max(worst_ns, std::abs(out.dts_ns - last_ns - 21'333'333));
      EXPECT_LE(std::abs(DtsMs(out) - i * 64 / 3), 16) << "no drift";
    }
    last_ns = out.dts_ns;
  }
  EXPECT_LT(worst_ns, 2 * kNsPerMs) << "sixteen milliseconds came in";
  EXPECT_GT(bench.count(Kind::kAudioSmoothed), 4000u);
}

TEST(TimestampRepairAudio, TwoFramesWithOneTimestamp) {
  RepairBench bench;
  int64_t last_ns = -1;
  for (int64_t i = 0; i < 1000; ++i) {
    const auto out = bench.Audio(i / 2 * 128 / 3);
    ASSERT_GE(out.dts_ns, last_ns);
    if (i > 100) EXPECT_NEAR(static_cast<double>(out.dts_ns - last_ns), 21.3e6, 2.1e6);
    last_ns = out.dts_ns;
  }
}

TEST(TimestampRepairAudio, FinerTimestampsAreLeftAlone) {
  TimestampRepair repair;
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t dts = NsFromSamples(i * 1024 + 5, 48000) - NsFromSamples(5, 48000);
    const auto out = repair.Repair({.track = 2,
                                    .kind = TrackKind::kAudio,
                                    .sample_rate = 48000,
                                    .samples_per_frame = 1024,
                                    .dts_ns = dts,
                                    .pts_ns = dts,
                                    .arrival_ns = i * 21 * kNsPerMs});
    ASSERT_NEAR(static_cast<double>(out.dts_ns), static_cast<double>(dts), 2);
  }
}

}  // namespace
}  // namespace millrace::media
