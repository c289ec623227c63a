#include "media/flv/color_info.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "media/amf/amf0.h"
#include "media/base/fault.h"
#include "media/flv/frame_reader.h"
#include "media/flv/muxer.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::flv {
namespace {

using tests::Hex;

const Color kHdr = {.bit_depth = 10,
                    .primaries = 9,
                    .transfer = 16,
                    .matrix = 9,
                    .light = ContentLight{.max_frame_average = 400, .max_content = 1000},
                    .mastering = MasteringDisplay{.red_x = 0.708,
                                                  .red_y = 0.292,
                                                  .green_x = 0.17,
                                                  .green_y = 0.797,
                                                  .blue_x = 0.131,
                                                  .blue_y = 0.046,
                                                  .white_x = 0.3127,
                                                  .white_y = 0.329,
                                                  .max_luminance = 1000,
                                                  .min_luminance = 0.005}};

std::vector<uint8_t> Amf(const std::vector<amf::Value>& values) {
  std::vector<uint8_t> data;
  ByteWriter writer(data);
  for (const amf::Value& value : values) amf::EncodeAmf0(writer, value);
  return data;
}

TEST(ColorInfo, RoundTrip) {
  const Color few = {.bit_depth = 10, .light = std::nullopt, .mastering = std::nullopt};
  for (const Color& color : {kHdr, few, Color()}) {
    const auto read = ReadColorInfo(WriteColorInfo(color));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, color);
  }
  const auto taken_back = ReadColorInfo(WriteColorInfo(std::nullopt));
  ASSERT_TRUE(taken_back.ok());
  EXPECT_EQ(*taken_back, Color());
}

TEST(ColorInfo, WhatCannotBeIsLeftOut) {
  const auto read = ReadColorInfo(Amf(
      {"colorInfo",
       amf::MakeObject({{"colorConfig", amf::MakeObject({{"bitDepth", 300},
                                                         {"colorPrimaries", -1},
                                                         {"transferCharacteristics", "PQ"},
                                                         {"matrixCoefficients", std::nan("")}})},
                        {"hdrCll", amf::MakeObject({{"maxFall", -3}, {"maxCLL", HUGE_VAL}})},
                        {"hdrMdcv", 7}})}));
  ASSERT_TRUE(read.ok());
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ(**read, (Color{.light = ContentLight(), .mastering = std::nullopt}));
}

TEST(ColorInfo, OtherThings) {
  EXPECT_EQ(*ReadColorInfo({}), std::nullopt);
  EXPECT_EQ(*ReadColorInfo(Amf({"other", 1, "colorInfo"})), std::nullopt);
  EXPECT_EQ(**ReadColorInfo(Amf({"other", 1, "colorInfo", amf::Value()})), Color());
  EXPECT_EQ(FaultName(ReadColorInfo(Hex("02 00ff 'x'")).status()), "amf_truncated");
}

// A publisher's tags to tracks, and tracks to a viewer's tags.
class RelayedColor : public testing::Test {
 protected:
  void TearDown() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    tests::WriteSeed("flv_demuxer_fuzz", std::string("color_") + info->name(), file_);
  }
  void Read(std::vector<uint8_t> body) {
    items_.clear();
    ByteWriter writer(file_);
    if (file_.empty()) writer.Append(FlvFileHeader(false, true));
    writer.Append(TagHeader(TagType::kVideo, body.size(), 0));
    writer.Append(body);
    writer.Append(PreviousTagSize(body.size()));
    EXPECT_TRUE(
        reader_.Read(TagType::kVideo, 0, Payload::FromVector(std::move(body)), items_).ok());
  }
  static std::vector<uint8_t> Tag(const char* head, const std::vector<uint8_t>& data) {
    std::vector<uint8_t> body = Hex(head);
    body.insert(body.end(), data.begin(), data.end());
    return body;
  }
  static std::vector<uint8_t> Metadata(const std::optional<Color>& color) {
    return Tag("94 'av01'", WriteColorInfo(color));
  }
  static std::vector<uint8_t> Start() {
    return Tag("90 'av01'", Hex("81014c00 0a0e0000000cc4ff6736be5424402410"));
  }
  const Track& track() { return std::get<Track>(items_.at(0)); }
  static std::vector<std::vector<uint8_t>> Announced(const Track& track, const TrackSet& known) {
    const TrackSet set{.version = 1, .tracks = {track}};
    PresentationOptions options;
    options.form = Form::kEnhanced;
    options.enhanced = CodecSet::All();
    std::vector<std::vector<uint8_t>> bodies;
    for (Announcement& one : Announce(Presentation(set, options), known, "1")) {
      if (one.type == TagType::kVideo) bodies.push_back(std::move(one.body));
    }
    return bodies;
  }

  FrameReader reader_;
  std::vector<Item> items_;
  std::vector<uint8_t> file_;
};

TEST_F(RelayedColor, BehindTheConfiguration) {
  Read(Start());
  const Track plain = track();
  EXPECT_EQ(plain.color, std::nullopt);
  Read(Metadata(kHdr));
  const Track hdr = track();
  EXPECT_EQ(hdr.color, kHdr);
  EXPECT_EQ(hdr.config, plain.config);
  Read(Metadata(kHdr));
  EXPECT_TRUE(items_.empty()) << "the same again";
  EXPECT_EQ(Announced(plain, {}).size(), 1u);
  const auto both = Announced(hdr, {});
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[1], Metadata(kHdr));
  const auto change = Announced(hdr, {.version = 1, .tracks = {plain}});
  ASSERT_EQ(change.size(), 1u);
  EXPECT_EQ(change[0], Metadata(kHdr));
}

TEST_F(RelayedColor, BeforeTheConfigurationAndTakenBack) {
  Read(Metadata(kHdr));
  EXPECT_TRUE(items_.empty());
  Read(Start());
  const Track hdr = track();
  EXPECT_EQ(hdr.color, kHdr);
  Read(Metadata(std::nullopt));
  EXPECT_EQ(track().color, std::nullopt);
  const auto change = Announced(track(), {.version = 1, .tracks = {hdr}});
  ASSERT_EQ(change.size(), 1u);
  EXPECT_EQ(change[0], Metadata(std::nullopt));
}

}  // namespace
}  // namespace millrace::media::flv
