#include "media/codec/mjpeg/image.h"

#include <gtest/gtest.h>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"

namespace millrace::media::mjpeg {
namespace {

using tests::Hex;

TEST(MjpegImage, SaysItsSize) {
  const struct {
    const char* name;
    std::vector<uint8_t> image;
    Size size;
  } cases[] = {
      {"baseline", Hex("ffd8 ffdb0003aa ffc0000b08 00f0 0140 01 011100 ffda0002"), {320, 240}},
      {"JFIF first",
       Hex("ffd8 ffe000044a46 ffc0000b08 0438 0780 01 011100 ffda0002"),
       {1920, 1080}},
      {"progressive", Hex("ffd8 ffc2000b08 0010 0020 01 011100 ffda0002"), {32, 16}},
      {"fill bytes", Hex("ffd8 ffffffc0000b08 0010 0020 01 011100"), {32, 16}},
      {"Huffman tables are no frame header",
       Hex("ffd8 ffc40003aa ffc0000b08 0010 0020 01 011100"),
       {32, 16}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("mjpeg_fuzz", c.name, c.image);
    const auto size = ReadSize(c.image);
    ASSERT_TRUE(size.ok()) << size.status();
    EXPECT_EQ(*size, c.size);
  }
}

TEST(MjpegImage, RefusesByName) {
  const struct {
    const char* name;
    std::vector<uint8_t> image;
    MjpegError error;
  } cases[] = {
      {"nothing", {}, MjpegError::kNoImage},
      {"no SOI", Hex("ffc0000b08"), MjpegError::kNoImage},
      {"SOI alone", Hex("ffd8"), MjpegError::kSegmentTruncated},
      {"something between segments", Hex("ffd8 00ffc0000b08"), MjpegError::kNoImage},
      {"a segment beyond the end", Hex("ffd8 ffdb0043aa"), MjpegError::kSegmentTruncated},
      {"a length of less than itself", Hex("ffd8 ffdb0001aa"), MjpegError::kSegmentTruncated},
      {"fill bytes without end", Hex("ffd8 ffffffff"), MjpegError::kSegmentTruncated},
      {"a scan without a frame", Hex("ffd8 ffda0002"), MjpegError::kNoFrame},
      {"no width", Hex("ffd8 ffc0000b08 0010 0000 01 011100"), MjpegError::kBadFrame},
      {"a height that comes later", Hex("ffd8 ffc0000b08 0000 0010 01 011100"),
       MjpegError::kBadFrame},
      {"half a frame header", Hex("ffd8 ffc0000408 00"), MjpegError::kBadFrame},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("mjpeg_fuzz", c.name, c.image);
    EXPECT_EQ(FaultName(ReadSize(c.image).status()), MjpegErrorName(c.error));
  }
}

TEST(MjpegImage, SegmentsEndWithTheScan) {
  const std::vector<uint8_t> image = Hex("ffd8 ffdb0003aa ffda000301 1234ffd9");
  SegmentReader reader(image);
  auto segment = reader.Next();
  ASSERT_TRUE(segment.ok() && segment->has_value());
  EXPECT_EQ((*segment)->marker, kDqt);
  EXPECT_EQ((*segment)->body.size(), 1u);
  segment = reader.Next();
  ASSERT_TRUE(segment.ok() && segment->has_value());
  EXPECT_EQ((*segment)->marker, kSos);
  segment = reader.Next();
  ASSERT_TRUE(segment.ok());
  EXPECT_FALSE(segment->has_value());
  EXPECT_EQ(reader.Rest().size(), 4u);
}

TEST(MjpegImage, MakesATrack) {
  const Track track = MakeTrack({640, 480});
  EXPECT_EQ(track.id, 1);
  EXPECT_EQ(track.codec, Codec::kMjpeg);
  EXPECT_EQ(track.width, 640u);
  EXPECT_EQ(track.height, 480u);
  EXPECT_TRUE(track.config.empty());
}

}  // namespace
}  // namespace millrace::media::mjpeg
