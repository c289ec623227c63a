#include "runtime/stream/ingest_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::stream {
namespace {

using testing::ElementsAre;

constexpr int64_t kMs = 1'000'000;

media::Track Video(uint32_t width = 640) {
  media::Track track;
  track.id = 1;
  track.kind = media::TrackKind::kVideo;
  track.codec = media::Codec::kH264;
  track.config = {1, 2, 3};
  track.width = width;
  track.frame_rate_num = 25;
  track.frame_rate_den = 1;
  return track;
}
media::Track Audio() {
  media::Track track;
  track.id = 2;
  track.kind = media::TrackKind::kAudio;
  track.codec = media::Codec::kAac;
  track.sample_rate = 48'000;
  track.samples_per_frame = 1'024;
  return track;
}

class IngestCoreTest : public testing::Test {
 protected:
  void Make(IngestCore::Options options = {}) {
    core_ = std::make_unique<IngestCore>(
        options, IngestCore::Output{
                     .tracks =
                         [this](const media::TrackSet& tracks) {
                           log_.push_back("tracks v" + std::to_string(tracks.version) + ":" +
                                          std::to_string(tracks.tracks.size()));
                         },
                     .batch =
                         [this](std::vector<media::Frame> frames) {
                           std::string line;
                           for (const media::Frame& frame : frames) {
                             EXPECT_EQ(frame.sequence, ++sequence_);
                             if (!line.empty()) line += " ";
                             line += frame.track == 1 ? "v" : "a";
                             line += std::to_string(frame.dts_ns / kMs);
                             frames_.push_back(frame);
                           }
                           log_.push_back(line);
                         },
                     .dropped = [this](IngestDrop drop) { log_.push_back(IngestDropName(drop)); },
                     .repaired = [](media::TimestampRepair::Kind) {}});
  }
  IngestTime At(int64_t ms) { return {ms * kMs, 1'000'000'000'000'000'000 + ms * kMs}; }
  void Key(int64_t dts) { Push(1, dts, media::kClosedRandomAccess); }
  void Inter(int64_t dts) { Push(1, dts, 0); }
  void Sound(int64_t dts) { Push(2, dts, media::kClosedRandomAccess); }
  void Push(uint8_t track, int64_t dts, uint16_t flags) {
    core_->Push({track, flags, dts * kMs, dts * kMs, media::Payload::Copy(media::AsBytes("x"))},
                At(now_));
  }

