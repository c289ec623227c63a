// Every codec through FrameReader, and written again in each form that it has.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "media/base/fault.h"
#include "media/base/ticks.h"
#include "media/flv/frame_reader.h"
#include "media/flv/muxer.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::flv {
namespace {

using tests::Hex;

constexpr char kAvcC[] =
    "0164000dffe10019 6764000dacd941519e226c04400000fa40003a9803c50a6580 010006 68ebe3cb22c0 "
    "fdf8f800";
constexpr char kAvcKey[] = "00000003 65 88 84";
// x265, 64x64 at 25.
constexpr char kHvcC[] =
    "0101600000009000000000001ef000fcfdf8f800000f03a00001001840010c01ffff016000000300900000030000"
    "03001e913024a10001002942010101600000030090000003000003001ea02081059644e4932bc05a0200000300"
    "02000003003210a2000100074401c172b42240";
constexpr char kHevcKey[] = "0000000c2801af1d80f701b2f5afb33c";
constexpr char kHevcInter[] = "0000000b0201d0115784318e40fa84";
// libaom, 64x64.
constexpr char kAv1C[] = "81000c00 0a0a00000002afff9b5f2008";
constexpr char kAv1Sequence[] = "0a0a00000002afff9b5f2008";
constexpr char kAv1Key[] = "320c10009680000200000000ec84";
constexpr char kAv1Inter[] = "32113003c080000006c0000002800020009910";
// libvpx, 64x64.
constexpr char kVpcC[] = "000a82020202 0000";
constexpr char kVp9Key[] = "824983420003f003f60038241c184a00003060000013b818000000";
constexpr char kVp9Inter[] = "860040929c00500000036000005470";
constexpr char kOpusHead[] = "'OpusHead' 01 01 3801 80bb0000 0000 00";
constexpr char kOpus[] = "78a33ff7ac9885035c260a";

// libmp3lame, 44.1 kHz mono; ffmpeg's FLAC, 48 kHz mono; ffmpeg's AC-3, 48 kHz.
constexpr char kMp3[] = "fffb10c4 00000474135554908030";
constexpr char kFlacHeader[] =
    "'fLaC' 80 000022 120012000001d00001d00bb800f0000005a02d5ba4764790f344cdde20529ea7ee2a";
constexpr char kFlac[] = "fff87a0800059f524e00";
constexpr char kAc3[] = "0b77e5ed00402f842b01c77aaf5e1be3";

class CodecsTest : public testing::Test {
 protected:
  void TearDown() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    tests::WriteSeed("flv_demuxer_fuzz", info->name(), file_);
  }
  // Reads one tag; what it held is in items_.
  std::string Read(TagType type, int64_t ms, const std::string& hex) {
    items_.clear();
    std::vector<uint8_t> body = Hex(hex);
    ByteWriter writer(file_);
    if (file_.empty()) writer.Append(FlvFileHeader(true, true));
    writer.Append(TagHeader(type, body.size(), static_cast<uint32_t>(ms)));
    writer.Append(body);
    writer.Append(PreviousTagSize(body.size()));
    return FaultName(reader_.Read(type, ms, Payload::FromVector(std::move(body)), items_));
  }
  std::string Video(int64_t ms, const std::string& hex) { return Read(TagType::kVideo, ms, hex); }
  std::string Audio(int64_t ms, const std::string& hex) { return Read(TagType::kAudio, ms, hex); }
  const Track& TrackAt(size_t i) { return std::get<Track>(items_.at(i)); }
  const InputFrame& FrameAt(size_t i) { return std::get<InputFrame>(items_.at(i)); }
  std::vector<uint8_t> PayloadAt(size_t i) {
    const Bytes bytes = FrameAt(i).payload.bytes();
    return {bytes.begin(), bytes.end()};
  }

  FrameReader reader_;
  std::vector<Item> items_;
  std::vector<uint8_t> file_;
};

std::string Ex(const char* head, const char* rest) { return std::string(head) + " " + rest; }

