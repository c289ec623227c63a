#include "media/flv/muxer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "media/flv/demuxer.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::flv {
namespace {

using tests::Hex;

template <size_t kSize>
std::vector<uint8_t> Vector(const std::array<uint8_t, kSize>& bytes) {
  return {bytes.begin(), bytes.end()};
}

Track Video() {
  Track track{.id = 1, .kind = TrackKind::kVideo, .codec = Codec::kH264};
  track.config = Hex("0164001e");
  track.width = 1280;
  track.height = 720;
  track.frame_rate_num = 25;
  track.frame_rate_den = 1;
  return track;
}

Track Audio() {
  Track track{.id = 2, .kind = TrackKind::kAudio, .codec = Codec::kAac};
  track.config = Hex("1190");
  track.sample_rate = 48000;
  track.channels = 2;
  return track;
}

TEST(Muxer, GoldenBytes) {
  EXPECT_EQ(Vector(FlvFileHeader(true, true)), Hex("'FLV' 01 05 00000009 00000000"));
  EXPECT_EQ(Vector(FlvFileHeader(true, false)), Hex("'FLV' 01 04 00000009 00000000"));
  EXPECT_EQ(Vector(FlvFileHeader(false, true)), Hex("'FLV' 01 01 00000009 00000000"));
  EXPECT_EQ(Vector(TagHeader(TagType::kVideo, 0x123456, 0x89abcdef)),
            Hex("09 123456 abcdef 89 000000"));
  EXPECT_EQ(Vector(PreviousTagSize(0x123456)), Hex("00123461"));
}

PresentedTrack Legacy(const Track& track) { return {&track, false, 0}; }
PresentedTrack Enhanced(const Track& track, uint8_t track_id = 0) {
  return {&track, true, track_id};
}

Track WithCodec(Track track, Codec codec, uint32_t rate = 48000, uint32_t channels = 2) {
  track.codec = codec;
  track.kind = KindOf(codec);
  track.sample_rate = rate;
  track.channels = channels;
  return track;
}

std::vector<uint8_t> Vector(const TagPrefix& prefix) {
  const Bytes bytes = prefix;
  return {bytes.begin(), bytes.end()};
}

TEST(Muxer, SequenceStarts) {
  const Track avc = Video();
  const Track aac = Audio();
  const Track hevc = WithCodec(avc, Codec::kH265);
  EXPECT_EQ(SequenceStart(Legacy(avc)), Hex("17 00 000000 0164001e"));
  EXPECT_EQ(SequenceStart(Legacy(hevc)), Hex("1c 00 000000 0164001e"));
  EXPECT_EQ(SequenceStart(Legacy(aac)), Hex("af 00 1190"));
  EXPECT_EQ(SequenceStart(Enhanced(avc)), Hex("90 'avc1' 0164001e"));
  EXPECT_EQ(SequenceStart(Enhanced(hevc)), Hex("90 'hvc1' 0164001e"));
  EXPECT_EQ(SequenceStart(Enhanced(aac)), Hex("90 'mp4a' 1190"));
  EXPECT_EQ(SequenceStart(Enhanced(hevc, 3)), Hex("96 00 'hvc1' 03 0164001e"));
  EXPECT_EQ(SequenceStart(Enhanced(aac, 1)), Hex("95 00 'mp4a' 01 1190"));
  for (const Codec codec : {Codec::kMp3, Codec::kG711A, Codec::kG711U, Codec::kAc3}) {
    EXPECT_TRUE(SequenceStart(Legacy(WithCodec(aac, codec))).empty()) << CodecName(codec);
  }
}

TEST(Muxer, AudioPrefixes) {
  const struct {
    const char* name;
    Codec codec;
    uint32_t rate;
    uint32_t channels;
    const char* legacy;
    const char* enhanced;
  } cases[] = {
      {"AAC", Codec::kAac, 48000, 2, "af 01", "91 'mp4a'"},
      {"AAC, mono", Codec::kAac, 44100, 1, "af 01", "91 'mp4a'"},
      {"MP3", Codec::kMp3, 44100, 2, "2f", "91 '.mp3'"},
      {"MP3, 48 kHz, mono", Codec::kMp3, 48000, 1, "2e", "91 '.mp3'"},
      {"MP3, 22 kHz", Codec::kMp3, 22050, 2, "2b", "91 '.mp3'"},
      {"MP3, 8 kHz", Codec::kMp3, 8000, 1, "e2", "91 '.mp3'"},
      {"G.711 A-law", Codec::kG711A, 8000, 1, "72", ""},
      {"G.711 mu-law, stereo", Codec::kG711U, 8000, 2, "83", ""},
      {"Opus", Codec::kOpus, 48000, 2, "", "91 'Opus'"},
      {"FLAC", Codec::kFlac, 48000, 2, "", "91 'fLaC'"},
      {"AC-3", Codec::kAc3, 48000, 6, "", "91 'ac-3'"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Track track = WithCodec(Audio(), c.codec, c.rate, c.channels);
    if (*c.legacy) EXPECT_EQ(Vector(FramePrefix(Legacy(track), Frame())), Hex(c.legacy));
    if (*c.enhanced) EXPECT_EQ(Vector(FramePrefix(Enhanced(track), Frame())), Hex(c.enhanced));
  }
  const Track aac = Audio();
  EXPECT_EQ(Vector(FramePrefix(Enhanced(aac, 2), Frame())), Hex("95 01 'mp4a' 02"));
  const Track data = WithCodec(Track(), Codec::kMetadata);
  EXPECT_TRUE(Vector(FramePrefix(Legacy(data), Frame())).empty());
}

TEST(Muxer, VideoPrefixes) {
  const struct {
    const char* name;
    uint16_t flags;
    int64_t dts_ns;
    int64_t pts_ns;
    const char* hex;
  } cases[] = {
      {"IDR", kClosedRandomAccess, 0, 80 * kNsPerMs, "17 01 000050"},
      {"recovery point", kOpenRandomAccess, 0, 0, "17 01 000000"},
      {"inter", 0, 0, 0, "27 01 000000"},
      {"disposable", kNonReference, 0, 0, "27 01 000000"},
      {"rounded as dts and pts are", 0, 33'366'667, 66'733'334, "27 01 000022"},
      {"pts before dts", 0, 40 * kNsPerMs, 0, "27 01 ffffd8"},
      {"absurd pts", 0, 0, int64_t{1} << 60, "27 01 7fffff"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Frame frame;
    frame.flags = c.flags;
    frame.dts_ns = c.dts_ns;
    frame.pts_ns = c.pts_ns;
    const Track avc = Video();
    EXPECT_EQ(Vector(FramePrefix(Legacy(avc), frame)), Hex(c.hex));
  }
}

TEST(Muxer, EnhancedVideoPrefixes) {
  const Track avc = Video();
  const Track hevc = WithCodec(avc, Codec::kH265);
  const Track av1 = WithCodec(avc, Codec::kAv1);
  const Track vp9 = WithCodec(avc, Codec::kVp9);
  Frame key;
  key.flags = kClosedRandomAccess;
  key.pts_ns = 80 * kNsPerMs;
  const Frame inter;
  EXPECT_EQ(Vector(FramePrefix(Enhanced(avc), key)), Hex("91 'avc1' 000050"));
  EXPECT_EQ(Vector(FramePrefix(Enhanced(hevc), key)), Hex("91 'hvc1' 000050"));
  EXPECT_EQ(Vector(FramePrefix(Enhanced(hevc), inter)), Hex("a3 'hvc1'")) << "dts is pts";
  EXPECT_EQ(Vector(FramePrefix(Enhanced(hevc, 1), key)), Hex("96 01 'hvc1' 01 000050"));
  EXPECT_EQ(Vector(FramePrefix(Enhanced(hevc, 1), inter)), Hex("a6 03 'hvc1' 01"));
  EXPECT_EQ(Vector(FramePrefix(Enhanced(av1), key)), Hex("91 'av01'"));
  EXPECT_EQ(Vector(FramePrefix(Enhanced(vp9), inter)), Hex("a1 'vp09'"));
  EXPECT_EQ(Vector(FramePrefix(Legacy(hevc), key)), Hex("1c 01 000050"));
  EXPECT_EQ(Vector(FramePrefix(Legacy(hevc), inter)), Hex("2c 01 000000"));
}

amf::Value Metadata(const TrackSet& tracks, Form form = Form::kAuto) {
  const Presentation presentation(tracks, {.form = form});
  auto script = ParseScriptTagBody(OnMetaData(presentation, "0.1.0"));
  EXPECT_TRUE(script.ok());
  EXPECT_EQ(script->name, "onMetaData");
  return script->value;
}

TEST(Muxer, MetadataSaysWhatTheTracksAre) {
  TrackSet tracks{.version = 1, .tracks = {Video(), Audio()}};
  const amf::Value expected = amf::MakeEcmaArray({{"width", 1280},
                                                  {"height", 720},
                                                  {"framerate", 25},
                                                  {"videocodecid", 7},
                                                  {"audiocodecid", 10},
                                                  {"audiosamplerate", 48000},
                                                  {"audiosamplesize", 16},
                                                  {"stereo", true},
                                                  {"encoder", "Millrace/0.1.0"}});
  EXPECT_TRUE(Metadata(tracks) == expected);
  tracks.tracks.erase(tracks.tracks.begin());
  EXPECT_EQ(Metadata(tracks).Find("width"), nullptr) << "audio only";
  tracks.tracks = {Video()};
  tracks.tracks[0].frame_rate_num = 0;
  EXPECT_EQ(Metadata(tracks).Find("framerate"), nullptr) << "unknown frame rate";
  EXPECT_EQ(Metadata(tracks).Find("stereo"), nullptr) << "video only";
}

TEST(Muxer, MetadataNamesCodecsInTheFormThatFollows) {
  const TrackSet tracks{.version = 1, .tracks = {WithCodec(Video(), Codec::kH265), Audio()}};
  const auto ids = [&](Form form) {
    const amf::Value metadata = Metadata(tracks, form);
    return std::pair(metadata.Find("videocodecid")->AsNumber(),
                     metadata.Find("audiocodecid")->AsNumber());
  };
  EXPECT_EQ(ids(Form::kAuto), std::pair(double{MakeFourCc("hvc1")}, 10.0));
  EXPECT_EQ(ids(Form::kLegacy), std::pair(12.0, 10.0));
  EXPECT_EQ(ids(Form::kEnhanced),
            std::pair(double{MakeFourCc("hvc1")}, double{MakeFourCc("mp4a")}));
  const TrackSet mp3{.version = 1, .tracks = {WithCodec(Audio(), Codec::kMp3)}};
  EXPECT_EQ(Metadata(mp3).Find("audiocodecid")->AsNumber(), 2);
}

TEST(Muxer, AnnouncesWhatIsNew) {
  TrackSet tracks{.version = 1, .tracks = {Audio(), Video()}};
  const auto types = [&](const TrackSet& known) {
    std::vector<TagType> seen;
    for (const Announcement& one : Announce(Presentation(tracks, {}), known, "1")) {
      seen.push_back(one.type);
    }
    return seen;
  };
  using enum TagType;
  EXPECT_EQ(types({}), (std::vector{kScript, kVideo, kAudio})) << "video first";
  const TrackSet before = tracks;
  EXPECT_EQ(types(before), std::vector{kScript});
  tracks.tracks[1].config = {1};
  EXPECT_EQ(types(before), (std::vector{kScript, kVideo}));
  tracks.tracks[1].config = before.tracks[1].config;
  tracks.tracks[1].codec = Codec::kH265;
  EXPECT_EQ(types(before), (std::vector{kScript, kVideo})) << "another codec";
}

// Write, then read: every tag comes back.
TEST(Muxer, WhatIsWrittenIsRead) {
  std::vector<uint8_t> out;
  ByteWriter writer(out);
  const TrackSet tracks{.version = 1, .tracks = {Video(), Audio()}};
  std::vector<Tag> written;
  writer.Append(FlvFileHeader(true, true));
  const auto add = [&](TagType type, uint32_t ms, std::vector<uint8_t> body) {
    writer.Append(TagHeader(type, body.size(), ms));
    writer.Append(body);
    writer.Append(PreviousTagSize(body.size()));
    written.push_back({type, ms, Payload::FromVector(std::move(body))});
  };
  const Presentation presentation(tracks, {});
  add(TagType::kScript, 0, OnMetaData(presentation, "1"));
  add(TagType::kVideo, 0, SequenceStart(presentation.tracks()[0]));
  add(TagType::kAudio, 0, SequenceStart(presentation.tracks()[1]));
  add(TagType::kVideo, 0x1000000, Hex("17 01 000000 00000001 65"));
  add(TagType::kAudio, 0x1000015, Hex("af 01 2110"));
  tests::WriteSeed("flv_demuxer_fuzz", "as written", out);
  Demuxer demuxer;
  demuxer.Append(out);
  auto event = demuxer.Next();
  ASSERT_TRUE(event.ok() && event->has_value());
  const auto& header = std::get<FileHeader>(**event);
  EXPECT_TRUE(header.has_audio && header.has_video);
  for (const Tag& expected : written) {
    event = demuxer.Next();
    ASSERT_TRUE(event.ok() && event->has_value());
    const Tag& tag = std::get<Tag>(**event);
    EXPECT_EQ(tag.type, expected.type);
    EXPECT_EQ(tag.timestamp_ms, expected.timestamp_ms);
    EXPECT_TRUE(std::ranges::equal(tag.body.bytes(), expected.body.bytes()));
  }
  EXPECT_EQ(demuxer.buffered(), 0u);
}

}  // namespace
}  // namespace millrace::media::flv
