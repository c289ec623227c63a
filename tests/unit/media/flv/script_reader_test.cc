#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "media/amf/amf0.h"
#include "media/base/fault.h"
#include "media/base/ticks.h"
#include "media/flv/frame_reader.h"
#include "media/flv/muxer.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::flv {
namespace {

using amf::MakeEcmaArray;
using amf::MakeObject;
using tests::Hex;

class ScriptsTest : public testing::Test {
 protected:
  void TearDown() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    tests::WriteSeed("flv_demuxer_fuzz", info->name(), file_);
  }
  std::string Read(TagType type, int64_t ms, std::vector<uint8_t> body) {
    items_.clear();
    ByteWriter writer(file_);
    if (file_.empty()) writer.Append(FlvFileHeader(true, true));
    writer.Append(TagHeader(type, body.size(), static_cast<uint32_t>(ms)));
    writer.Append(body);
    writer.Append(PreviousTagSize(body.size()));
    return FaultName(reader_.Read(type, ms, Payload::FromVector(std::move(body)), items_));
  }
  std::string Script(int64_t ms, const std::vector<amf::Value>& values) {
    return Read(TagType::kScript, ms, Amf(values));
  }
  void StartAudio(int64_t ms) {
    Read(TagType::kAudio, ms, Hex("af 00 1190"));
    Read(TagType::kAudio, ms, Hex("af 01 2110"));
  }
  static std::vector<uint8_t> Amf(const std::vector<amf::Value>& values) {
    std::vector<uint8_t> body;
    ByteWriter writer(body);
    for (const amf::Value& value : values) amf::EncodeAmf0(writer, value);
    return body;
  }
  // Of the last item, which is a data frame.
  std::vector<uint8_t> Body() {
    const auto& frame = std::get<InputFrame>(items_.back());
    EXPECT_EQ(frame.track, kDataTrackId);
    EXPECT_EQ(frame.dts_ns, frame.pts_ns);
    const Bytes bytes = frame.payload.bytes();
    return {bytes.begin(), bytes.end()};
  }
  // Of the last item, which is the data track.
  std::vector<uint8_t> Config() {
    const auto& track = std::get<Track>(items_.back());
    EXPECT_EQ(track.id, kDataTrackId);
    EXPECT_EQ(track.kind, TrackKind::kData);
    return track.config;
  }
  int64_t Time() { return std::get<InputFrame>(items_.back()).dts_ns / kNsPerMs; }

  FrameReader reader_;
  std::vector<Item> items_;
  std::vector<uint8_t> file_;
};

TEST_F(ScriptsTest, ACuePointTravelsInOrderWithTheMedia) {
  StartAudio(1000);
  const std::vector<amf::Value> cue = {"onCuePoint", MakeObject({{"name", "ad"}, {"time", 1.02}})};
  EXPECT_EQ(Script(1020, cue), "");
  ASSERT_EQ(items_.size(), 2u);
  const Track& track = std::get<Track>(items_[0]);
  EXPECT_EQ(track.id, kDataTrackId);
  EXPECT_EQ(track.codec, Codec::kMetadata);
  EXPECT_EQ(Body(), Amf(cue));
  EXPECT_EQ(Time(), 1020);
  EXPECT_EQ(Script(1040, cue), "");
  EXPECT_EQ(items_.size(), 1u) << "the track is known, the cue point is another one";
}

TEST_F(ScriptsTest, CaptionsAreRelayed) {
  StartAudio(0);
  for (const char* name : {"onTextData", "onCaption", "onCaptionInfo"}) {
    EXPECT_EQ(Script(0, {name, MakeObject({{"text", "hello"}})}), "");
    EXPECT_EQ(Body(), Amf({name, MakeObject({{"text", "hello"}})}));
  }
}