TEST_F(CodecsTest, EnhancedHevc) {
  EXPECT_EQ(Video(0, Ex("90 'hvc1'", kHvcC)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).id, 1);
  EXPECT_EQ(TrackAt(0).codec, Codec::kH265);
  EXPECT_EQ(TrackAt(0).width, 64u);
  EXPECT_TRUE(TrackAt(0).is_default);
  EXPECT_EQ(Video(0, Ex("90 'hvc1'", kHvcC)), "");
  EXPECT_TRUE(items_.empty()) << "the same again";
  EXPECT_EQ(Video(40, Ex("91 'hvc1' 000050", kHevcKey)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).flags, kClosedRandomAccess);
  EXPECT_EQ(FrameAt(0).dts_ns, 40 * kNsPerMs);
  EXPECT_EQ(FrameAt(0).pts_ns, 120 * kNsPerMs);
  EXPECT_EQ(PayloadAt(0), Hex(kHevcKey));
  EXPECT_EQ(Video(80, Ex("a3 'hvc1'", kHevcInter)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).flags & kClosedRandomAccess, 0);
  EXPECT_EQ(FrameAt(0).pts_ns, 80 * kNsPerMs);
  EXPECT_EQ(Video(80, "92 'hvc1'"), "");
  EXPECT_EQ(Video(80, "a4 'hvc1' 02 0009 'colorInfo' 06"), "");
  EXPECT_EQ(Video(80, "d1 00"), "");
  EXPECT_TRUE(items_.empty());
}

TEST_F(CodecsTest, ChineseEncodersSendHevcAsCodecId12) {
  EXPECT_EQ(Video(0, Ex("1c 00 000000", kHvcC)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).codec, Codec::kH265);
  EXPECT_EQ(Video(0, Ex("1c 01 000028", kHevcKey)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).pts_ns, 40 * kNsPerMs);
}

