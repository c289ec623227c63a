#include "media/flv/tags.h"

#include <gtest/gtest.h>

#include <set>

#include "media/base/fault.h"
#include "media/flv/fourcc.h"
#include "tests/support/hex.h"

namespace millrace::media::flv {
namespace {

using tests::Hex;

struct Packet {
  PacketType type = PacketType::kCodedFrames;
  Codec codec = Codec::kUnknown;
  int track = 0;
  int32_t composition_ms = 0;
  std::vector<uint8_t> data;
};

void ExpectPackets(const TagPackets& packets, const std::vector<Packet>& expected,
                   const std::vector<uint8_t>& body) {
  ASSERT_EQ(packets.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(packets[i].type, expected[i].type);
    EXPECT_EQ(packets[i].codec, expected[i].codec);
    EXPECT_EQ(packets[i].track, expected[i].track);
    EXPECT_EQ(packets[i].composition_ms, expected[i].composition_ms);
    EXPECT_EQ(std::vector<uint8_t>(packets[i].data.begin(), packets[i].data.end()),
              expected[i].data);
    EXPECT_EQ(packets[i].data.data(), body.data() + packets[i].offset) << "a slice of the body";
  }
}

TEST(Tags, VideoBodies) {
  using enum PacketType;
  const auto key = VideoFrameType::kKey;
  const auto inter = VideoFrameType::kInter;
  const struct {
    const char* name;
    std::vector<uint8_t> body;
    VideoFrameType frame_type;
    uint32_t offset_ns;
    std::vector<Packet> packets;
  } cases[] = {
      {"sequence header",
       Hex("17 00 000000 0164"),
       key,
       0,
       {{kSequenceStart, Codec::kH264, 0, 0, {1, 100}}}},
      {"key frame",
       Hex("17 01 000050 0001"),
       key,
       0,
       {{kCodedFrames, Codec::kH264, 0, 80, {0, 1}}}},
      {"inter frame", Hex("27 01 000000 07"), inter, 0, {{kCodedFrames, Codec::kH264, 0, 0, {7}}}},
      {"disposable",
       Hex("37 01 000000 07"),
       VideoFrameType::kDisposableInter,
       0,
       {{kCodedFrames, Codec::kH264, 0, 0, {7}}}},
      {"negative composition",
       Hex("27 01 ffffd8 07"),
       inter,
       0,
       {{kCodedFrames, Codec::kH264, 0, -40, {7}}}},
      {"end of sequence", Hex("17 02 000000"), key, 0, {{kSequenceEnd, Codec::kH264, 0, 0, {}}}},
      {"command", Hex("57 00"), VideoFrameType::kCommand, 0, {}},
      {"HEVC as CodecID 12",
       Hex("1c 00 000000 01"),
       key,
       0,
       {{kSequenceStart, Codec::kH265, 0, 0, {1}}}},
      {"HEVC as CodecID 12, a frame",
       Hex("2c 01 000028 07"),
       inter,
       0,
       {{kCodedFrames, Codec::kH265, 0, 40, {7}}}},
      {"enhanced, sequence start",
       Hex("90 'hvc1' 01"),
       key,
       0,
       {{kSequenceStart, Codec::kH265, 0, 0, {1}}}},
      {"enhanced, composition time",
       Hex("91 'hvc1' 000050 07"),
       key,
       0,
       {{kCodedFrames, Codec::kH265, 0, 80, {7}}}},
      {"enhanced, H.264",
       Hex("a1 'avc1' ffffd8 07"),
       inter,
       0,
       {{kCodedFrames, Codec::kH264, 0, -40, {7}}}},
      {"enhanced, no composition time",
       Hex("a3 'hvc1' 000050"),
       inter,
       0,
       {{kCodedFrames, Codec::kH265, 0, 0, {0, 0, 0x50}}}},
      {"AV1 has none",
       Hex("91 'av01' 120034"),
       key,
       0,
       {{kCodedFrames, Codec::kAv1, 0, 0, {18, 0, 52}}}},
      {"VP9 has none", Hex("a1 'vp09' 86"), inter, 0, {{kCodedFrames, Codec::kVp9, 0, 0, {0x86}}}},
      {"enhanced, sequence end", Hex("92 'av01'"), key, 0, {{kSequenceEnd, Codec::kAv1, 0, 0, {}}}},
      {"colour information",
       Hex("d4 'hvc1' 02 0009 'colorInfo' 06"),
       VideoFrameType::kCommand,
       0,
       {{kMetadata, Codec::kH265, 0, 0, Hex("02 0009 'colorInfo' 06")}}},
      {"enhanced, command", Hex("d1 00"), VideoFrameType::kCommand, 0, {}},
      {"OBS 29.1 beta: inter frames are of type 0",
       Hex("83 'hvc1' 07"),
       static_cast<VideoFrameType>(0),
       0,
       {{kCodedFrames, Codec::kH265, 0, 0, {7}}}},
      {"nanoseconds",
       Hex("97 02 0f423f 01 'hvc1' 000028 07"),
       key,
       999'999,
       {{kCodedFrames, Codec::kH265, 0, 40, {7}}}},
      {"more nanoseconds than a millisecond has",
       Hex("97 02 ffffff 03 'hvc1' 07"),
       key,
       999'999,
       {{kCodedFrames, Codec::kH265, 0, 0, {7}}}},
      {"an unknown modifier, then nanoseconds",
       Hex("a7 00 aa 17 02 000064 03 'hvc1' 07"),
       inter,
       100,
       {{kCodedFrames, Codec::kH265, 0, 0, {7}}}},
      {"a long modifier",
       [] {
         std::vector<uint8_t> body = Hex("a7 ff 00ff");
         body.resize(body.size() + 256, 0x55);
         const std::vector<uint8_t> rest = Hex("f3 'hvc1' 07");
         body.insert(body.end(), rest.begin(), rest.end());
         return body;
       }(),
       inter,
       0,
       {{kCodedFrames, Codec::kH265, 0, 0, {7}}}},
      {"multitrack, one track",
       Hex("96 01 'avc1' 02 000050 07"),
       key,
       0,
       {{kCodedFrames, Codec::kH264, 2, 80, {7}}}},
      {"multitrack, many tracks",
       Hex("a6 11 'hvc1' 00 000005 000028 0708 01 000004 000000 09"),
       inter,
       0,
       {{kCodedFrames, Codec::kH265, 0, 40, {7, 8}}, {kCodedFrames, Codec::kH265, 1, 0, {9}}}},
      {"multitrack, many codecs",
       Hex("96 20 'avc1' 00 000001 01 'av01' 01 000002 8104"),
       key,
       0,
       {{kSequenceStart, Codec::kH264, 0, 0, {1}}, {kSequenceStart, Codec::kAv1, 1, 0, {0x81, 4}}}},
      {"nanoseconds, multitrack",
       Hex("97 02 000001 06 03 'hvc1' 01 07"),
       key,
       1,
       {{kCodedFrames, Codec::kH265, 1, 0, {7}}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto tag = ParseVideoTagBody(c.body);
    ASSERT_TRUE(tag.ok()) << tag.status();
    EXPECT_EQ(tag->frame_type, c.frame_type);
    EXPECT_EQ(tag->offset_ns, c.offset_ns);
    EXPECT_EQ(tag->enhanced, (c.body[0] & 0x80) != 0);
    ExpectPackets(tag->packets, c.packets, c.body);
  }
}

TEST(Tags, AudioBodies) {
  using enum PacketType;
  const struct {
    const char* name;
    std::vector<uint8_t> body;
    bool stereo;
    std::vector<Packet> packets;
  } cases[] = {
      {"AAC configuration",
       Hex("af 00 1210"),
       true,
       {{kSequenceStart, Codec::kAac, 0, 0, {0x12, 0x10}}}},
      {"AAC that says mono, which means nothing",
       Hex("a2 01 2100"),
       false,
       {{kCodedFrames, Codec::kAac, 0, 0, {0x21, 0}}}},
      {"MP3", Hex("2f fffb"), true, {{kCodedFrames, Codec::kMp3, 0, 0, {0xff, 0xfb}}}},
      {"MP3 at 8 kHz", Hex("e2 ffe3"), false, {{kCodedFrames, Codec::kMp3, 0, 0, {0xff, 0xe3}}}},
      {"G.711 A-law", Hex("72 d5"), false, {{kCodedFrames, Codec::kG711A, 0, 0, {0xd5}}}},
      {"G.711 mu-law", Hex("83 ff"), true, {{kCodedFrames, Codec::kG711U, 0, 0, {0xff}}}},
      {"Opus header",
       Hex("90 'Opus' 'OpusHead'"),
       true,
       {{kSequenceStart, Codec::kOpus, 0, 0, Hex("'OpusHead'")}}},
      {"Opus", Hex("91 'Opus' fc"), true, {{kCodedFrames, Codec::kOpus, 0, 0, {0xfc}}}},
      {"AAC by FourCC", Hex("91 'mp4a' 21"), true, {{kCodedFrames, Codec::kAac, 0, 0, {0x21}}}},
      {"MP3 by FourCC", Hex("91 '.mp3' ff"), true, {{kCodedFrames, Codec::kMp3, 0, 0, {0xff}}}},
      {"FLAC",
       Hex("90 'fLaC' 'fLaC'"),
       true,
       {{kSequenceStart, Codec::kFlac, 0, 0, Hex("'fLaC'")}}},
      {"AC-3", Hex("91 'ac-3' 0b77"), true, {{kCodedFrames, Codec::kAc3, 0, 0, {0x0b, 0x77}}}},
      {"sequence end", Hex("92 'Opus'"), true, {{kSequenceEnd, Codec::kOpus, 0, 0, {}}}},
      {"channel mapping",
       Hex("94 'Opus' 01 02 00000003"),
       true,
       {{kMultichannelConfig, Codec::kOpus, 0, 0, Hex("01 02 00000003")}}},
      {"two languages",
       Hex("95 11 'mp4a' 00 000001 21 01 000002 2122"),
       true,
       {{kCodedFrames, Codec::kAac, 0, 0, {0x21}},
        {kCodedFrames, Codec::kAac, 1, 0, {0x21, 0x22}}}},
      {"nanoseconds",
       Hex("97 02 000064 01 'Opus' fc"),
       true,
       {{kCodedFrames, Codec::kOpus, 0, 0, {0xfc}}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto tag = ParseAudioTagBody(c.body);
    ASSERT_TRUE(tag.ok()) << tag.status();
    EXPECT_EQ(tag->stereo, c.stereo);
    EXPECT_EQ(tag->offset_ns, c.body[0] == 0x97 ? 100u : 0u);
    ExpectPackets(tag->packets, c.packets, c.body);
  }
}

TEST(Tags, RefusesByName) {
  const struct {
    const char* name;
    TagType type;
    std::vector<uint8_t> body;
  } cases[] = {
      {"flv_empty_body", TagType::kVideo, {}},
      {"flv_empty_body", TagType::kAudio, {}},
      {"flv_empty_body", TagType::kScript, {}},
      {"flv_truncated_body", TagType::kVideo, Hex("17 01 0000")},
      {"flv_truncated_body", TagType::kAudio, Hex("af")},
      {"flv_truncated_body", TagType::kVideo, Hex("90 'hvc'")},
      {"flv_truncated_body", TagType::kVideo, Hex("91 'hvc1' 0000")},
      {"flv_truncated_body", TagType::kVideo, Hex("97 02 0000")},
      {"flv_truncated_body", TagType::kVideo, Hex("97 ff ff")},
      {"flv_truncated_body", TagType::kVideo, Hex("96")},
      {"flv_truncated_body", TagType::kVideo, Hex("96 11 'hvc1' 00 000005 00")},
      {"flv_truncated_body", TagType::kVideo, Hex("96 11 'hvc1' 00 000003 000000 01 00")},
      {"flv_truncated_body", TagType::kAudio, Hex("95 21 'mp4")},
      {"flv_unsupported_video", TagType::kVideo, Hex("12 00")},
      {"flv_unsupported_video", TagType::kVideo, Hex("14 00")},
      {"flv_unsupported_video", TagType::kVideo, Hex("1d 00 000000")},
      {"flv_unsupported_video", TagType::kVideo, Hex("90 'vp08' 00")},
      {"flv_unsupported_video", TagType::kVideo, Hex("90 'mp4a' 00")},
      {"flv_unsupported_video", TagType::kVideo,
       Hex("96 20 'avc1' 00 000001 01 'vp08' 01 000001 01")},
      {"flv_bad_video_packet", TagType::kVideo, Hex("17 03 000000")},
      {"flv_bad_video_packet", TagType::kVideo, Hex("98 'hvc1' 00")},
      {"flv_mpeg_ts_video", TagType::kVideo, Hex("95 'av01' 80")},
      {"flv_unsupported_audio", TagType::kAudio, Hex("bf ff")},  // Speex
      {"flv_unsupported_audio", TagType::kAudio, Hex("91 'ec-3' 0b77")},
      {"flv_unsupported_audio", TagType::kAudio, Hex("91 'hvc1' 00")},
      {"flv_bad_audio_packet", TagType::kAudio, Hex("af 02")},
      {"flv_bad_audio_packet", TagType::kAudio, Hex("93 'Opus' 00")},
      {"flv_bad_multitrack", TagType::kVideo, Hex("96 31 'hvc1' 00")},
      {"flv_bad_multitrack", TagType::kVideo, Hex("96 06 'hvc1' 00")},
      {"flv_bad_multitrack", TagType::kVideo, Hex("96 07 'hvc1' 00")},
      {"flv_bad_multitrack", TagType::kAudio, Hex("95 05 'mp4a' 00")},
      {"flv_bad_track_id", TagType::kVideo, Hex("96 03 'hvc1' 10 07")},
      {"flv_bad_mod_ex", TagType::kVideo, Hex("97 01 0001 03 'hvc1' 07")},
      {"flv_bad_script", TagType::kScript, Hex("05")},
      {"amf_truncated", TagType::kScript, Hex("02 0005 'a'")},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    absl::Status status;
    if (c.type == TagType::kVideo) status = ParseVideoTagBody(c.body).status();
    if (c.type == TagType::kAudio) status = ParseAudioTagBody(c.body).status();
    if (c.type == TagType::kScript) status = ParseScriptTagBody(c.body).status();
    EXPECT_EQ(FaultName(status), c.name);
  }
}

TEST(Tags, ABodyHoldsAFewTracksOnly) {
  std::vector<uint8_t> body = Hex("96 13 'hvc1'");
  const std::vector<uint8_t> track = Hex("00 000001 07");
  for (int i = 0; i < 64; ++i) body.insert(body.end(), track.begin(), track.end());
  EXPECT_TRUE(ParseVideoTagBody(body).ok());
  body.insert(body.end(), track.begin(), track.end());
  EXPECT_EQ(FaultName(ParseVideoTagBody(body).status()), "flv_bad_multitrack");
}

TEST(Tags, WhatIsNotSupportedIsNamed) {
  EXPECT_EQ(ParseVideoTagBody(Hex("90 'vp08' 00")).status().message(),
            "flv_unsupported_video: vp08");
  EXPECT_EQ(ParseAudioTagBody(Hex("bf ff")).status().message(), "flv_unsupported_audio: 11");
}

TEST(Tags, ScriptBodies) {
  const struct {
    const char* name;
    std::vector<uint8_t> body;
    size_t properties;
  } cases[] = {
      {"ffmpeg",
       Hex("02 000d '@setDataFrame' 02 000a 'onMetaData' 08 00000001 0005 'width' 00 "
           "4094000000000000 0000 09"),
       1},
      {"bare", Hex("02 000a 'onMetaData' 03 0005 'width' 00 4094000000000000 0000 09"), 1},
      {"Reolink without stereo",
       Hex("02 000a 'onMetaData' 08 00000002 000c 'audiocodecid' 00 "
           "4024000000000000 000f 'audiosamplerate' 00 40cf400000000000 0000 09"),
       2},
      {"DJI without tracks", Hex("02 000a 'onMetaData' 08 00000000 0000 09"), 0},
      {"name alone", Hex("02 000a 'onMetaData'"), 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto script = ParseScriptTagBody(c.body);
    ASSERT_TRUE(script.ok()) << script.status();
    EXPECT_EQ(script->name, "onMetaData");
    EXPECT_EQ(script->value.properties().size(), c.properties);
  }
}

TEST(Tags, EveryErrorHasAName) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(FlvError::kBadScript); ++i) {
    names.insert(FlvErrorName(static_cast<FlvError>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(FlvError::kBadScript) + 1);
  EXPECT_FALSE(names.contains("flv_unknown"));
}

TEST(FourCc, NamesCodecs) {
  EXPECT_EQ(FourCcOf(Codec::kAv1), 0x61763031u);
  EXPECT_EQ(FourCcOf(Codec::kOpus), 1332770163u);
  EXPECT_EQ(FourCcOf(Codec::kG711A), 0u);
  for (const Codec codec : FourCcCodecs()) {
    EXPECT_EQ(CodecOfFourCc(FourCcOf(codec)), codec);
    EXPECT_EQ(CodecOfFourCc(FourCcText(FourCcOf(codec))), codec);
  }
  EXPECT_EQ(CodecOfFourCc(MakeFourCc("vp08")), Codec::kUnknown);
  EXPECT_EQ(CodecOfFourCc("Hvc1"), Codec::kH265);
  EXPECT_EQ(CodecOfFourCc("Aac"), Codec::kAac);
  EXPECT_EQ(CodecOfFourCc("*"), Codec::kUnknown);
  EXPECT_EQ(FourCcText(0x61000031), "a??1");
}

}  // namespace
}  // namespace millrace::media::flv
