#include "gateways/rtmp/protocol/enhanced.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::rtmp {
namespace {

using media::Codec;
using media::amf::MakeEcmaArray;
using media::amf::MakeObject;
using media::amf::Property;
using media::amf::StrictArray;
using media::amf::Value;
using testing::ElementsAre;
using testing::IsEmpty;

Value List(std::vector<Value> values) { return StrictArray{std::move(values)}; }

std::string Codecs(const EnhancedClient& client) {
  std::string text;
  for (const Codec codec : media::flv::FourCcCodecs()) {
    if (client.takes.Has(codec)) text += std::string(text.empty() ? "" : " ") + CodecName(codec);
  }
  return text;
}

constexpr char kAll[] = "h264 h265 av1 vp9 aac opus mp3 flac ac3";

TEST(Enhanced, WhatClientsAnnounce) {
  const struct {
    const char* name;
    std::vector<Property> connect;
    bool announced;
    const char* takes;
    bool multitrack;
  } cases[] = {
      {"legacy", {{"app", "live"}}, false, "", false},
      {"FFmpeg 7: -rtmp_enhanced_codecs",
       {{"fourCcList", List({"hvc1", "av01", "vp09"})}},
       true,
       "h265 av1 vp9",
       false},
      {"letter case as in the specification's example",
       {{"fourCcList", List({"av01", "vp08", "Hvc1", "Avc1", "ec-3", "Opus", ".mp3", "Aac"})}},
       true,
       "h264 h265 av1 aac opus mp3",
       false},
      {"recorder", {{"fourCcList", List({"*"})}}, true, kAll, false},
      {"list that is none", {{"fourCcList", "hvc1"}}, true, "", false},
      {"player with maps",
       {{"videoFourCcInfoMap", MakeObject({{"vp09", 3}, {"hvc1", 1}})},
        {"audioFourCcInfoMap", MakeEcmaArray({{"Opus", 1}})},
        {"capsEx", 2}},
       true,
       "h265 vp9 opus",
       true},
      {"forwards any video",
       {{"videoFourCcInfoMap", MakeObject({{"*", 4}})}, {"capsEx", 13}},
       true,
       "h264 h265 av1 vp9",
       false},
      {"OBS: an encoder takes nothing",
       {{"videoFourCcInfoMap", MakeObject({{"hvc1", 2}, {"av01", 2}})}, {"capsEx", 3}},
       true,
       "",
       true},
      {"maps count, not the list",
       {{"fourCcList", List({"*"})}, {"videoFourCcInfoMap", MakeObject({{"av01", 1}})}},
       true,
       "av1",
       false},
      {"a codec in the wrong map",
       {{"videoFourCcInfoMap", MakeObject({{"Opus", 7}})}},
       true,
       "",
       false},
      {"absurd numbers",
       {{"videoFourCcInfoMap", MakeObject({{"hvc1", 1e300}, {"av01", -1}})}, {"capsEx", 1e18}},
       true,
       "",
       false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const EnhancedClient client = ReadEnhancements(MakeObject(c.connect));
    EXPECT_EQ(client.announced, c.announced);
    EXPECT_EQ(Codecs(client), c.takes);
    EXPECT_EQ(client.multitrack, c.multitrack);
  }
}

TEST(Enhanced, AnswersByThePropertiesThatTheClientUsed) {
  EXPECT_THAT(AnswerEnhancements(MakeObject({{"app", "live"}})), IsEmpty());

  const auto list =
      AnswerEnhancements(MakeObject({{"fourCcList", List({"vp08", "Hvc1", "Opus"})}}));
  EXPECT_THAT(list, ElementsAre(Property{"fourCcList", List({"hvc1", "Opus"})}));

  const auto maps = AnswerEnhancements(MakeObject({{"capsEx", 3}}));
  const Value video = MakeObject({{"avc1", 4}, {"hvc1", 4}, {"av01", 4}, {"vp09", 4}});
  const Value audio = MakeObject({{"mp4a", 4}, {"Opus", 4}, {".mp3", 4}, {"fLaC", 4}, {"ac-3", 4}});
  EXPECT_THAT(maps, ElementsAre(Property{"videoFourCcInfoMap", video},
                                Property{"audioFourCcInfoMap", audio}, Property{"capsEx", 14}));
}

TEST(Enhanced, AListOfEverythingIsAnsweredWithEverything) {
  const auto answer = AnswerEnhancements(MakeObject({{"fourCcList", List({"*"})}}));
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(std::get<StrictArray>(answer[0].value.data()).values.size(),
            media::flv::FourCcCodecs().size());
}

}  // namespace
}  // namespace millrace::rtmp