TEST_F(CodecsTest, ObsBefore29LabelsHevcAsAvc) {
  EXPECT_EQ(Video(0, Ex("17 00 000000", kHvcC)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).codec, Codec::kH265);
  EXPECT_EQ(Video(0, Ex("17 01 000000", kHevcKey)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).flags, kClosedRandomAccess);
  EXPECT_EQ(Video(0, Ex("27 01 000000", kHevcInter)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(Video(0, "17 00 000000 01 02 03"), "h264_config_truncated");
}

TEST_F(CodecsTest, Obs291BetaLeavesTheTypeOfInterFramesOut) {
  Video(0, Ex("90 'hvc1'", kHvcC));
  Video(0, Ex("93 'hvc1'", kHevcKey));
  EXPECT_EQ(Video(40, Ex("83 'hvc1'", kHevcInter)), "");
  EXPECT_EQ(items_.size(), 1u);
}

TEST_F(CodecsTest, Av1) {
  EXPECT_EQ(Video(0, Ex("90 'av01'", kAv1C)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).codec, Codec::kAv1);
  EXPECT_EQ(TrackAt(0).height, 64u);
  EXPECT_EQ(Video(0, Ex("91 'av01' 1200 0a0a00000002afff9b5f2008", kAv1Key)), "");
  ASSERT_EQ(items_.size(), 1u) << "the same sequence header again";
  EXPECT_EQ(FrameAt(0).flags, kClosedRandomAccess);
  EXPECT_EQ(PayloadAt(0), Hex(kAv1Key)) << "without delimiter and sequence header";
  EXPECT_EQ(Video(40, Ex("a1 'av01'", kAv1Inter)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).flags & kClosedRandomAccess, 0);
}

TEST_F(CodecsTest, Av1AnnouncedInBandAlone) {
  EXPECT_EQ(Video(0, Ex("a1 'av01'", kAv1Inter)), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(reader_.frames_without_config(), 1u);
  EXPECT_EQ(Video(0, Ex("91 'av01' 1200 0a0a00000002afff9b5f2008", kAv1Key)), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).width, 64u);
}

TEST_F(CodecsTest, Vp9TakesAKeyFrameToBeATrack) {
  EXPECT_EQ(Video(0, Ex("90 'vp09'", kVpcC)), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Video(0, Ex("a1 'vp09'", kVp9Inter)), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Video(0, Ex("91 'vp09'", kVp9Key)), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).codec_string, "vp09.00.10.08");
  EXPECT_EQ(TrackAt(0).width, 64u);
  EXPECT_EQ(FrameAt(1).flags, kClosedRandomAccess);
  EXPECT_EQ(Video(40, Ex("a1 'vp09'", kVp9Inter)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(Video(80, Ex("90 'vp09' 01000000", kVpcC)), "") << "FFmpeg: version and flags in front";
  EXPECT_EQ(Video(80, Ex("91 'vp09'", kVp9Key)), "");
  EXPECT_EQ(items_.size(), 1u) << "the same again";
}

TEST_F(CodecsTest, Vp9WithoutARecord) {
  EXPECT_EQ(Video(0, Ex("91 'vp09'", kVp9Key)), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).codec, Codec::kVp9);
}

TEST_F(CodecsTest, Opus) {
  EXPECT_EQ(Audio(0, Ex("90 'Opus'", kOpusHead)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).id, 2);
  EXPECT_EQ(TrackAt(0).channels, 1u);
  EXPECT_EQ(Audio(0, Ex("90 'Opus'", kOpusHead)), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Audio(20, Ex("91 'Opus'", kOpus)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(PayloadAt(0), Hex(kOpus));
  EXPECT_EQ(Audio(20, "90 'Opus' 'OpusHea'"), "opus_head_truncated");
  EXPECT_EQ(Audio(20, "94 'Opus' 01 01 00000004"), "");
  EXPECT_EQ(Audio(20, "92 'Opus'"), "");
  EXPECT_TRUE(items_.empty());
}

TEST_F(CodecsTest, OpusWithoutAHeaderIsStereo) {
  EXPECT_EQ(Audio(0, Ex("91 'Opus'", kOpus)), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).channels, 2u);
  EXPECT_EQ(Audio(20, Ex("91 'Opus'", kOpus)), "");
  EXPECT_EQ(items_.size(), 1u);
}

TEST_F(CodecsTest, Mp3HasNoHeader) {
  EXPECT_EQ(Audio(0, Ex("2e", kMp3)), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).codec, Codec::kMp3);
  EXPECT_EQ(TrackAt(0).sample_rate, 44100u);
  EXPECT_EQ(TrackAt(0).channels, 1u);
  EXPECT_EQ(Audio(26, Ex("2e", kMp3)), "");
  EXPECT_EQ(items_.size(), 1u);
  EXPECT_EQ(Audio(26, Ex("91 '.mp3'", kMp3)), "");
  EXPECT_EQ(items_.size(), 1u) << "the same in another form";
  EXPECT_EQ(Audio(52, "2f fffb9000 00"), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).channels, 2u) << "the next song";
  EXPECT_EQ(Audio(52, "2f 00112233"), "mp3_header_sync");
}

TEST_F(CodecsTest, G711SaysOnlyHowManyChannels) {
  EXPECT_EQ(Audio(0, "72 d5d5d5d5"), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).codec, Codec::kG711A);
  EXPECT_EQ(TrackAt(0).sample_rate, 8000u);
  EXPECT_EQ(TrackAt(0).channels, 1u);
  EXPECT_EQ(Audio(20, "72 d5d5d5d5"), "");
  EXPECT_EQ(items_.size(), 1u);
  EXPECT_EQ(Audio(40, "83 ffff"), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).codec, Codec::kG711U);
  EXPECT_EQ(TrackAt(0).channels, 2u);
}

TEST_F(CodecsTest, Flac) {
  EXPECT_EQ(Audio(0, Ex("91 'fLaC'", kFlac)), "");
  EXPECT_TRUE(items_.empty()) << "before its header";
  EXPECT_EQ(Audio(0, Ex("90 'fLaC'", kFlacHeader)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).sample_rate, 48000u);
  EXPECT_EQ(TrackAt(0).channels, 1u);
  EXPECT_EQ(Audio(0, Ex("91 'fLaC'", kFlac)), "");
  EXPECT_EQ(items_.size(), 1u);
}

TEST_F(CodecsTest, Ac3) {
  EXPECT_EQ(Audio(0, "90 'ac-3'"), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Audio(0, Ex("91 'ac-3'", kAc3)), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).sample_rate, 48000u);
  EXPECT_EQ(Audio(32, Ex("91 'ac-3'", kAc3)), "");
  EXPECT_EQ(items_.size(), 1u);
}

TEST_F(CodecsTest, NanosecondsAreAdded) {
  Video(0, Ex("90 'hvc1'", kHvcC));
  EXPECT_EQ(Video(33, Ex("97 02 051615 01 'hvc1' 000050", kHevcKey)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).dts_ns, 33'333'333);
  EXPECT_EQ(FrameAt(0).pts_ns, 113'333'333);
  Audio(0, Ex("90 'Opus'", kOpusHead));
  EXPECT_EQ(Audio(2, Ex("97 02 07a120 01 'Opus'", kOpus)), "");
  EXPECT_EQ(FrameAt(0).dts_ns, 2'500'000);
}

