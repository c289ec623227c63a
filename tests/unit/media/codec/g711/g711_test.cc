#include "media/codec/g711/g711.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace millrace::media::g711 {
namespace {

// Weighted sums over the whole table, as of what ffmpeg decodes the bytes 0 to 255 to.
struct Sums {
  int64_t magnitudes = 0;
  int64_t weighted = 0;
};

Sums SumsOf(const std::array<int16_t, 256>& table) {
  Sums sums;
  for (int64_t i = 0; i < 256; ++i) {
    sums.magnitudes += std::abs(table[i]);
    sums.weighted += (i + 1) * table[i];
  }
  return sums;
}

TEST(G711, DecodesALawAsFfmpegDoes) {
  EXPECT_EQ(kALawToS16[0x00], -5504);
  EXPECT_EQ(kALawToS16[0x55], -8) << "the smallest";
  EXPECT_EQ(kALawToS16[0xd5], 8);
  EXPECT_EQ(kALawToS16[0x7f], -848);
  EXPECT_EQ(kALawToS16[0xaa], 32256) << "the largest";
  const Sums sums = SumsOf(kALawToS16);
  EXPECT_EQ(sums.magnitudes, 1564672);
  EXPECT_EQ(sums.weighted, 100139008);
}

TEST(G711, DecodesULawAsFfmpegDoes) {
  EXPECT_EQ(kULawToS16[0x00], -32124) << "the largest";
  EXPECT_EQ(kULawToS16[0x80], 32124);
  EXPECT_EQ(kULawToS16[0x7f], 0);
  EXPECT_EQ(kULawToS16[0xff], 0);
  EXPECT_EQ(kULawToS16[0xd5], 716);
  const Sums sums = SumsOf(kULawToS16);
  EXPECT_EQ(sums.magnitudes, 1532928);
  EXPECT_EQ(sums.weighted, 98107392);
}

TEST(G711, MakesATrack) {
  const Track track = MakeTrack(Law::kA, 8000, 1);
  EXPECT_EQ(track.id, 2);
  EXPECT_EQ(track.kind, TrackKind::kAudio);
  EXPECT_EQ(track.codec, Codec::kG711A);
  EXPECT_TRUE(track.config.empty());
  EXPECT_EQ(track.codec_string, "alaw");
  EXPECT_EQ(track.sample_rate, 8000u);
  EXPECT_EQ(track.channels, 1u);
  EXPECT_EQ(MakeTrack(Law::kU, 16000, 2).codec, Codec::kG711U);
  EXPECT_EQ(MakeTrack(Law::kU, 16000, 2).codec_string, "ulaw");
  EXPECT_EQ(SamplesIn(160, 1), 160u);
  EXPECT_EQ(SamplesIn(160, 2), 80u);
}

}  // namespace
}  // namespace millrace::media::g711
