#include "runtime/config/app_settings.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace::config {
namespace {

using google::protobuf::util::MessageDifferencer;

// A field that is added without a default would be 0 everywhere.
void ExpectEverythingSet(const google::protobuf::Message& message) {
  const auto& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const auto& field = *descriptor.field(i);
    if (field.is_repeated() || !field.has_presence()) continue;
    if (field.full_name() == "millrace.v1.Configuration.public") continue;  // known at run time
    if (field.full_name() == "millrace.v1.Configuration.tls") continue;     // no files, no TLS
    EXPECT_TRUE(message.GetReflection()->HasField(message, &field)) << field.full_name();
    if (field.message_type() != nullptr) {
      ExpectEverythingSet(message.GetReflection()->GetMessage(message, &field));
    }
  }
}

TEST(AppSettings, EverySettingHasADefault) {
  ExpectEverythingSet(DefaultConfiguration());
  ExpectEverythingSet(StreamSettings(v1::Configuration()).For("live"));
}

TEST(AppSettings, ResolvesInLayers) {
  v1::Configuration configuration;
  configuration.mutable_defaults()->set_flush(20);
  configuration.mutable_defaults()->set_grace(1'000);
  (*configuration.mutable_applications())["live"].set_flush(0);
  const v1::AppSettings live = StreamSettings(configuration).For("live/cam1");
  EXPECT_EQ(live.flush(), 0u);  // set to 0 is set
  EXPECT_EQ(live.grace(), 1'000u);
  EXPECT_EQ(live.wait_timeout(), 10'000u);
  EXPECT_EQ(StreamSettings(configuration).For("vod/film").flush(), 20u);
}

TEST(AppSettings, TheLongestNameWins) {
  v1::Configuration configuration;
  (*configuration.mutable_applications())["site3"].set_flush(1);
  (*configuration.mutable_applications())["site3/gate"].set_flush(2);
  EXPECT_EQ(StreamSettings(configuration).For("site3").flush(), 1u);
  EXPECT_EQ(StreamSettings(configuration).For("site3/hall/cam1").flush(), 1u);
  EXPECT_EQ(StreamSettings(configuration).For("site3/gate/cam1").flush(), 2u);
  EXPECT_EQ(StreamSettings(configuration).For("site3/gateway/cam1").flush(),
            1u);  // whole parts only
  EXPECT_EQ(StreamSettings(configuration).For("site33/cam1").flush(), 0u);
  EXPECT_EQ(StreamSettings(configuration).For("").flush(), 0u);
}

// The pattern whose settings have the last word, named by its place in `patterns`.
std::string Winner(const std::vector<std::string>& patterns, const std::string& stream) {
  v1::Configuration configuration;
  configuration.mutable_defaults()->set_flush(999);
  for (size_t i = 0; i < patterns.size(); ++i) {
    (*configuration.mutable_streams())[patterns[i]].set_flush(static_cast<uint32_t>(i));
  }
  const uint32_t flush = StreamSettings(configuration).For(stream).flush();
  return flush == 999 ? "none" : patterns[flush];
}

TEST(StreamSettings, TheMostSpecificPatternHasTheLastWord) {
  EXPECT_EQ(Winner({"cams/*/low"}, "cams/gate/low"), "cams/*/low");
  EXPECT_EQ(Winner({"cams/*/low"}, "cams/gate/high"), "none");
  EXPECT_EQ(Winner({"**", "cams/**", "cams/*/low", "cams/gate/low"}, "cams/gate/low"),
            "cams/gate/low");
  EXPECT_EQ(Winner({"**", "cams/**", "cams/*/low"}, "cams/gate/low"), "cams/*/low");
  EXPECT_EQ(Winner({"**", "cams/**", "cams/*/low"}, "cams/gate/north/low"), "cams/**");
  EXPECT_EQ(Winner({"**", "cams/**"}, "live/x"), "**");
  // More plain parts, however far back.
  EXPECT_EQ(Winner({"cams/*/**", "cams/**/low"}, "cams/gate/low"), "cams/**/low");
  // As many plain parts: fewer `**`, then more `*`, then the plainer part in front.
  EXPECT_EQ(Winner({"**/low", "*/*/low"}, "cams/gate/low"), "*/*/low");
  EXPECT_EQ(Winner({"cams/**", "cams/*/**"}, "cams/gate/low"), "cams/*/**");
  EXPECT_EQ(Winner({"*/gate/*", "cams/*/*", "*/*/low"}, "cams/gate/low"), "cams/*/*");
}

TEST(StreamSettings, EachSettingIsInheritedByItself) {
  v1::Configuration configuration;
  configuration.mutable_defaults()->set_grace(1'000);
  configuration.mutable_defaults()->set_flush(1);
  v1::AppSettings& cams = (*configuration.mutable_applications())["cams"];
  cams.set_flush(2);
  cams.set_wait_timeout(2'000);
  (*configuration.mutable_streams())["**"].set_audio_hold(3);
  v1::AppSettings& low = (*configuration.mutable_streams())["cams/*/low"];
  low.set_flush(350);
  low.set_audio_hold(4);
  const v1::AppSettings settings = StreamSettings(configuration).For("cams/gate/low");
  EXPECT_EQ(settings.flush(), 350u);           // the most specific pattern
  EXPECT_EQ(settings.audio_hold(), 4u);        // of two patterns the more specific one
  EXPECT_EQ(settings.wait_timeout(), 2'000u);  // the application
  EXPECT_EQ(settings.grace(), 1'000u);         // the defaults
  EXPECT_EQ(settings.track_wait(), 2'500u);    // the program's
  EXPECT_EQ(StreamSettings(configuration).For("cams/gate/high").flush(), 2u);
  EXPECT_EQ(StreamSettings(configuration).For("cams/gate/high").audio_hold(), 3u);
}

TEST(StreamSettings, PartsAreNeverLongerThanSegments) {
  v1::Configuration configuration;
  (*configuration.mutable_streams())["*/x"].set_segment_target(1'000);
  (*configuration.mutable_streams())["live/*"].set_part_target(2'000);
  EXPECT_EQ(StreamSettings(configuration).For("live/y").part_target(), 2'000u);
  EXPECT_EQ(StreamSettings(configuration).For("live/x").part_target(), 1'000u);
}

TEST(AppSettings, PublishersOfAnApplicationTakeThePlaceOfTheDefaults) {
  v1::Configuration configuration;
  (*configuration.mutable_defaults()->mutable_publishers())["ann"] = "a";
  (*(*configuration.mutable_applications())["live"].mutable_publishers())["joe"] = "j";
  (*configuration.mutable_applications())["vod"].set_publish_login(v1::in_key);
  const v1::AppSettings live = StreamSettings(configuration).For("live/cam1");
  EXPECT_EQ(live.publishers_size(), 1);
  EXPECT_EQ(live.publishers().at("joe"), "j");
  EXPECT_EQ(live.publish_login(), v1::challenge);
  EXPECT_EQ(StreamSettings(configuration).For("vod").publishers().at("ann"), "a");
  EXPECT_TRUE(StreamSettings(v1::Configuration()).For("live").publishers().empty());
}

TEST(AppSettings, PasswordsAreHidden) {
  v1::Configuration configuration;
  (*configuration.mutable_defaults()->mutable_publishers())["ann"] = "s3cret";
  (*(*configuration.mutable_applications())["live"].mutable_publishers())["joe"] = "s3cret";
  const v1::Configuration shown = WithoutSecrets(configuration);
  EXPECT_EQ(shown.DebugString().find("s3cret"), std::string::npos);
  EXPECT_EQ(shown.applications().at("live").publishers().at("joe"), kHidden);
  EXPECT_TRUE(MessageDifferencer::Equals(WithoutSecrets({}), v1::Configuration()));
}

TEST(AppSettings, DefaultsAreFilledInOnce) {
  v1::Configuration file;
  file.mutable_http()->add_allow_origins("https://example.org");
  file.mutable_router()->set_settle(5);
  (*file.mutable_applications())["live"].set_flush(3);
  const v1::Configuration full = WithDefaults(file);
  ASSERT_EQ(full.http().allow_origins_size(), 1);
  EXPECT_EQ(full.http().allow_origins(0), "https://example.org");
  EXPECT_EQ(full.router().settle(), 5u);
  EXPECT_EQ(full.router().lease(), 3'000u);
  EXPECT_FALSE(full.applications().at("live").has_grace());
  EXPECT_TRUE(MessageDifferencer::Equals(WithDefaults(full), full));
  EXPECT_EQ(WithDefaults(v1::Configuration()).http().allow_origins(0), "*");
}

TEST(AppSettings, ViewersAreLikePublishers) {
  v1::Configuration configuration;
  (*configuration.mutable_defaults()->mutable_viewers())["ann"] = "s3cret";
  (*(*configuration.mutable_applications())["live"].mutable_viewers())["joe"] = "s3cret";
  const v1::AppSettings live = StreamSettings(configuration).For("live/cam1");
  EXPECT_EQ(live.viewers_size(), 1);
  EXPECT_EQ(live.viewers().at("joe"), "s3cret");
  const v1::Configuration shown = WithoutSecrets(configuration);
  EXPECT_EQ(shown.defaults().viewers().at("ann"), kHidden);
  EXPECT_EQ(shown.applications().at("live").viewers().at("joe"), kHidden);
}

}  // namespace
}  // namespace millrace::config