  std::unique_ptr<IngestCore> core_;
  std::vector<std::string> log_;
  std::vector<media::Frame> frames_;
  uint64_t sequence_ = 0;
  int64_t now_ = 0;
};

TEST_F(IngestCoreTest, HoldsMediaUntilGrantedAndBothTracksAreKnown) {
  Make();
  core_->SetTrack(Video(), At(0));
  Key(5000);
  EXPECT_THAT(log_, ElementsAre());
  core_->Granted({7, std::nullopt}, At(1));
  EXPECT_THAT(log_, ElementsAre());
  core_->SetTrack(Audio(), At(2));
  EXPECT_THAT(log_, ElementsAre("tracks v1:2", "v0"));
}

TEST_F(IngestCoreTest, OneTrackIsWaitedForTwoAndAHalfSecondsAndNoLonger) {
  Make();
  core_->Granted({7, std::nullopt}, At(0));
  core_->SetTrack(Video(), At(0));
  now_ = 100;
  Key(0);
  ASSERT_EQ(core_->NextDeadline(), 2600 * kMs);
  core_->OnTimer(At(2599));
  EXPECT_THAT(log_, ElementsAre());
  core_->OnTimer(At(2600));
  EXPECT_THAT(log_, ElementsAre("tracks v1:1", "v0"));
}

TEST_F(IngestCoreTest, ATrackThatComesLaterIsAChangeOfFormatInOrder) {
  Make({.track_wait_ns = 0});
  core_->Granted({7, std::nullopt}, At(0));
  core_->SetTrack(Video(), At(0));
  Key(0);
  core_->SetTrack(Audio(), At(1));
  core_->SetTrack(Audio(), At(1));
  Inter(40);
  core_->SetTrack(Video(1280), At(2));
  Key(80);
  EXPECT_THAT(log_, ElementsAre("tracks v1:1", "v0", "tracks v2:2", "v40", "tracks v3:2", "v80"));
}

TEST_F(IngestCoreTest, AudioBeforeTheFirstKeyFrameGoesBehindItAndKeepsItsTime) {
  Make();
  core_->Granted({7, std::nullopt}, At(0));
  core_->SetTrack(Audio(), At(0));
  core_->SetTrack(Video(), At(0));
  Sound(1000);
  Sound(1021);
  Inter(1010);
  Key(1030);
  EXPECT_THAT(log_, ElementsAre("tracks v1:2", "no_random_access", "v30 a0 a21"));
  EXPECT_TRUE(frames_[0].random_access());
}

TEST_F(IngestCoreTest, AReturningPublisherContinuesTheTimelineAndSaysSo) {
  Make();
  bus::Timeline previous{.epoch = 6,
                         .last_sequence = 99,
                         .dts_end_ns = 60'000 * kMs,
                         .next_segment = 17,
                         .discontinuity_sequence = 2,
                         .next_gop = 30};
  core_->Granted({7, previous}, At(0));
  core_->SetTrack(Audio(), At(0));
  core_->SetTrack(Video(), At(0));
  Key(123'456);
  Inter(123'496);
  EXPECT_THAT(log_, ElementsAre("tracks v1:2", "v60000", "v60040"));
  EXPECT_TRUE(frames_[0].flags & media::kDiscontinuity);
  EXPECT_FALSE(frames_[1].flags & media::kDiscontinuity);
  EXPECT_EQ(frames_[0].discontinuity_sequence, 3u);
  EXPECT_EQ(frames_[0].gop, 30u);
  EXPECT_EQ(frames_[0].segment, 17u);
}

TEST_F(IngestCoreTest, AReturningPublisherIsShownBehindThePicturesThatWereReordered) {
  Make();
  core_->Granted({7, bus::Timeline{.dts_end_ns = 60'000 * kMs, .pts_end_ns = 60'160 * kMs}}, At(0));
  core_->SetTrack(Audio(), At(0));
  core_->SetTrack(Video(), At(0));
  Key(5);
  EXPECT_THAT(log_, ElementsAre("tracks v1:2", "v60160"));
}

TEST_F(IngestCoreTest, AStreamThatNobodyRemembersStartsItsSegmentsAtTheUnixSecond) {
  Make();
  core_->Granted({7, std::nullopt}, At(0));
  core_->SetTrack(Audio(), At(0));
  core_->SetTrack(Video(), At(0));
  Key(0);
  EXPECT_EQ(frames_[0].segment, 1'000'000'000u);
}

TEST_F(IngestCoreTest, MediaWithoutATrackIsDroppedAndNamed) {
  Make({.track_wait_ns = 0});
  core_->Granted({7, std::nullopt}, At(0));
  core_->SetTrack(Video(), At(0));
  Key(0);
  Sound(10);
  EXPECT_THAT(log_, ElementsAre("tracks v1:1", "v0", "unknown_track"));
}

TEST_F(IngestCoreTest, WhatIsHeldIsBounded) {
  Make({.max_held_bytes = 3});
  core_->SetTrack(Video(), At(0));
  for (int i = 0; i < 5; ++i) Key(i * 40);
  EXPECT_THAT(log_, testing::Contains("held_too_much"));
}

TEST_F(IngestCoreTest, TheEndSendsWhatIsHeldAndPending) {
  Make();
  core_->Granted({7, std::nullopt}, At(0));
  core_->SetTrack(Video(), At(0));
  Key(0);
  Inter(40);
  core_->Finish(At(50));
  EXPECT_THAT(log_, ElementsAre("tracks v1:1", "v0", "v40"));
}

TEST_F(IngestCoreTest, AudioWaitsForItsVideoAndNoLonger) {
  Make();
  core_->Granted({7, std::nullopt}, At(0));
  core_->SetTrack(Audio(), At(0));
  core_->SetTrack(Video(), At(0));
  Key(0);
  now_ = 10;
  Sound(5);
  now_ = 30;
  Sound(26);
  Inter(40);
  now_ = 50;
  Sound(47);
  ASSERT_EQ(core_->NextDeadline(), 90 * kMs);
  core_->OnTimer(At(90));
  EXPECT_THAT(log_, ElementsAre("tracks v1:2", "v0", "a5 a26 v40", "a47"));
}

}  // namespace
}  // namespace millrace::stream
