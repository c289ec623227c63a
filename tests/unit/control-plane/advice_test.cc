#include "control-plane/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

v1::Stream WithSound(const char* codec) {
  v1::Stream stream;
  v1::TrackSummary& track = *stream.add_tracks();
  track.set_id(2);
  track.set_codec(codec);
  return stream;
}

TEST(Advice, LongGops) {
  v1::Stream stream = WithSound("aac");
  EXPECT_THAT(AdviceOn(stream), IsEmpty());
  stream.set_key_frame_interval_ms(2'000);
  EXPECT_THAT(AdviceOn(stream), IsEmpty());
  stream.set_key_frame_interval_ms(8'333);
  EXPECT_THAT(AdviceOn(stream), ElementsAre(HasSubstr("every 8.3 s")));
}

TEST(Advice, SoundThatNotEverybodyHears) {
  EXPECT_THAT(AdviceOn(WithSound("mp3")), IsEmpty());
  EXPECT_THAT(AdviceOn(WithSound("g711a")), ElementsAre(HasSubstr("browsers do not play")));
  EXPECT_THAT(AdviceOn(WithSound("g726")), ElementsAre(HasSubstr("Track 2 (g726) is left out")));
  EXPECT_THAT(AdviceOn(WithSound("opus")), ElementsAre(HasSubstr("enhanced FLV")));
}

}  // namespace
}  // namespace millrace::control
