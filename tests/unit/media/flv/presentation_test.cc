#include "media/flv/presentation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace millrace::media::flv {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Track Make(uint8_t id, Codec codec, uint32_t rate = 48'000, uint32_t channels = 2) {
  Track track;
  track.id = id;
  track.kind = KindOf(codec);
  track.codec = codec;
  if (track.kind == TrackKind::kAudio) {
    track.sample_rate = rate;
    track.channels = channels;
  }
  return track;
}

// "h264" (legacy), "h265+" (enhanced), "h265+1" (additional, number 1).
std::vector<std::string> Shown(const std::vector<Track>& tracks, PresentationOptions options) {
  const TrackSet set{1, tracks};
  std::vector<std::string> shown;
  const Presentation presentation(set, options);
  for (const PresentedTrack& one : presentation.tracks()) {
    std::string text = CodecName(one.track->codec);
    if (one.enhanced) text += "+";
    if (one.track_id > 0) text += std::to_string(one.track_id);
    shown.push_back(text);
  }
  return shown;
}

TEST(Presentation, EachCodecInEachForm) {
  const struct {
    Track track;
    const char* by_default;
    const char* legacy;
    const char* enhanced;
  } cases[] = {
      {Make(1, Codec::kH264), "h264", "h264", "h264+"},
      {Make(1, Codec::kH265), "h265+", "h265", "h265+"},
      {Make(1, Codec::kAv1), "av1+", "", "av1+"},
      {Make(1, Codec::kVp9), "vp9+", "", "vp9+"},
      {Make(2, Codec::kAac), "aac", "aac", "aac+"},
      {Make(2, Codec::kMp3), "mp3", "mp3", "mp3+"},
      {Make(2, Codec::kOpus), "opus+", "", "opus+"},
      {Make(2, Codec::kFlac), "flac+", "", "flac+"},
      {Make(2, Codec::kAc3), "ac3+", "", "ac3+"},
      {Make(2, Codec::kG711A, 8000, 1), "g711a", "g711a", "g711a"},
      {Make(2, Codec::kG711U, 8000, 2), "g711u", "g711u", "g711u"},
      {Make(2, Codec::kG711U, 16000, 1), "", "", ""},  // its rate could not be told
      {Make(2, Codec::kG726), "", "", ""},
      {Make(3, Codec::kMetadata), "metadata", "metadata", "metadata"},
      {Make(3, Codec::kScte35), "", "", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(CodecName(c.track.codec));
    const auto expect = [&](Form form, std::string text) {
      const auto shown = Shown({c.track}, {.form = form});
      EXPECT_EQ(shown, text.empty() ? std::vector<std::string>() : std::vector{text})
          << FormName(form);
    };
    expect(Form::kAuto, c.by_default);
    expect(Form::kLegacy, c.legacy);
    expect(Form::kEnhanced, c.enhanced);
  }
}

TEST(Presentation, AReceiverIsSentOnlyWhatItTakes) {
  const std::vector<Track> tracks = {Make(1, Codec::kH265), Make(2, Codec::kOpus)};
  CodecSet hevc;
  hevc.Add(Codec::kH265);
  EXPECT_THAT(Shown(tracks, {.enhanced = hevc}), ElementsAre("h265+"));
  EXPECT_THAT(Shown(tracks, {.enhanced = CodecSet()}), IsEmpty());
  EXPECT_THAT(Shown({Make(1, Codec::kH264), Make(2, Codec::kAac)}, {.enhanced = CodecSet()}),
              ElementsAre("h264", "aac"));
  EXPECT_THAT(Shown(tracks, {.video = false}), ElementsAre("opus+"));
  EXPECT_THAT(Shown(tracks, {.audio = false}), ElementsAre("h265+"));
}

TEST(Presentation, TheFirstThatCanBeTakenIsTheMainTrack) {
  const std::vector<Track> tracks = {Make(1, Codec::kAv1), Make(2, Codec::kOpus),
                                     Make(4, Codec::kH264), Make(5, Codec::kAac)};
  EXPECT_THAT(Shown(tracks, {.form = Form::kLegacy}), ElementsAre("h264", "aac"));
}

TEST(Presentation, AdditionalTracksAreForMultitrackReceivers) {
  const std::vector<Track> tracks = {Make(1, Codec::kH264), Make(2, Codec::kAac),
                                     Make(4, Codec::kAv1),  Make(5, Codec::kOpus),
                                     Make(6, Codec::kH264), Make(7, Codec::kG711A, 8000, 1)};
  EXPECT_THAT(Shown(tracks, {}), ElementsAre("h264", "aac"));
  EXPECT_THAT(Shown(tracks, {.form = Form::kLegacy, .multitrack = true}),
              ElementsAre("h264", "aac"));
  EXPECT_THAT(Shown(tracks, {.multitrack = true}),
              ElementsAre("h264", "aac", "av1+1", "opus+1", "h264+2"));
  EXPECT_THAT(Shown(tracks, {.form = Form::kEnhanced}),
              ElementsAre("h264+", "aac+", "av1+1", "opus+1", "h264+2"));
}

TEST(Presentation, MetadataAloneIsNothingToPlay) {
  const TrackSet set{1, {Make(3, Codec::kMetadata)}};
  const Presentation presentation(set, {});
  EXPECT_TRUE(presentation.empty());
  EXPECT_NE(presentation.Find(3), nullptr);
}

TEST(Presentation, FormsHaveNames) {
  EXPECT_EQ(FindForm("legacy"), Form::kLegacy);
  EXPECT_EQ(FindForm("enhanced"), Form::kEnhanced);
  EXPECT_EQ(FindForm("auto"), std::nullopt);
  EXPECT_EQ(FindForm(""), std::nullopt);
}

}  // namespace
}  // namespace millrace::media::flv
