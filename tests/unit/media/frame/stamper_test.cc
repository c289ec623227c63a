#include "media/frame/stamper.h"

#include <gtest/gtest.h>

#include "media/base/ticks.h"

namespace millrace::media {
namespace {

constexpr uint8_t kVideo = 1;
constexpr uint8_t kAudio = 2;

TrackSet Tracks(bool video, bool audio) {
  TrackSet set;
  set.version = 1;
  if (audio) set.tracks.push_back({.id = kAudio, .kind = TrackKind::kAudio, .codec = Codec::kAac});
  if (video) set.tracks.push_back({.id = kVideo, .kind = TrackKind::kVideo, .codec = Codec::kH264});
  return set;
}

class StamperTest : public testing::Test {
 protected:
  StamperTest()
      : StamperTest(
            Stamper::Options{.next_gop = 7, .next_segment = 100, .discontinuity_sequence = 3}) {}
  explicit StamperTest(Stamper::Options options) : stamper_(options) {}

  Stamper::Stamp Apply(uint8_t track, double seconds, uint16_t flags = 0) {
    frame_ = Frame{};
    frame_.track = track;
    frame_.flags = flags;
    frame_.dts_ns = static_cast<int64_t>(seconds * kNsPerSecond);
    return stamper_.Apply(frame_);
  }
  Stamper::Stamp Key(double seconds, uint16_t flags = 0) {
    return Apply(kVideo, seconds, flags | kClosedRandomAccess);
  }
  Stamper::Stamp Sound(double seconds, uint16_t flags = 0) {
    return Apply(kAudio, seconds, flags | kClosedRandomAccess);
  }