TEST_F(CodecsTest, Multitrack) {
  EXPECT_EQ(Video(0, Ex("17 00 000000", kAvcC)), "");
  EXPECT_EQ(Video(0, Ex("96 00 'hvc1' 01", kHvcC)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).id, TrackIdOf(TrackKind::kVideo, 1));
  EXPECT_FALSE(TrackAt(0).is_default);
  EXPECT_EQ(Video(0, Ex("96 00 'av01' 02", kAv1C)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).id, TrackIdOf(TrackKind::kVideo, 2));
  EXPECT_EQ(Audio(0, "af 00 1190"), "");
  EXPECT_EQ(Audio(0, Ex("95 00 'Opus' 01", kOpusHead)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).id, TrackIdOf(TrackKind::kAudio, 1));
  EXPECT_FALSE(TrackAt(0).is_default);
  // One body, three tracks, three codecs, each with its composition time.
  const std::string all = std::string("96 21 'avc1' 00 00000a 000028") + kAvcKey +
                          "'hvc1' 01 000013 000050" + kHevcKey + "'av01' 02 00000e" + kAv1Key;
  EXPECT_EQ(Video(40, all), "");
  ASSERT_EQ(items_.size(), 3u);
  EXPECT_EQ(FrameAt(0).track, 1);
  EXPECT_EQ(FrameAt(0).pts_ns, 80 * kNsPerMs);
  EXPECT_EQ(FrameAt(1).track, 4);
  EXPECT_EQ(FrameAt(1).pts_ns, 120 * kNsPerMs);
  EXPECT_EQ(FrameAt(2).track, 6);
  EXPECT_EQ(FrameAt(2).pts_ns, 40 * kNsPerMs);
  EXPECT_EQ(PayloadAt(2), Hex(kAv1Key));
}

TEST_F(CodecsTest, WhatIsWrongWithOneTrackLeavesTheOthers) {
  Video(0, Ex("90 'hvc1'", kHvcC));
  EXPECT_EQ(
      Video(40, std::string("96 11 'hvc1' 01 000005 000000 0009 00 000013 000000") + kHevcKey),
      "h265_nal_truncated");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).track, 1);
}

TEST_F(CodecsTest, TheCodecMayChange) {
  Video(0, Ex("17 00 000000", kAvcC));
  Video(0, Ex("17 01 000000", kAvcKey));
  EXPECT_EQ(Video(40, Ex("90 'hvc1'", kHvcC)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).codec, Codec::kH265);
  EXPECT_EQ(TrackAt(0).id, 1);
  EXPECT_EQ(Video(40, Ex("93 'hvc1'", kHevcKey)), "");
  EXPECT_EQ(items_.size(), 1u);
  EXPECT_EQ(Video(80, Ex("91 'av01'", kAv1Inter)), "") << "announced by nothing";
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Video(120, Ex("17 00 000000", kAvcC)), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).codec, Codec::kH264);
}

