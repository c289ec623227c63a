#include "media/frame/track.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::media {
namespace {

TEST(Codec, NamesAndKinds) {
  const struct {
    Codec codec;
    const char* name;
    TrackKind kind;
  } cases[] = {
      {Codec::kH264, "h264", TrackKind::kVideo},
      {Codec::kH265, "h265", TrackKind::kVideo},
      {Codec::kAv1, "av1", TrackKind::kVideo},
      {Codec::kVp9, "vp9", TrackKind::kVideo},
      {Codec::kMjpeg, "mjpeg", TrackKind::kVideo},
      {Codec::kAac, "aac", TrackKind::kAudio},
      {Codec::kOpus, "opus", TrackKind::kAudio},
      {Codec::kMp3, "mp3", TrackKind::kAudio},
      {Codec::kFlac, "flac", TrackKind::kAudio},
      {Codec::kAc3, "ac3", TrackKind::kAudio},
      {Codec::kG711A, "g711a", TrackKind::kAudio},
      {Codec::kG711U, "g711u", TrackKind::kAudio},
      {Codec::kG726, "g726", TrackKind::kAudio},
      {Codec::kPcm, "pcm", TrackKind::kAudio},
      {Codec::kMetadata, "metadata", TrackKind::kData},
      {Codec::kCaptions, "captions", TrackKind::kData},
      {Codec::kScte35, "scte35", TrackKind::kData},
  };
  for (const auto& c : cases) {
    EXPECT_STREQ(CodecName(c.codec), c.name);
    EXPECT_EQ(KindOf(c.codec), c.kind) << c.name;
  }
  EXPECT_STREQ(CodecName(static_cast<Codec>(999)), "unknown");
}

TEST(TrackSet, Finds) {
  TrackSet set;
  set.tracks.push_back({.id = 2, .kind = TrackKind::kAudio, .codec = Codec::kAac});
  set.tracks.push_back({.id = 1, .kind = TrackKind::kVideo, .codec = Codec::kH264});
  EXPECT_EQ(set.Find(1)->codec, Codec::kH264);
  EXPECT_EQ(set.Find(3), nullptr);
  EXPECT_EQ(set.FirstOf(TrackKind::kAudio)->id, 2);
  EXPECT_EQ(set.FirstOf(TrackKind::kData), nullptr);
}

}  // namespace
}  // namespace millrace::media