  Stamper stamper_;
  Frame frame_;
};

TEST_F(StamperTest, SequenceCountsAllTracksFromOne) {
  stamper_.SetTracks(Tracks(true, true));
  Key(0);
  EXPECT_EQ(frame_.sequence, 1u);
  Sound(0);
  EXPECT_EQ(frame_.sequence, 2u);
  Apply(kVideo, 0.04);
  EXPECT_EQ(frame_.sequence, 3u);
}

TEST_F(StamperTest, GopsBeginAtKeyFramesOfVideo) {
  stamper_.SetTracks(Tracks(true, true));
  Stamper::Stamp stamp = Key(0);
  EXPECT_TRUE(stamp.leading);
  EXPECT_TRUE(stamp.reader_start);
  EXPECT_EQ(frame_.gop, 7u);
  stamp = Sound(0);
  EXPECT_FALSE(stamp.leading);
  EXPECT_FALSE(stamp.reader_start) << "audio is random access, but not where a reader starts";
  EXPECT_EQ(frame_.gop, 7u);
  stamp = Apply(kVideo, 0.04);
  EXPECT_TRUE(stamp.leading);
  EXPECT_FALSE(stamp.reader_start);
  stamp = Apply(kVideo, 2, kOpenRandomAccess);
  EXPECT_TRUE(stamp.reader_start);
  EXPECT_EQ(frame_.gop, 8u);
}

TEST_F(StamperTest, SegmentsRiseAtTheFirstKeyFrameBehindTheTarget) {
  stamper_.SetTracks(Tracks(true, false));
  const std::pair<double, uint32_t> cases[] = {
      {0, 100}, {2, 100}, {4, 101}, {7, 101}, {9, 102}, {12.999, 103}, {16.998, 104}, {20.5, 104},
  };
  for (const auto& [seconds, segment] : cases) {
    Key(seconds);
    EXPECT_EQ(frame_.segment, segment) << seconds;
  }
  Apply(kVideo, 30);
  EXPECT_EQ(frame_.segment, 104u) << "not at a plain frame";
}

TEST_F(StamperTest, BeforeTheFirstKeyFrame) {
  stamper_.SetTracks(Tracks(true, true));
  EXPECT_FALSE(Sound(0).reader_start);
  EXPECT_EQ(frame_.gop, 6u);
  EXPECT_EQ(frame_.segment, 100u);
  EXPECT_EQ(frame_.sequence, 1u);
  EXPECT_TRUE(Key(5).reader_start);
  EXPECT_EQ(frame_.gop, 7u);
  EXPECT_EQ(frame_.segment, 100u) << "the first key frame opens the first segment";
}

TEST_F(StamperTest, AudioAloneMakesAGopASecond) {
  stamper_.SetTracks(Tracks(false, true));
  int starts = 0;
  for (int i = 0; i < 470; ++i) {  // ten seconds of 1024 samples at 48 kHz
    if (Sound(i * 1024.0 / 48000).reader_start) {
      ++starts;
      EXPECT_EQ(frame_.gop, 6u + static_cast<uint32_t>(starts));
    }
  }
  EXPECT_EQ(starts, 10);
  EXPECT_EQ(frame_.segment, 102u);
}

TEST_F(StamperTest, DiscontinuityBeginsASegmentAtTheNextGop) {
  stamper_.SetTracks(Tracks(true, true));
  Key(0, kDiscontinuity);
  EXPECT_EQ(frame_.discontinuity_sequence, 3u) << "the first frame's was counted by the caller";
  Sound(1, kDiscontinuity);
  EXPECT_EQ(frame_.discontinuity_sequence, 3u);
  EXPECT_EQ(frame_.segment, 100u);
  Key(1.5);
  EXPECT_EQ(frame_.discontinuity_sequence, 4u);
  EXPECT_EQ(frame_.segment, 101u) << "before its target";
  Key(3);
  EXPECT_EQ(frame_.discontinuity_sequence, 4u);
  EXPECT_EQ(frame_.segment, 101u);
  Key(4, kDiscontinuity);
  EXPECT_EQ(frame_.discontinuity_sequence, 5u) << "on the key frame itself: at once";
  EXPECT_EQ(frame_.segment, 102u);
}

TEST_F(StamperTest, NewResolutionIsADiscontinuity) {
  stamper_.SetTracks(Tracks(true, true));
  Key(0);
  TrackSet larger = Tracks(true, true);
  larger.tracks[0].width = 1920;
  stamper_.SetTracks(larger);
  Apply(kVideo, 0.5);
  EXPECT_EQ(frame_.discontinuity_sequence, 3u);
  Key(1);
  EXPECT_EQ(frame_.discontinuity_sequence, 4u);
  EXPECT_EQ(frame_.segment, 101u);
}

TEST_F(StamperTest, ADataTrackMoreIsNoDiscontinuity) {
  stamper_.SetTracks(Tracks(true, true));
  Key(0);
  TrackSet more = Tracks(true, true);
  more.tracks.push_back({.id = 3, .kind = TrackKind::kData, .codec = Codec::kMetadata});
  stamper_.SetTracks(more);
  Key(1);
  EXPECT_EQ(frame_.discontinuity_sequence, 3u);
  EXPECT_EQ(frame_.segment, 100u);
}

TEST_F(StamperTest, TracksSetTwiceBeforeTheFirstFrameAreNone) {
  stamper_.SetTracks(Tracks(false, true));
  stamper_.SetTracks(Tracks(true, true));
  Key(0);
  EXPECT_EQ(frame_.discontinuity_sequence, 3u);
}

TEST_F(StamperTest, VideoThatComesLateTakesTheLead) {
  stamper_.SetTracks(Tracks(false, true));
  EXPECT_TRUE(Sound(0).reader_start);
  stamper_.SetTracks(Tracks(true, true));
  EXPECT_FALSE(Sound(2).reader_start);
  EXPECT_TRUE(Key(3).reader_start);
  EXPECT_EQ(frame_.gop, 8u);
  EXPECT_FALSE(Sound(5).reader_start);
}

TEST(Stamper, GopZeroIsTakenForOne) {
  Stamper stamper({.next_gop = 0});
  stamper.SetTracks(Tracks(true, false));
  Frame frame;
  frame.track = kVideo;
  frame.flags = kClosedRandomAccess;
  stamper.Apply(frame);
  EXPECT_EQ(frame.gop, 1u);
}

}  // namespace
}  // namespace millrace::media
