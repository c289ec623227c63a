#include "media/rtp/clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "media/rtp/decode_order.h"

namespace millrace::media::rtp {
namespace {

constexpr int64_t kSecond = kNsPerSecond;
constexpr int64_t kMs = kNsPerMs;
constexpr int64_t kWall = 1'700'000'000 * kSecond;  // when the camera began

SenderReport ReportAt(int64_t wall_ns, uint32_t rtp_timestamp) {
  SenderReport report;
  report.ntp = NtpFromUnixNs(wall_ns);
  report.rtp_timestamp = rtp_timestamp;
  return report;
}

// A camera: 25 pictures and 50 packets of sound a second; sound reaches us at once, pictures after
// `video_delay`. Timestamps begin anywhere.
struct Camera {
  Clock clock;
  size_t video = clock.AddTrack(TrackKind::kVideo, 90'000);
  size_t audio = clock.AddTrack(TrackKind::kAudio, 8'000);
  int64_t video_delay = 300 * kMs;
  int64_t video_base = 0xffff0000;  // wraps soon
  int64_t audio_base = 5'000;
  int64_t now = 0;          // since the camera began
  int64_t most_step = 0;    // by which time differed from what passed, from one picture to the next
  int64_t video_ahead = 0;  // how far pictures are now from the sound of the same moment
  int discontinuities = 0;
  int64_t last_ns = 0;
  bool seen = false;

  // `reports(second)` is called once a second.
  template <typename Reports>
  void Run(int seconds, Reports reports) {
    const int64_t end = now + seconds * kSecond;
    for (; now < end; now += 20 * kMs) {
      const int64_t audio_timestamp = audio_base + now / kMs * 8;
      const Clock::Time sound = clock.Map(audio, audio_timestamp, now);
      if (now % (40 * kMs) == 0) {
        const int64_t video_timestamp = video_base + now / kMs * 90;
        const Clock::Time picture = clock.Map(video, video_timestamp, now + video_delay);
        if (seen) {
          most_step = std::max(most_step, std::abs(picture.ns - last_ns - 40 * kMs));
        }
        seen = true;
        last_ns = picture.ns;
        video_ahead = picture.ns - sound.ns;
        discontinuities += picture.discontinuity || sound.discontinuity;
      }
      if (now % kSecond == 0) reports(now / kSecond);
    }
  }
  void Run(int seconds) {
    Run(seconds, [](int64_t) {});
  }
  void VideoReport(int64_t wall_offset = 0) {
    clock.OnSenderReport(video, ReportAt(kWall + now + wall_offset,
                                         static_cast<uint32_t>(video_base + now / kMs * 90)));
  }
  void AudioReport(int64_t wall_offset = 0) {
    clock.OnSenderReport(audio, ReportAt(kWall + now + wall_offset,
                                         static_cast<uint32_t>(audio_base + now / kMs * 8)));
  }
  void BothReport(int64_t wall_offset = 0) {
    VideoReport(wall_offset);
    AudioReport(wall_offset);
  }
};

TEST(Clock, WithoutReportsByArrival) {
  Camera camera;
  camera.Run(20);
  EXPECT_EQ(camera.video_ahead, 300 * kMs);
  EXPECT_EQ(camera.most_step, 0);
  EXPECT_EQ(camera.discontinuities, 0);
}

TEST(Clock, ReportsBringTracksTogetherSlowly) {
  Camera camera;
  camera.Run(2);
  camera.Run(3, [&](int64_t) { camera.BothReport(); });
  EXPECT_GT(camera.video_ahead, 100 * kMs);
  EXPECT_LT(camera.video_ahead, 200 * kMs);
  camera.Run(5, [&](int64_t) { camera.BothReport(); });
  EXPECT_LE(std::abs(camera.video_ahead), kMs);
  EXPECT_LE(camera.most_step, 2 * kMs);  // a twentieth of 40 ms
  EXPECT_EQ(camera.discontinuities, 0);
  EXPECT_GT(camera.clock.counters().reports_used, 0u);
}

TEST(Clock, ReportsBeforeTheFirstUnitPlaceItAtOnce) {
  Camera camera;
  camera.BothReport();
  camera.Run(1);
  EXPECT_LE(std::abs(camera.video_ahead), kMs);
  EXPECT_LE(camera.most_step, kMs);
}

TEST(Clock, ReportsThatCannotBePlaceNothing) {
  Camera camera;
  camera.VideoReport(20 * kSecond);
  camera.AudioReport();
  camera.Run(1);
  EXPECT_EQ(camera.video_ahead, 300 * kMs);
}

TEST(Clock, OneTrackAloneHasNothingToFollow) {
  Camera camera;
  camera.Run(10, [&](int64_t) { camera.VideoReport(); });
  EXPECT_EQ(camera.video_ahead, 300 * kMs);
  EXPECT_EQ(camera.most_step, 0);
}

TEST(Clock, HikvisionSetsItsClock) {
  Camera camera;
  camera.Run(10, [&](int64_t) { camera.BothReport(); });
  camera.most_step = 0;
  const int64_t before = camera.video_ahead;
  // A second forward; the report of sound tells it three seconds after that of pictures. Then back.
  camera.Run(3, [&](int64_t) { camera.VideoReport(kSecond); });
  camera.Run(3, [&](int64_t) { camera.BothReport(kSecond); });
  camera.Run(3, [&](int64_t) { camera.AudioReport(); });
  camera.Run(3, [&](int64_t) { camera.BothReport(); });
  EXPECT_LE(std::abs(camera.video_ahead - before), kMs);
  EXPECT_LE(camera.most_step, kMs);
  EXPECT_EQ(camera.discontinuities, 0);
  EXPECT_EQ(camera.clock.counters().report_jumps, 2u);
}

TEST(Clock, AClockThatIsSetEverySecondIsNotFollowed) {
  Camera camera;
  camera.Run(20, [&](int64_t second) {
    camera.VideoReport(second % 3 * kSecond);
    camera.AudioReport();
  });
  EXPECT_GE(camera.video_ahead, 240 * kMs);  // what the first report was believed, for a second
  EXPECT_LE(camera.most_step, 2 * kMs);
}

TEST(Clock, IntelbrasWallClocksThatDisagree) {
  Camera camera;
  camera.Run(10, [&](int64_t) {
    camera.VideoReport(20 * kSecond);
    camera.AudioReport();
  });
  EXPECT_EQ(camera.video_ahead, 300 * kMs);
  EXPECT_EQ(camera.most_step, 0);
  EXPECT_GT(camera.clock.counters().reports_ignored, 0u);
}

TEST(Clock, ReportsThatCannotBeAreIgnored) {
  Camera camera;
  camera.Run(4, [&](int64_t) {
    camera.clock.OnSenderReport(camera.video, SenderReport{});               // no clock
    camera.clock.OnSenderReport(camera.video, ReportAt(kWall, 0x40000000));  // another timestamp
    camera.AudioReport();
  });
  EXPECT_EQ(camera.video_ahead, 300 * kMs);
  EXPECT_EQ(camera.clock.counters().reports_ignored, 8u);
}

TEST(Clock, DahuaResetsItsTimestamps) {
  for (int64_t jump : {-5 * kSecond, 10 * kSecond}) {
    SCOPED_TRACE(jump);
    Camera camera;
    camera.Run(10, [&](int64_t) { camera.BothReport(); });
    camera.most_step = 0;
    camera.video_base += jump / kMs * 90;
    camera.Run(1);
    EXPECT_EQ(camera.discontinuities, 1);
    EXPECT_LE(camera.most_step, kMs);
    EXPECT_EQ(camera.clock.counters().timestamp_jumps, 1u);
  }
}

TEST(Clock, ARestartGoesOnWithArrival) {
  Clock clock;
  const size_t track = clock.AddTrack(TrackKind::kVideo, 90'000);
  EXPECT_EQ(clock.Map(track, 1000, 5 * kSecond).ns, 0);
  EXPECT_EQ(clock.Map(track, 4600, 5 * kSecond + 40 * kMs).ns, 40 * kMs);
  const Clock::Time time = clock.Map(track, 77, 9 * kSecond, true);
  EXPECT_TRUE(time.discontinuity);
  EXPECT_EQ(time.ns, 4 * kSecond);
  EXPECT_EQ(clock.Map(track, 3677, 9 * kSecond).ns, 4 * kSecond + 40 * kMs);
}

TEST(Clock, AStalledNetworkIsNoJump) {
  Clock clock;
  const size_t track = clock.AddTrack(TrackKind::kVideo, 90'000);
  for (int64_t i = 0; i < 500; ++i) {
    // Nothing arrives for ten seconds, then all at once.
    const int64_t at = i * 40 * kMs;
    const int64_t arrival = i >= 100 && i < 350 ? 350 * 40 * kMs : at;
    const Clock::Time time = clock.Map(track, i * 3600, arrival);
    EXPECT_FALSE(time.discontinuity);
    EXPECT_EQ(time.ns, at);
  }
}

TEST(Clock, PicturesOutOfOrderAreNoJump) {
  Clock clock;
  const size_t track = clock.AddTrack(TrackKind::kVideo, 90'000);
  int64_t arrival = 0;
  for (int64_t timestamp : {0, 10800, 3600, 7200, 21600, 14400, 18000}) {
    const Clock::Time time = clock.Map(track, timestamp, arrival);
    EXPECT_FALSE(time.discontinuity);
    EXPECT_EQ(time.ns, timestamp / 90 * kMs);
    arrival += 40 * kMs;
  }
}

std::vector<int64_t> Decoded(DecodeOrder order, const std::vector<int64_t>& pts) {
  std::vector<int64_t> dts;
  for (int64_t each : pts) dts.push_back(order(each));
  return dts;
}

TEST(DecodeOrder, FollowsFromPresentation) {
  const struct {
    const char* name;
    size_t depth;
    std::vector<int64_t> pts;
    std::vector<int64_t> dts;
  } cases[] = {
      {"in order", 0, {0, 1, 2, 3}, {0, 1, 2, 3}},
      {"two B pictures", 1, {0, 3, 1, 2, 6, 4, 5, 9}, {0, 0, 1, 2, 3, 4, 5, 6}},
      {"a pyramid", 2, {0, 4, 2, 1, 3, 8, 6, 5, 7}, {0, 0, 0, 1, 2, 3, 4, 5, 6}},
      {"more than is needed", 4, {0, 1, 2, 3, 4, 5}, {0, 0, 0, 0, 0, 1}},
      {"found out", 0, {0, 3, 1, 2, 6, 4, 5, 9}, {0, 3, 1, 2, 3, 4, 5, 6}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Decoded(DecodeOrder(c.depth), c.pts), c.dts);
  }
}

TEST(DecodeOrder, ForgetsOnReset) {
  DecodeOrder order(1);
  order(100);
  order(103);
  order.Reset();
  EXPECT_EQ(order(5), 5);
  EXPECT_EQ(order.depth(), 1u);
}

}  // namespace
}  // namespace millrace::media::rtp
