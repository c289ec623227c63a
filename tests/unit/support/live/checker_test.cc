// The checker must see what it is there to see.

#include "tests/support/live/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/live/synthetic.h"

namespace millrace::live {
namespace {

using Tag = SyntheticStream::Tag;

// A second and a half of a stream: its headers, then its frames.
std::vector<Tag> Stream(uint32_t run = 1) {
  SyntheticStream stream(*FindProfile("light"), run);
  std::vector<Tag> tags = stream.Headers();
  while (stream.video_frames() < 40) {
    Tag tag;
    stream.Next(/*now_ns=*/1000, tag);
    tags.push_back(tag);
  }
  return tags;
}

nlohmann::json Check(const std::vector<Tag>& tags, int64_t shift_ms = 0) {
  Checker checker;
  for (const Tag& tag : tags) {
    checker.OnTag(tag.type, static_cast<uint32_t>(tag.timestamp_ms + shift_ms), tag.body, 2000);
  }
  return checker.Report();
}

size_t Find(const std::vector<Tag>& tags, bool video, uint32_t number) {
  for (size_t i = 3; i < tags.size(); ++i) {
    if (tags[i].id.video == video && tags[i].id.number == number) return i;
  }
  ADD_FAILURE() << "no such frame";
  return 0;
}

struct Case {
  std::string name;
  std::function<void(std::vector<Tag>&)> spoil;
  std::vector<std::pair<std::string, int>> expected;  // what is not 0 then
};

class CheckerCase : public ::testing::TestWithParam<Case> {};

TEST_P(CheckerCase, Sees) {
  std::vector<Tag> tags = Stream();
  GetParam().spoil(tags);
  const nlohmann::json report = Check(tags);
  std::vector<std::pair<std::string, int>> seen;
  for (const char* name : {"missing", "doubled", "reordered", "damaged", "foreign", "before_header",
                           "starts_without_key", "dts_backwards"}) {
    if (report[name] != 0) seen.emplace_back(name, report[name].get<int>());
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAreArray(GetParam().expected)) << report.dump(2);
}

const Case kCases[] = {
    {"nothing", [](auto&) {}, {}},
    {"lost_audio",
     [](auto& tags) { tags.erase(tags.begin() + Find(tags, false, 20)); },
     {{"missing", 1}}},
    {"lost_video",
     [](auto& tags) { tags.erase(tags.begin() + Find(tags, true, 20)); },
     {{"missing", 1}, {"starts_without_key", 1}}},
    {"lost_before_a_key_frame",
     [](auto& tags) { tags.erase(tags.begin() + Find(tags, true, 24)); },
     {{"missing", 1}}},
    {"doubled",
     [](auto& tags) {
       const Tag again = tags[Find(tags, true, 20)];
       tags.insert(tags.begin() + Find(tags, true, 20), again);
     },
     {{"doubled", 1}}},
    {"swapped",
     [](auto& tags) { std::swap(tags[Find(tags, true, 20)], tags[Find(tags, true, 21)]); },
     {{"missing", 1}, {"reordered", 1}, {"starts_without_key", 1}, {"dts_backwards", 1}}},
    {"damaged", [](auto& tags) { tags[Find(tags, true, 20)].body.back() ^= 1; }, {{"damaged", 1}}},
    {"cut_short",
     [](auto& tags) { tags[Find(tags, false, 20)].body.pop_back(); },
     {{"damaged", 1}}},
    {"made_up",
     [](auto& tags) { tags[Find(tags, false, 20)].body[3] ^= 1; },
     {{"foreign", 1}, {"missing", 1}}},
    {"time_goes_back",
     [](auto& tags) { tags[Find(tags, true, 20)].timestamp_ms -= 50; },
     {{"dts_backwards", 1}}},
    {"no_configuration", [](auto& tags) { tags.erase(tags.begin() + 1); }, {{"before_header", 40}}},
    {"begins_without_a_key_frame",
     [](auto& tags) { tags.erase(tags.begin() + Find(tags, true, 0)); },
     {{"starts_without_key", 1}}},
};
INSTANTIATE_TEST_SUITE_P(All, CheckerCase, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(Checker, AShiftOfAllTimesIsNoFlaw) {
  const nlohmann::json report = Check(Stream(), /*shift_ms=*/5000);
  EXPECT_EQ(report["runs"][0]["offset_ms"], 5000);
  EXPECT_EQ(report["runs"][0]["offset_spread_ms"], 0);
}

TEST(Checker, ShiftingOneTrackShows) {
  std::vector<Tag> tags = Stream();
  for (Tag& tag : tags) tag.timestamp_ms += tag.type == kAudioTag ? 30 : 0;
  EXPECT_EQ(Check(tags)["runs"][0]["offset_spread_ms"], 30);
}

TEST(Checker, RunsAreToldApart) {
  std::vector<Tag> tags = Stream(1);
  for (const Tag& tag : Stream(2)) tags.push_back(tag);
  const nlohmann::json report = Check(tags);
  ASSERT_EQ(report["runs"].size(), 2);
  EXPECT_EQ(report["runs"][1]["run"], 2);
  EXPECT_EQ(report["missing"], 0);
  EXPECT_EQ(report["dts_backwards"], 2);  // the second starts at 0 again, on both tracks
}

TEST(Checker, LatencyIsFromWritingToReceipt) {
  std::vector<int32_t> latencies;
  Checker checker(&latencies);
  SyntheticStream stream(*FindProfile("video"), 1);
  Tag tag;
  stream.Next(/*now_ns=*/5'000'000, tag);
  checker.OnTag(tag.type, tag.timestamp_ms, tag.body, /*now_ns=*/7'000'000);
  EXPECT_THAT(latencies, ::testing::ElementsAre(2000));
}

TEST(Synthetic, HasTheRatesThatItPromises) {
  SyntheticStream stream(*FindProfile("bench"), 1);
  size_t bytes = 0, frames = 0;
  Tag tag;
  for (; stream.next_ms() < 10'000; ++frames) {
    stream.Next(0, tag);
    bytes += tag.body.size();
  }
  EXPECT_NEAR(static_cast<double>(frames) / 10, 68, 0.2);
  EXPECT_NEAR(static_cast<double>(bytes) * 8 / 10, 2'128'000, 20'000);
}

TEST(Synthetic, AThriftyStreamHasItsOwnRates) {
  SyntheticStream stream(*FindProfile("thrifty"), 1);
  Checker checker;
  for (const Tag& header : stream.Headers()) checker.OnTag(header.type, 0, header.body, 0);
  size_t bytes = 0;
  Tag tag;
  while (stream.next_ms() < 10'000) {
    stream.Next(0, tag);
    checker.OnTag(tag.type, tag.timestamp_ms, tag.body, 0);
    bytes += tag.body.size();
  }
  EXPECT_EQ(stream.video_frames(), 50);
  EXPECT_EQ(stream.audio_frames(), 79);
  EXPECT_NEAR(static_cast<double>(bytes) / 10, 4'000, 200);
  const nlohmann::json report = checker.Report();
  EXPECT_EQ(report["damaged"], 0);
  EXPECT_EQ(report["foreign"], 0);
  EXPECT_EQ(report["runs"][0]["offset_spread_ms"], 0);
}

}  // namespace
}  // namespace millrace::live
