#include "gateways/http/flv/flv_muxer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "media/flv/demuxer.h"
#include "tests/unit/gateways/http/flv/gathering.h"

namespace millrace::http {
namespace {

using media::Codec;
using media::Frame;
using media::Track;
using media::TrackKind;
using media::TrackSet;
using media::flv::Form;
using tests::Gathered;
using tests::RawTag;
using tests::ReadTags;

constexpr int64_t kMs = 1'000'000;

Track Video(std::vector<uint8_t> config = {1, 0x64, 0, 0x1f, 0xff}) {
  Track track;
  track.id = 1;
  track.kind = TrackKind::kVideo;
  track.codec = Codec::kH264;
  track.config = std::move(config);
  track.width = 1280;
  track.height = 720;
  return track;
}

Track Audio(std::vector<uint8_t> config = {0x12, 0x10}) {
  Track track;
  track.id = 2;
  track.kind = TrackKind::kAudio;
  track.codec = Codec::kAac;
  track.config = std::move(config);
  track.sample_rate = 44'100;
  track.channels = 2;
  return track;
}

TrackSet Set(std::vector<Track> tracks, uint32_t version = 1) {
  return {version, std::move(tracks)};
}

Frame MakeFrame(uint8_t track, int64_t dts_ms, int64_t pts_ms, std::string_view payload,
                bool key = false) {
  Frame frame;
  frame.track = track;
  frame.flags = key || track == 2 ? media::kClosedRandomAccess : 0;
  frame.dts_ns = dts_ms * kMs;
  frame.pts_ns = pts_ms * kMs;
  frame.payload = media::Payload::Copy(media::AsBytes(payload));
  return frame;
}

std::unique_ptr<stream::LaneMuxer> Make(Selection selection = Selection::kAll,
                                        Form form = Form::kAuto) {
  return FlvLane({selection, form}).make_muxer();
}

std::vector<RawTag> TagsOf(const stream::WireUnitPtr& unit, int64_t base_ms = 0) {
  return ReadTags(Gathered(*unit, 0, base_ms));
}

TEST(FlvMuxer, LanesHaveNamesOfTheirOwn) {
  EXPECT_EQ(FlvLane({Selection::kAll}).key, "flv");
  EXPECT_EQ(FlvLane({Selection::kAudio}).key, "flv-audio");
  EXPECT_EQ(FlvLane({Selection::kVideo}).key, "flv-video");
  EXPECT_EQ(FlvHeadLane({Selection::kAll}).key, "flv-head");
  EXPECT_EQ(FlvLane({Selection::kAll, Form::kLegacy}).key, "flv-legacy");
  EXPECT_EQ(FlvLane({Selection::kVideo, Form::kEnhanced}, Framing::kChunked).key,
            "flv-video-enhanced-chunked");
}

TEST(FlvMuxer, PreambleIsHeaderMetadataAndConfigurationsAtZero) {
  const auto unit = Make()->Preamble(Set({Video(), Audio()}));
  const std::vector<uint8_t> bytes = Gathered(*unit, 0, 0);
  ASSERT_GT(bytes.size(), 13u);
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin(), bytes.begin() + 13),
            (std::vector<uint8_t>{'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0}));
  const auto tags = ReadTags(std::span(bytes).subspan(13));
  ASSERT_EQ(tags.size(), 3u);
  EXPECT_EQ(tags[0].type, 18);
  EXPECT_EQ(tags[1].type, 9);
  EXPECT_EQ(tags[1].body, (std::vector<uint8_t>{0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff}));
  EXPECT_EQ(tags[2].type, 8);
  EXPECT_EQ(tags[2].body, (std::vector<uint8_t>{0xaf, 0, 0x12, 0x10}));
  for (const RawTag& tag : tags) EXPECT_EQ(tag.timestamp_ms, 0u);
}

TEST(FlvMuxer, HeaderFlagsAreTrueToTheTracksOfTheLane) {
  const auto flags = [](Selection selection, const TrackSet& tracks) {
    return Gathered(*Make(selection)->Preamble(tracks), 0, 0)[4];
  };
  EXPECT_EQ(flags(Selection::kAll, Set({Video(), Audio()})), 5);
  EXPECT_EQ(flags(Selection::kAll, Set({Audio()})), 4);
  EXPECT_EQ(flags(Selection::kAll, Set({Video()})), 1);
  EXPECT_EQ(flags(Selection::kAudio, Set({Video(), Audio()})), 4);
  EXPECT_EQ(flags(Selection::kVideo, Set({Video(), Audio()})), 1);
}

TEST(FlvMuxer, NothingToShowIsNoPreamble) {
  EXPECT_EQ(Make(Selection::kVideo)->Preamble(Set({Audio()})), nullptr);
  EXPECT_EQ(Make(Selection::kAudio)->Preamble(Set({Video()})), nullptr);
  Track opus = Audio();
  opus.codec = Codec::kOpus;
  EXPECT_EQ(Make(Selection::kAll, Form::kLegacy)->Preamble(Set({opus})), nullptr);
  EXPECT_NE(Make()->Preamble(Set({opus})), nullptr);
  EXPECT_EQ(Make()->Preamble(Set({})), nullptr);
}

TEST(FlvMuxer, FramesKeepTheirOrderTimesAndPayloads) {
  const TrackSet tracks = Set({Video(), Audio()});
  const auto muxer = Make();
  muxer->Preamble(tracks);
  const std::vector<Frame> frames = {
      MakeFrame(1, 1'000, 1'080, "key", true), MakeFrame(2, 1'005, 1'005, "aac"),
      MakeFrame(1, 1'040, 1'040, "inter"), MakeFrame(3, 1'050, 1'050, "data")};
  const auto tags = TagsOf(muxer->Frames(tracks, frames), 1'000);
  ASSERT_EQ(tags.size(), 3u);
  EXPECT_EQ(tags[0].timestamp_ms, 0u);
  EXPECT_EQ(tags[0].body, (std::vector<uint8_t>{0x17, 1, 0, 0, 80, 'k', 'e', 'y'}));
  EXPECT_EQ(tags[1].timestamp_ms, 5u);
  EXPECT_EQ(tags[1].body, (std::vector<uint8_t>{0xaf, 1, 'a', 'a', 'c'}));
  EXPECT_EQ(tags[2].timestamp_ms, 40u);
  EXPECT_EQ(tags[2].body, (std::vector<uint8_t>{0x27, 1, 0, 0, 0, 'i', 'n', 't', 'e', 'r'}));
}

TEST(FlvMuxer, RelayedHeadersStayBehind) {
  const TrackSet tracks = Set({Video()});
  Frame frame = MakeFrame(1, 0, 0, "TLVpicture", true);
  frame.header_len = 3;
  const auto tags = TagsOf(Make()->Frames(tracks, std::span(&frame, 1)));
  ASSERT_EQ(tags.size(), 1u);
  EXPECT_EQ(std::string(tags[0].body.begin() + 5, tags[0].body.end()), "picture");
}

TEST(FlvMuxer, EmptyFramesAndFramesOfOthersAreLeftOut) {
  const TrackSet tracks = Set({Video(), Audio()});
  const std::vector<Frame> audio = {MakeFrame(2, 0, 0, "aac")};
  EXPECT_EQ(Make(Selection::kVideo)->Frames(tracks, audio), nullptr);
  const std::vector<Frame> empty = {MakeFrame(1, 0, 0, "")};
  EXPECT_EQ(Make()->Frames(tracks, empty), nullptr);
}

TEST(FlvMuxer, ListenersMayStartAtAKeyFrame) {
  const TrackSet tracks = Set({Video(), Audio()});
  const auto muxer = Make(Selection::kAudio);
  const std::vector<Frame> key = {MakeFrame(1, 0, 0, "key", true)};
  const auto unit = muxer->Frames(tracks, key);
  ASSERT_NE(unit, nullptr);
  EXPECT_EQ(unit->Size(0), 0u);
  EXPECT_TRUE(Gathered(*unit, 0, 0).empty());
  const std::vector<Frame> inter = {MakeFrame(1, 40, 40, "inter")};
  EXPECT_EQ(muxer->Frames(tracks, inter), nullptr);
}

TEST(FlvMuxer, AChangeAnnouncesOnlyWhatChanged) {
  const auto muxer = Make();
  muxer->Preamble(Set({Video(), Audio()}));
  const auto tags = TagsOf(
      muxer->TracksChanged(Set({Video({1, 0x42, 0, 0x1e, 0xff}), Audio()}, 2), 5'000), 4'000);
  ASSERT_EQ(tags.size(), 2u);
  EXPECT_EQ(tags[0].type, 18);
  EXPECT_EQ(tags[1].type, 9);
  EXPECT_EQ(tags[1].body[6], 0x42);
  for (const RawTag& tag : tags) EXPECT_EQ(tag.timestamp_ms, 1'000u);
}

TEST(FlvMuxer, AChangeThatFlvDoesNotShowSaysNothing) {
  const auto muxer = Make(Selection::kAudio);
  muxer->Preamble(Set({Video(), Audio()}));
  EXPECT_EQ(muxer->TracksChanged(Set({Video({1, 0x42, 0, 0x1e, 0xff}), Audio()}, 2), 5'000),
            nullptr);
}

TEST(FlvMuxer, ATrackThatComesLaterIsAnnounced) {
  const auto muxer = Make();
  muxer->Preamble(Set({Video()}));
  const auto tags = TagsOf(muxer->TracksChanged(Set({Video(), Audio()}, 2), 100));
  ASSERT_EQ(tags.size(), 2u);
  EXPECT_EQ(tags[1].type, 8);
}

TEST(FlvMuxer, WhatItWritesTheDemuxerReads) {
  const TrackSet tracks = Set({Video(), Audio()});
  const auto muxer = Make();
  std::vector<uint8_t> bytes = Gathered(*muxer->Preamble(tracks), 0, 0);
  const std::vector<Frame> frames = {MakeFrame(1, 20, 60, "key", true),
                                     MakeFrame(2, 25, 25, "aac")};
  const std::vector<uint8_t> media = Gathered(*muxer->Frames(tracks, frames), 0, 20);
  bytes.insert(bytes.end(), media.begin(), media.end());
  media::flv::Demuxer demuxer;
  demuxer.Append(bytes);
  std::vector<media::flv::Tag> tags;
  while (true) {
    auto event = demuxer.Next();
    ASSERT_TRUE(event.ok()) << event.status();
    if (!event->has_value()) break;
    if (const auto* header = std::get_if<media::flv::FileHeader>(&**event)) {
      EXPECT_TRUE(header->has_audio && header->has_video);
    } else {
      tags.push_back(std::get<media::flv::Tag>(std::move(**event)));
    }
  }
  EXPECT_EQ(demuxer.buffered(), 0u);
  ASSERT_EQ(tags.size(), 5u);
  const auto script = media::flv::ParseScriptTagBody(tags[0].body.bytes());
  ASSERT_TRUE(script.ok());
  EXPECT_EQ(script->name, "onMetaData");
  const auto video = media::flv::ParseVideoTagBody(tags[3].body.bytes());
  ASSERT_TRUE(video.ok());
  EXPECT_TRUE(video->is_key());
  ASSERT_EQ(video->packets.size(), 1u);
  EXPECT_EQ(video->packets[0].composition_ms, 40);
  EXPECT_EQ(tags[3].timestamp_ms, 0);
  EXPECT_EQ(tags[4].timestamp_ms, 5);
}

TEST(FlvMuxer, TheFormIsTheViewersChoice) {
  Track hevc = Video();
  hevc.codec = Codec::kH265;
  const TrackSet tracks = Set({hevc, Audio()});
  const std::vector<Frame> frames = {MakeFrame(1, 0, 80, "key", true), MakeFrame(2, 5, 5, "aac")};
  const auto bodies = [&](Form form) {
    const auto muxer = Make(Selection::kAll, form);
    const std::vector<uint8_t> preamble = Gathered(*muxer->Preamble(tracks), 0, 0);
    std::vector<RawTag> tags = ReadTags(std::span(preamble).subspan(13));
    for (RawTag& tag : TagsOf(muxer->Frames(tracks, frames))) tags.push_back(std::move(tag));
    std::vector<std::string> texts;
    for (const RawTag& tag : std::span(tags).subspan(1)) {
      texts.emplace_back(tag.body.begin(), tag.body.end());
    }
    return texts;
  };
  using std::string_literals::operator""s;
  const std::string config = "\x01\x64\x00\x1f\xff"s;
  EXPECT_THAT(bodies(Form::kLegacy),
              testing::ElementsAre("\x1c\0\0\0\0"s + config, "\xaf\0\x12\x10"s, "\x1c\x01\0\0Pkey"s,
                                   "\xaf\x01"
                                   "aac"s));
  EXPECT_THAT(bodies(Form::kAuto),
              testing::ElementsAre("\x90hvc1"s + config, "\xaf\0\x12\x10"s, "\x91hvc1\0\0Pkey"s,
                                   "\xaf\x01"
                                   "aac"s));
  EXPECT_THAT(bodies(Form::kEnhanced),
              testing::ElementsAre("\x90hvc1"s + config, "\x90mp4a\x12\x10"s, "\x91hvc1\0\0Pkey"s,
                                   "\x91mp4a"
                                   "aac"s));
}

TEST(FlvMuxer, AdditionalTracksAreInTheEnhancedFormAlone) {
  Track second = Audio({0x11, 0x90});
  second.id = 5;
  const TrackSet tracks = Set({Video(), Audio(), second});
  const std::vector<Frame> frames = {MakeFrame(5, 0, 0, "aac")};
  EXPECT_EQ(Make()->Frames(tracks, frames), nullptr);
  EXPECT_FALSE(Make()->Carries(tracks, tracks.tracks[2]));
  const auto muxer = Make(Selection::kAll, Form::kEnhanced);
  EXPECT_TRUE(muxer->Carries(tracks, tracks.tracks[2]));
  const auto tags = TagsOf(muxer->Frames(tracks, frames));
  ASSERT_EQ(tags.size(), 1u);
  EXPECT_EQ(std::string(tags[0].body.begin(), tags[0].body.end()), std::string("\x95\x01mp4a\x01"
                                                                               "aac",
                                                                               10));
}

TEST(FlvHeadMuxer, SaysThatThereIsSomethingAndSendsNothing) {
  const auto muxer = FlvHeadLane({Selection::kVideo}).make_muxer();
  const TrackSet tracks = Set({Video(), Audio()});
  ASSERT_NE(muxer->Preamble(tracks), nullptr);
  EXPECT_EQ(muxer->Preamble(tracks)->Size(0), 0u);
  EXPECT_EQ(muxer->Preamble(Set({Audio()})), nullptr);
  const std::vector<Frame> key = {MakeFrame(1, 0, 0, "key", true)};
  ASSERT_NE(muxer->Frames(tracks, key), nullptr);
  EXPECT_EQ(muxer->TracksChanged(tracks, 0), nullptr);
}

}  // namespace
}  // namespace millrace::http
