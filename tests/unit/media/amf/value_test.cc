#include "media/amf/value.h"

#include <gtest/gtest.h>

namespace millrace::media::amf {
namespace {

TEST(Value, AccessorsAreLenient) {
  EXPECT_EQ(Value(true).AsNumber(), 1);
  EXPECT_EQ(Value("x").AsNumber(7), 7);
  EXPECT_TRUE(Value(2).AsBool());
  EXPECT_TRUE(Value(Null{}).AsBool(true));
  EXPECT_EQ(Value(3).AsString("none"), "none");
  EXPECT_TRUE(Value().is_null());
  EXPECT_EQ(Value(1).Find("a"), nullptr);
}

TEST(Value, FindsProperties) {
  const Value object = MakeObject({{"tcurl", "rtmp://h/live"}, {"app", "live"}, {"app", "second"}});
  ASSERT_NE(object.Find("app"), nullptr);
  EXPECT_EQ(object.Find("app")->AsString(), "live");
  EXPECT_EQ(object.Find("tcUrl"), nullptr);
  ASSERT_NE(object.FindIgnoringCase("tcUrl"), nullptr);
  EXPECT_EQ(object.FindIgnoringCase("tcUrl")->AsString(), "rtmp://h/live");
}

TEST(Value, EveryErrorHasAName) {
  for (int i = 0; i <= static_cast<int>(AmfError::kBadReference); ++i) {
    EXPECT_STRNE(AmfErrorName(static_cast<AmfError>(i)), "amf_unknown");
  }
}

}  // namespace
}  // namespace millrace::media::amf