TEST(TrackIds, AreUnique) {
  std::vector<int> ids = {3};
  for (uint8_t track_id = 0; track_id <= kMaxTrackId; ++track_id) {
    ids.push_back(TrackIdOf(TrackKind::kVideo, track_id));
    ids.push_back(TrackIdOf(TrackKind::kAudio, track_id));
  }
  EXPECT_EQ(ids[1], 1);
  EXPECT_EQ(ids[2], 2);
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

// --- write, then read ---

struct Sample {
  const char* name;
  TagType type;
  std::string header;  // a tag body; empty where there is none
  std::string key;
  bool legacy;
  bool enhanced;
};

class RoundTripTest : public testing::TestWithParam<Sample> {};

// What a reader makes of the bodies.
std::vector<Item> ReadBodies(TagType type, const std::vector<std::vector<uint8_t>>& bodies) {
  FrameReader reader;
  std::vector<Item> items;
  for (const auto& body : bodies) {
    if (body.empty()) continue;
    const absl::Status status = reader.Read(type, 40, Payload::Copy(body), items);
    EXPECT_TRUE(status.ok()) << status;
  }
  return items;
}

TEST_P(RoundTripTest, InEachForm) {
  const Sample& sample = GetParam();
  const std::vector<Item> first = ReadBodies(sample.type, {Hex(sample.header), Hex(sample.key)});
  ASSERT_EQ(first.size(), 2u);
  const Track& track = std::get<Track>(first[0]);
  const InputFrame& read = std::get<InputFrame>(first[1]);
  Frame frame;
  frame.track = read.track;
  frame.flags = read.flags;
  frame.dts_ns = read.dts_ns;
  frame.pts_ns = read.pts_ns;
  frame.payload = read.payload;
  for (const Form form : {Form::kAuto, Form::kLegacy, Form::kEnhanced}) {
    SCOPED_TRACE(FormName(form));
    const TrackSet set{1, {track}};
    const Presentation presentation(set, {.form = form});
    const bool carried = form == Form::kLegacy     ? sample.legacy
                         : form == Form::kEnhanced ? sample.enhanced || sample.legacy
                                                   : true;
    ASSERT_EQ(!presentation.empty(), carried);
    if (!carried) continue;
    const PresentedTrack& shown = presentation.tracks()[0];
    EXPECT_EQ(shown.enhanced, form == Form::kEnhanced ? sample.enhanced
                              : form == Form::kLegacy ? false
                                                      : shown.enhanced);
    const TagPrefix prefix = FramePrefix(shown, frame);
    std::vector<uint8_t> body(Bytes(prefix).begin(), Bytes(prefix).end());
    const Bytes data = frame.data();
    body.insert(body.end(), data.begin(), data.end());
    const std::vector<Item> again = ReadBodies(sample.type, {SequenceStart(shown), body});
    ASSERT_EQ(again.size(), 2u);
    EXPECT_TRUE(std::get<Track>(again[0]) == track);
    const InputFrame& back = std::get<InputFrame>(again[1]);
    EXPECT_EQ(back.flags, read.flags);
    EXPECT_EQ(back.dts_ns, read.dts_ns);
    EXPECT_EQ(back.pts_ns, read.pts_ns);
    EXPECT_TRUE(std::ranges::equal(back.payload.bytes(), read.payload.bytes()));
  }
}

INSTANTIATE_TEST_SUITE_P(EveryCodec, RoundTripTest,
                         testing::Values(Sample{"H264", TagType::kVideo, Ex("17 00 000000", kAvcC),
                                                Ex("17 01 000050", kAvcKey), true, true},
                                         Sample{"H265", TagType::kVideo, Ex("90 'hvc1'", kHvcC),
                                                Ex("91 'hvc1' 000050", kHevcKey), true, true},
                                         Sample{"AV1", TagType::kVideo, Ex("90 'av01'", kAv1C),
                                                Ex("91 'av01'", kAv1Key), false, true},
                                         Sample{"VP9", TagType::kVideo, Ex("90 'vp09'", kVpcC),
                                                Ex("91 'vp09'", kVp9Key), false, true},
                                         Sample{"AAC", TagType::kAudio, "af 00 1190", "af 01 2110",
                                                true, true},
                                         Sample{"Opus", TagType::kAudio, Ex("90 'Opus'", kOpusHead),
                                                Ex("91 'Opus'", kOpus), false, true}),
                         [](const auto& info) { return std::string(info.param.name); });

// Players expect AV1's sequence header in front of each key frame.
TEST(RoundTrip, Av1KeyFramesBearTheSequenceHeader) {
  const std::vector<Item> items =
      ReadBodies(TagType::kVideo, {Hex(Ex("90 'av01'", kAv1C)), Hex(Ex("91 'av01'", kAv1Key))});
  ASSERT_EQ(items.size(), 2u);
  const Track& track = std::get<Track>(items[0]);
  Frame frame;
  frame.flags = kClosedRandomAccess;
  const TagPrefix key = FramePrefix({&track, true, 0}, frame);
  const std::vector<uint8_t> expected = Hex(Ex("91 'av01'", kAv1Sequence));
  EXPECT_TRUE(std::ranges::equal(Bytes(key), expected));
  frame.flags = 0;
  EXPECT_EQ(FramePrefix({&track, true, 0}, frame).size(), 5u);
}

}  // namespace
}  // namespace millrace::media::flv
