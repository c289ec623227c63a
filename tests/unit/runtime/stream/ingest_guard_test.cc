// What a publisher may send, on a clock that the test moves.

#include "runtime/stream/ingest_guard.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace millrace::stream {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;

// Sends 40 ms frames as fast as the guard lets it; how long `seconds` of media take.
int64_t Publish(IngestGuard& guard, int seconds, size_t bytes = 1000) {
  int64_t now = 7 * kSecond;
  const int64_t begin = now;
  for (int64_t dts = 0; dts < seconds * kSecond; dts += 40 * kMs) {
    EXPECT_FALSE(guard.OnFrame(1, true, bytes, dts, now).has_value());
    now += guard.WaitNs(now);
    EXPECT_EQ(guard.WaitNs(now), 0) << "waited long enough";
  }
  return now - begin;
}

TEST(IngestGuard, MediaComesAtTheLimitBehindTheBurst) {
  IngestGuard guard({.speed_percent = 200, .burst_ns = 10 * kSecond});
  EXPECT_NEAR(static_cast<double>(Publish(guard, 30)), 10.0 * kSecond, 0.1 * kSecond);
}

TEST(IngestGuard, NoLimitIsNone) {
  IngestGuard guard({});
  EXPECT_EQ(Publish(guard, 600), 0);
}

TEST(IngestGuard, RealTimeIsNeverHeldBackAlsoNotBehindABreak) {
  IngestGuard guard({.speed_percent = 110, .burst_ns = kSecond});
  int64_t now = 0;
  for (int i = 0; i < 10'000; ++i) {
    guard.OnFrame(1, true, 1000, i * 40 * kMs, now);
    ASSERT_EQ(guard.WaitNs(now), 0) << i;
    now += 40 * kMs;
  }
  // An hour of silence does not add up to an hour that may come at once.
  now += 3600 * kSecond;
  int64_t dts = 10'000 * 40 * kMs;
  int burst = 0;
  while (guard.WaitNs(now) == 0 && burst < 1000) {
    guard.OnFrame(1, true, 1000, dts += 40 * kMs, now);
    ++burst;
  }
  EXPECT_NEAR(burst, 26, 1);
}

TEST(IngestGuard, TracksAreOneTimeAndJumpsAreNone) {
  MediaClock clock;
  clock.Add(1, 0);
  clock.Add(2, 500 * kMs);
  clock.Add(1, 40 * kMs);
  EXPECT_EQ(clock.elapsed_ns(), 40 * kMs);
  clock.Add(2, 520 * kMs);
  EXPECT_EQ(clock.elapsed_ns(), 40 * kMs);
  clock.Add(1, 3600 * kSecond);
  EXPECT_EQ(clock.elapsed_ns(), 40 * kMs) << "ahead by an hour";
  clock.Add(1, 0);
  EXPECT_EQ(clock.elapsed_ns(), 40 * kMs) << "and back";
  clock.Add(1, 40 * kMs);
  EXPECT_EQ(clock.elapsed_ns(), 80 * kMs);
  clock.Add(3, INT64_MIN);
  clock.Add(3, INT64_MAX);
  clock.Add(3, INT64_MIN);
  EXPECT_EQ(clock.elapsed_ns(), 80 * kMs);
}

TEST(IngestGuard, APauseIsNeverSoLongThatALostPublisherIsMissed) {
  IngestGuard guard({.speed_percent = 200, .burst_ns = kSecond});
  for (int i = 0; i < 10'000; ++i) guard.OnFrame(1, true, 10, i * 2 * kSecond, 0);
  EXPECT_EQ(guard.WaitNs(0), IngestGuard::kMaxWaitNs);
}

// `scale` times what is allowed, in real time; when that was too much, in seconds.
std::optional<int> SecondsUntilTooMuch(double scale, const char* name) {
  const bool rate = std::string(name) == "max_frame_rate";
  IngestGuard guard(rate ? IngestGuard::Options{.max_frame_rate = 30}
                         : IngestGuard::Options{.max_bitrate = 1'000'000});
  const double frames = rate ? 30 * scale : 25;
  const auto bytes = static_cast<size_t>(rate ? 100 : scale * 1'000'000 / 8 / 25);
  for (int i = 0; i < 60 * frames; ++i) {
    const auto now = static_cast<int64_t>(i * kSecond / frames);
    if (const auto excess = guard.OnFrame(1, true, bytes, now, now)) {
      EXPECT_STREQ(excess->name, name);
      EXPECT_FALSE(excess->text.empty());
      return static_cast<int>(now / kSecond);
    }
  }
  return std::nullopt;
}

TEST(IngestGuard, WhatIsTooMuchForSomeSecondsIsRefusedByName) {
  for (const char* name : {"max_bitrate", "max_frame_rate"}) {
    EXPECT_EQ(SecondsUntilTooMuch(0.99, name), std::nullopt) << name;
    EXPECT_NEAR(SecondsUntilTooMuch(2, name).value_or(-1), 3, 1) << name;
    EXPECT_LE(SecondsUntilTooMuch(20, name).value_or(99), 1) << name;
  }
}

TEST(IngestGuard, TheTextSaysHowMuchItIs) {
  IngestGuard guard({.max_bitrate = 1'000'000});
  std::optional<IngestGuard::Excess> excess;
  for (int i = 0; !excess; ++i) excess = guard.OnFrame(1, true, 10'000, i * 40 * kMs, i * 40 * kMs);
  EXPECT_NE(excess->text.find("2.0"), std::string::npos) << excess->text;
  EXPECT_NE(excess->text.find("1.00"), std::string::npos) << excess->text;
}

TEST(IngestGuard, AFileThatComesFasterThanItPlaysHasTheBitrateOfItsMedia) {
  IngestGuard guard({.speed_percent = 400, .burst_ns = 10 * kSecond, .max_bitrate = 1'000'000});
  EXPECT_GT(Publish(guard, 60, 4'500), 0) << "900 kbit/s of media in a quarter of its time";
}

TEST(IngestGuard, FrozenTimestampsHideNothing) {
  IngestGuard guard({.max_bitrate = 1'000'000});
  std::optional<IngestGuard::Excess> excess;
  int i = 0;
  for (; !excess && i < 10'000; ++i) excess = guard.OnFrame(1, true, 10'000, 0, i * 40 * kMs);
  EXPECT_TRUE(excess.has_value());
}

TEST(IngestGuard, AudioIsNotCountedAsPictures) {
  IngestGuard guard({.max_frame_rate = 30});
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_FALSE(guard.OnFrame(2, false, 100, i * 21 * kMs, i * 21 * kMs).has_value());
  }
}

}  // namespace
}  // namespace millrace::stream
