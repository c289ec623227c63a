#include "media/frame/timestamp_repair.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/media/frame/repair_bench.h"

namespace millrace::media {
namespace {

using Kind = TimestampRepair::Kind;

TEST(TimestampRepair, FirstFrameIsTheBase) {
  RepairBench bench;
  bench.repair.StartAt(7000 * kNsPerMs);
  EXPECT_EQ(bench.Video(123456).dts_ns, 7000 * kNsPerMs);
  EXPECT_EQ(DtsMs(bench.Video(123496)), 7040);
  EXPECT_EQ(bench.repairs(), 0u);
}

TEST(TimestampRepair, BaseIsRoundedUpToMilliseconds) {
  RepairBench bench;
  bench.repair.StartAt(7000 * kNsPerMs + 1);
  EXPECT_EQ(bench.Video(5).dts_ns, 7001 * kNsPerMs);
}

TEST(TimestampRepair, OneOffsetForAllTracks) {
  RepairBench bench;
  bench.repair.StartAt(0);
  bench.repair.Anchor(958 * kNsPerMs);
  EXPECT_EQ(DtsMs(bench.Video(1000, 80)), 42);
  EXPECT_EQ(DtsMs(bench.Audio(958)), 0);
  EXPECT_EQ(PtsMs(bench.Video(1040, 40)), 122);
  EXPECT_EQ(DtsMs(bench.Audio(979)), 21);
  EXPECT_EQ(bench.repairs(), 0u);
}

TEST(TimestampRepair, WhatLiesBeforeTheBaseIsMovedToIt) {
  RepairBench bench;
  bench.repair.StartAt(10'000 * kNsPerMs);
  bench.Video(1000);
  int64_t last = DtsMs(bench.Audio(400));
  EXPECT_EQ(last, 10'000);
  for (int64_t ms = 421; ms < 1100; ms += 21) {
    const auto out = bench.Audio(ms);
    EXPECT_GE(out.dts_ns, last);
    EXPECT_FALSE(out.discontinuity);
    last = out.dts_ns;
  }
  EXPECT_EQ(DtsMs(bench.Audio(1110)), 10'110) << "the relation of the tracks was kept";
}

TEST(TimestampRepair, BurstsStallsAndSlowSourcesAreNoJumps) {
  RepairBench bench;
  int64_t dts = 0;
  for (int i = 0; i < 500; ++i) bench.Video(dts += 40);  // a file pushed at once
  bench.now_ms += 60'000;                                // the network stood still
  for (int i = 0; i < 100; ++i) bench.Video(dts += 40);
  bench.now_ms += 20'000;  // the encoder paused, and says so
  EXPECT_FALSE(bench.Video(dts += 20'000).discontinuity);
  for (int i = 0; i < 10; ++i) {  // a slide show in real time
    bench.now_ms += 5000;
    bench.Video(dts += 5000);
  }
  for (int i = 0; i < 10; ++i) bench.Video(dts += 5000);  // and at once
  EXPECT_EQ(bench.repairs(), 0u);
}

TEST(TimestampRepair, ObsDropsVideoUnderCongestionWhileAudioGoesOn) {
  RepairBench bench;
  bench.Video(0);
  for (int i = 0; i < 400; ++i) {  // at once, when the connection recovers
    bench.Audio(i * 64 / 3);
  }
  EXPECT_FALSE(bench.Video(8520).discontinuity);
  EXPECT_EQ(bench.repairs(), 0u);
}

TEST(TimestampRepair, ClockReset) {
  RepairBench bench;
  bench.Video(100'000);
  bench.Audio(100'000);
  bench.now_ms += 40;
  bench.Video(100'040);
  bench.Audio(100'021);
  bench.now_ms += 40;
  const auto video = bench.Video(0);
  EXPECT_TRUE(video.discontinuity);
  EXPECT_TRUE(video.Has(Kind::kJumpBackward));
  EXPECT_EQ(DtsMs(video), 80) << "where the timeline stood";
  const auto audio = bench.Audio(5);
  EXPECT_FALSE(audio.discontinuity) << "counted once";
  EXPECT_EQ(DtsMs(audio), 85) << "the same new offset";
  EXPECT_EQ(DtsMs(bench.Video(40)), 120);
  EXPECT_EQ(bench.count(Kind::kJumpBackward), 1u);
  EXPECT_EQ(bench.repairs(), 1u);
}

TEST(TimestampRepair, AResetIsShownBehindThePicturesThatWereReordered) {
  RepairBench bench;
  bench.Video(100'000, 80);
  bench.Video(100'040, 160);  // until 240
  bench.Audio(100'064);
  EXPECT_EQ(DtsMs(bench.Video(0, 80)), 240);
  EXPECT_EQ(PtsMs(bench.Video(40)), 280);
}

TEST(TimestampRepair, FramesUnderWayAtAResetStayOnTheOldClock) {
  RepairBench bench;
  for (int i = 0; i < 10; ++i) bench.Video(100'000 + 40 * i);
  for (int i = 0; i < 19; ++i) bench.Audio(100'000 + i * 64 / 3);
  EXPECT_EQ(DtsMs(bench.Video(0)), 406) << "behind the last audio frame too";
  EXPECT_EQ(DtsMs(bench.Audio(100'000 + 19 * 64 / 3)), 405);
  EXPECT_EQ(DtsMs(bench.Audio(24)), 430);
  EXPECT_EQ(DtsMs(bench.Video(40)), 446);
  EXPECT_EQ(bench.count(Kind::kJumpBackward), 1u);
}

TEST(TimestampRepair, JumpForward) {
  RepairBench bench;
  for (int i = 0; i < 25; ++i) {
    bench.Video(40 * i);
    bench.Audio(40 * i);
    bench.now_ms += 40;
  }
  const auto video = bench.Video(86'400'000);
  EXPECT_TRUE(video.Has(Kind::kJumpForward));
  EXPECT_EQ(DtsMs(video), 1000);
  EXPECT_EQ(DtsMs(bench.Audio(86'400'000)), 1000);
  EXPECT_EQ(bench.count(Kind::kJumpForward), 1u);
}

TEST(TimestampRepair, EncoderRestartTakesTheTimeItTook) {
  RepairBench bench;
  bench.Video(50'000);
  bench.Video(50'040);
  bench.now_ms += 9000;
  EXPECT_EQ(DtsMs(bench.Video(0)), 9040);
}

TEST(TimestampRepair, DahuaSetsItsClockBackASecond) {
  RepairBench bench;
  for (int i = 0; i < 25; ++i) bench.Video(10'000 + 40 * i);
  const auto video = bench.Video(10'000);
  EXPECT_TRUE(video.Has(Kind::kJumpBackward));
  EXPECT_EQ(DtsMs(video), 1000);
}

TEST(TimestampRepair, DjiSendsTimestampsOutOfOrder) {
  RepairBench bench;
  EXPECT_EQ(DtsMs(bench.Video(0)), 0);
  EXPECT_EQ(DtsMs(bench.Video(40)), 40);
  EXPECT_EQ(DtsMs(bench.Video(40)), 41);
  EXPECT_EQ(DtsMs(bench.Video(20, 5)), 42);
  EXPECT_EQ(DtsMs(bench.Video(120)), 120) << "no offset remains";
  EXPECT_EQ(bench.count(Kind::kNonMonotonic), 2u);
  EXPECT_EQ(bench.repairs(), 2u);
}

TEST(TimestampRepair, ManySmallStepsBackAddUp) {
  RepairBench bench;
  int64_t last = -1;
  for (int i = 0; i < 20; ++i) {
    const auto out = bench.Video(10'000 - 100 * i);
    EXPECT_GT(out.dts_ns, last);
    last = out.dts_ns;
  }
  EXPECT_GE(bench.count(Kind::kJumpBackward), 2u);
}

TEST(TimestampRepair, PtsBeforeDtsAndAbsurdPts) {
  RepairBench bench;
  auto out = bench.Video(1000, -5);
  EXPECT_EQ(out.pts_ns, out.dts_ns);
  EXPECT_TRUE(out.Has(Kind::kBadPts));
  out = bench.Video(1040, 8'000'000);
  EXPECT_EQ(out.pts_ns, out.dts_ns);
  out = bench.Video(1080, 80);
  EXPECT_EQ(PtsMs(out), 160);
  EXPECT_EQ(bench.count(Kind::kBadPts), 2u);
}

TEST(TimestampRepair, TrackOnAClockOfItsOwn) {
  RepairBench bench;
  for (int i = 0; i < 50; ++i) bench.Video(40 * i);
  const auto audio = bench.Audio(3'000'000'000);
  EXPECT_TRUE(audio.Has(Kind::kTrackOffset));
  EXPECT_EQ(DtsMs(audio), 2000);
  EXPECT_EQ(DtsMs(bench.Video(2000)), 2000);
  EXPECT_EQ(DtsMs(bench.Audio(3'000'000'021)), 2021);
  EXPECT_EQ(bench.repairs(), 1u);
}

TEST(TimestampRepair, OpenIpcVideoThreeSecondsLate) {
  RepairBench bench;
  for (int i = 0; i < 140; ++i) bench.Audio(i * 64 / 3);
  const auto video = bench.Video(0);
  EXPECT_EQ(DtsMs(video), 0) << "within what is taken for lateness";
  EXPECT_EQ(bench.repairs(), 0u);
}

TEST(TimestampRepair, TrackThatFellFarBehindIsBroughtForward) {
  RepairBench bench;
  bench.Video(0);
  for (int i = 0; i < 600; ++i) bench.Audio(i * 64 / 3);  // 12.8 s
  const auto video = bench.Video(40);
  EXPECT_TRUE(video.Has(Kind::kTrackDrift));
  EXPECT_TRUE(video.discontinuity);
  EXPECT_NEAR(static_cast<double>(DtsMs(video)), 12'780, 2);
}

TEST(TimestampRepair, Durations) {
  RepairBench bench;
  EXPECT_EQ(bench.Video(0).duration_ns, 40 * kNsPerMs) << "by the frame rate";
  EXPECT_EQ(bench.Audio(0).duration_ns, 21'333'333) << "by the samples";
  RepairBench half;
  half.Video(0);
  half.Video(20);
  EXPECT_EQ(half.Video(40).duration_ns, 20 * kNsPerMs) << "the parameter sets say half the rate";
  half.Video(3000);
  EXPECT_EQ(half.Video(3020).duration_ns, 20 * kNsPerMs) << "one gap is no frame rate";
  TimestampRepair bare;
  EXPECT_EQ(bare.Repair({.track = 1, .dts_ns = 0}).duration_ns, 40 * kNsPerMs);
  EXPECT_EQ(bare.Repair({.track = 1, .dts_ns = 33 * kNsPerMs, .pts_ns = 33 * kNsPerMs}).duration_ns,
            33 * kNsPerMs);
  EXPECT_EQ(bare.Repair({.track = 2, .kind = TrackKind::kAudio}).duration_ns, 20 * kNsPerMs);
}

TEST(TimestampRepair, AbsurdInputDoesNotOverflow) {
  TimestampRepair repair;
  repair.StartAt(INT64_MAX / 4);
  int64_t last = INT64_MIN;
  int64_t arrival = 0;
  for (int64_t dts : {INT64_MAX, INT64_MIN, int64_t{0}, INT64_MIN, INT64_MAX, INT64_MAX}) {
    const auto out =
        repair.Repair({.track = 1, .dts_ns = dts, .pts_ns = -(dts / 2), .arrival_ns = arrival});
    EXPECT_GT(out.dts_ns, last);
    EXPECT_GE(out.pts_ns, out.dts_ns);
    last = out.dts_ns;
    arrival += kNsPerSecond;
  }
}

TEST(TimestampRepair, EveryKindHasAName) {
  std::set<std::string> names;
  for (size_t i = 0; i < TimestampRepair::kKinds; ++i) {
    names.insert(TimestampRepair::KindName(static_cast<Kind>(i)));
  }
  EXPECT_EQ(names.size(), TimestampRepair::kKinds);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace millrace::media
