#include "runtime/config/app_settings.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

namespace millrace::config {
namespace {

using google::protobuf::util::MessageDifferencer;

// A field that is added without a default would be 0 everywhere.
void ExpectEverythingSet(const google::protobuf::Message& message) {
  const auto& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const auto& field = *descriptor.field(i);
    if (field.is_repeated() || !field.has_presence()) continue;
    EXPECT_TRUE(message.GetReflection()->HasField(message, &field)) << field.full_name();
    if (field.message_type() != nullptr) {
      ExpectEverythingSet(message.GetReflection()->GetMessage(message, &field));
    }
  }
}

TEST(AppSettings, EverySettingHasADefault) {
  ExpectEverythingSet(DefaultConfiguration());
  ExpectEverythingSet(ResolveApp(v1::Configuration(), "live"));
}

TEST(AppSettings, ResolvesInLayers) {
  v1::Configuration configuration;
  configuration.mutable_defaults()->set_flush(20);
  configuration.mutable_defaults()->set_grace(1'000);
  (*configuration.mutable_applications())["live"].set_flush(0);
  const v1::AppSettings live = ResolveApp(configuration, "live/cam1");
  EXPECT_EQ(live.flush(), 0u);  // set to 0 is set
  EXPECT_EQ(live.grace(), 1'000u);
  EXPECT_EQ(live.wait_timeout(), 10'000u);
  EXPECT_EQ(ResolveApp(configuration, "vod/film").flush(), 20u);
}

TEST(AppSettings, TheLongestNameWins) {
  v1::Configuration configuration;
  (*configuration.mutable_applications())["site3"].set_flush(1);
  (*configuration.mutable_applications())["site3/gate"].set_flush(2);
  EXPECT_EQ(ResolveApp(configuration, "site3").flush(), 1u);
  EXPECT_EQ(ResolveApp(configuration, "site3/hall/cam1").flush(), 1u);
  EXPECT_EQ(ResolveApp(configuration, "site3/gate/cam1").flush(), 2u);
  EXPECT_EQ(ResolveApp(configuration, "site3/gateway/cam1").flush(), 1u);  // whole parts only
  EXPECT_EQ(ResolveApp(configuration, "site33/cam1").flush(), 0u);
  EXPECT_EQ(ResolveApp(configuration, "").flush(), 0u);
}

TEST(AppSettings, PublishersOfAnApplicationTakeThePlaceOfTheDefaults) {
  v1::Configuration configuration;
  (*configuration.mutable_defaults()->mutable_publishers())["ann"] = "a";
  (*(*configuration.mutable_applications())["live"].mutable_publishers())["joe"] = "j";
  (*configuration.mutable_applications())["vod"].set_publish_login(v1::in_key);
  const v1::AppSettings live = ResolveApp(configuration, "live/cam1");
  EXPECT_EQ(live.publishers_size(), 1);
  EXPECT_EQ(live.publishers().at("joe"), "j");
  EXPECT_EQ(live.publish_login(), v1::challenge);
  EXPECT_EQ(ResolveApp(configuration, "vod").publishers().at("ann"), "a");
  EXPECT_TRUE(ResolveApp(v1::Configuration(), "live").publishers().empty());
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

}  // namespace
}  // namespace millrace::config