TEST_F(ScriptsTest, OfMetadataOnlyWhatTheTracksDoNotSay) {
  StartAudio(0);
  EXPECT_EQ(Script(0, {"@setDataFrame", "onMetaData",
                       MakeEcmaArray({{"width", 1280},
                                      {"videocodecid", 7},
                                      {"fileSize", 0},
                                      {"title", "Launch"},
                                      {"5.1", false},
                                      {"encoder", "obs"}})}),
            "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(Config(), Amf({MakeEcmaArray({{"title", "Launch"}})}));
  EXPECT_EQ(Script(40, {"onMetaData", MakeEcmaArray({{"title", "Launch"}, {"width", 640}})}), "");
  EXPECT_TRUE(items_.empty()) << "the same again";
}

TEST_F(ScriptsTest, MetadataThatChangesOftenIsNotAConfigurationEachTime) {
  StartAudio(0);
  EXPECT_EQ(Script(0, {"onMetaData", MakeEcmaArray({{"title", "Launch"}})}), "");
  EXPECT_EQ(Config(), Amf({MakeEcmaArray({{"title", "Launch"}})}));
  EXPECT_EQ(Script(80, {"onMetaData", MakeEcmaArray({{"title", "Landing"}, {"width", 2}})}), "");
  EXPECT_EQ(Body(), Amf({"onMetaData", MakeEcmaArray({{"title", "Landing"}})}));
  Read(TagType::kAudio, 10'000, Hex("af 01 2110"));
  EXPECT_EQ(Script(10'000, {"onMetaData", MakeEcmaArray({{"title", "Back"}})}), "");
  EXPECT_EQ(Config(), Amf({MakeEcmaArray({{"title", "Back"}})}));
}

TEST_F(ScriptsTest, TrackFactsAloneMakeNoDataTrack) {
  StartAudio(0);
  EXPECT_EQ(Script(0, {"onMetaData", MakeEcmaArray({{"duration", 0},
                                                    {"framerate", 25},
                                                    {"audiochannels", 2},
                                                    {"2.1", false},
                                                    {"encoder", "Lavf59"}})}),
            "");
  EXPECT_EQ(Script(0, {"onMetaData"}), "");
  EXPECT_EQ(Script(0, {"onStatus", MakeObject({{"code", "x"}})}), "");
  EXPECT_TRUE(items_.empty());
}

TEST_F(ScriptsTest, WhatComesFirstWaitsForTheMedia) {
  EXPECT_EQ(Script(0, {"onMetaData", MakeEcmaArray({{"title", "Launch"}})}), "");
  EXPECT_EQ(Config(), Amf({MakeEcmaArray({{"title", "Launch"}})})) << "announced at once";
  EXPECT_EQ(Script(0, {"onCuePoint", MakeObject({{"name", "ad"}})}), "");
  EXPECT_TRUE(items_.empty());
  Read(TagType::kAudio, 5'000'000, Hex("af 00 1190"));
  EXPECT_EQ(items_.size(), 1u);
  Read(TagType::kAudio, 5'000'000, Hex("af 01 2110"));
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(std::get<InputFrame>(items_[0]).track, 2);
  EXPECT_EQ(Body(), Amf({"onCuePoint", MakeObject({{"name", "ad"}})}));
  EXPECT_EQ(Time(), 5'000'000) << "the media's time, not 0";
}

TEST_F(ScriptsTest, ScriptsWithoutATimeGetThatOfTheMedia) {
  StartAudio(60'000);
  EXPECT_EQ(Script(0, {"onCuePoint", MakeObject({{"name", "ad"}})}), "");
  EXPECT_EQ(Time(), 60'000);
}

TEST_F(ScriptsTest, FewWaitAndFewBytesAreRead) {
  for (int i = 0; i < 100; ++i) Script(0, {"onCuePoint", i});
  Read(TagType::kAudio, 0, Hex("af 00 1190"));
  Read(TagType::kAudio, 0, Hex("af 01 2110"));
  EXPECT_EQ(items_.size(), 1u + 8u);
  EXPECT_EQ(Script(0, {"onCuePoint", std::string(100'000, 'x')}), "amf_string_too_long");
  EXPECT_EQ(Read(TagType::kScript, 0, Hex("05")), "flv_bad_script");
  EXPECT_EQ(Read(TagType::kScript, 0, {}), "flv_bad_script");
}

}  // namespace
}  // namespace millrace::media::flv
