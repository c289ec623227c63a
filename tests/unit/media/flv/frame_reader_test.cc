#include "media/flv/frame_reader.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "media/base/ticks.h"
#include "media/frame/frame.h"
#include "tests/support/hex.h"

namespace millrace::media::flv {
namespace {

using tests::Hex;

constexpr char kRecord[] =
    "17 00 000000 0164000dffe10019 6764000dacd941519e226c04400000fa40003a9803c50a6580 010006 "
    "68ebe3cb22c0 fdf8f800";
constexpr char kSps[] = "00000019 6764000dacd941519e226c04400000fa40003a9803c50a6580";
constexpr char kBrokenSps[] = "0000001c 6742c01fd9005005bbff000300041000000300100000030320f1832480";
constexpr char kOtherSps[] = "0000001d 6742c01fd9005005bbff000300041000000300100000030320f1832480";
constexpr char kPps[] = "00000006 68ebe3cb22c0";
constexpr char kIdr[] = "00000003 65 88 84";
constexpr char kP[] = "00000003 41 9a 00";
constexpr char kI[] = "00000005 06 06 01 c4 80 00000003 41 88 84";

class FrameReaderTest : public testing::Test {
 protected:
  // Reads one tag; what it held is in items_.
  std::string Read(TagType type, int64_t ms, const std::string& hex) {
    items_.clear();
    return FaultName(reader_.Read(type, ms, Payload::FromVector(Hex(hex)), items_));
  }
  std::string Video(int64_t ms, const std::string& hex) { return Read(TagType::kVideo, ms, hex); }
  std::string Audio(int64_t ms, const std::string& hex) { return Read(TagType::kAudio, ms, hex); }
  const Track& TrackAt(size_t i) { return std::get<Track>(items_.at(i)); }
  const InputFrame& FrameAt(size_t i) { return std::get<InputFrame>(items_.at(i)); }

  FrameReader reader_;
  std::vector<Item> items_;
};

TEST_F(FrameReaderTest, FfmpegStream) {
  EXPECT_EQ(Read(TagType::kScript, 0, "02 000a 'onMetaData'"), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Video(0, kRecord), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).codec_string, "avc1.64000d");
  EXPECT_EQ(Audio(0, "af 00 1210 56e500"), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).codec_string, "mp4a.40.2");
  EXPECT_EQ(Video(40, std::string("17 01 000043") + kIdr), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).track, 1);
  EXPECT_EQ(FrameAt(0).flags, kClosedRandomAccess);
  EXPECT_EQ(FrameAt(0).dts_ns, 40 * kNsPerMs);
  EXPECT_EQ(FrameAt(0).pts_ns, 107 * kNsPerMs);
  EXPECT_EQ(FrameAt(0).payload.size(), 7u);
  EXPECT_EQ(Audio(44, "af 01 2110"), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).track, 2);
  EXPECT_EQ(FrameAt(0).flags, kClosedRandomAccess);
  EXPECT_EQ(FrameAt(0).payload.size(), 2u);
  EXPECT_EQ(Video(5000, "17 02 000000"), "") << "end of sequence";
  EXPECT_TRUE(items_.empty());
}

TEST_F(FrameReaderTest, RepeatedConfigurationsAreIgnoredAndChangedOnesReported) {
  Video(0, kRecord);
  Audio(0, "af 00 1210");
  EXPECT_EQ(Video(0, kRecord), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Audio(0, "af 00 1210"), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Audio(0, "af 00 1190"), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(TrackAt(0).sample_rate, 48000u);
  EXPECT_EQ(Audio(0, "af 00 12"), "aac_config_truncated");
  EXPECT_EQ(Audio(0, "af 01 2110"), "") << "the one in force stays";
  EXPECT_EQ(items_.size(), 1u);
}

TEST_F(FrameReaderTest, ParameterSetsInBand) {
  Video(0, kRecord);
  EXPECT_EQ(Video(0, std::string("17 01 000000 00000002 09f0") + kSps + kPps + kIdr), "");
  ASSERT_EQ(items_.size(), 1u) << "the same again";
  EXPECT_EQ(FrameAt(0).payload.size(), 7u);
  EXPECT_EQ(Video(40, std::string("17 01 000000") + kOtherSps + kPps + kIdr), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).width, 1280u) << "first the new track";
  EXPECT_EQ(FrameAt(1).flags, kClosedRandomAccess) << "then the frame";
  EXPECT_EQ(Video(80, std::string("17 01 000000") + kBrokenSps + kPps + kIdr),
            "h264_nal_truncated");
}

TEST_F(FrameReaderTest, EncoderWithoutSequenceHeader) {
  EXPECT_EQ(Video(0, std::string("27 01 000000") + kP), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(reader_.frames_without_config(), 1u);
  EXPECT_EQ(Video(40, std::string("17 01 000000") + kSps + kPps + kIdr), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).width, 322u);
  EXPECT_EQ(Audio(40, "af 01 2110"), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(reader_.frames_without_config(), 2u);
}

TEST_F(FrameReaderTest, EncoderThatLeavesAdtsHeadersOn) {
  EXPECT_EQ(Audio(0, "af 01 fff15080 013ffc 2110"), "");
  ASSERT_EQ(items_.size(), 2u);
  EXPECT_EQ(TrackAt(0).config, Hex("1210"));
  EXPECT_EQ(FrameAt(1).payload.size(), 2u);
}

TEST_F(FrameReaderTest, OpenGopHasLeadingPictures) {
  Video(0, kRecord);
  Video(0, std::string("17 01 000000") + kIdr);
  EXPECT_EQ(Video(40, std::string("17 01 000050") + kI), "");
  ASSERT_EQ(items_.size(), 1u);
  EXPECT_EQ(FrameAt(0).flags, kOpenRandomAccess);
  Video(80, std::string("27 01 000000") + kP);
  EXPECT_EQ(FrameAt(0).flags, kLeading);
  Video(120, std::string("27 01 000028") + kP);
  EXPECT_EQ(FrameAt(0).flags, 0);
}

TEST_F(FrameReaderTest, EmptyUnitsYieldNothing) {
  Video(0, kRecord);
  Audio(0, "af 00 1210");
  EXPECT_EQ(Video(40, "27 01 000000"), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Video(40, "27 01 000000 00000002 09f0"), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Audio(40, "af 01"), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Video(40, "57 00"), "");
  EXPECT_TRUE(items_.empty());
  EXPECT_EQ(Video(40, ""), "flv_empty_body");
}

}  // namespace
}  // namespace millrace::media::flv
