#include "control-plane/paging.h"

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

TEST(Paging, ATokenBelongsToItsList) {
  const std::string token = MakePageToken("streams\nlive/", "live/cam1");
  EXPECT_EQ(*ReadPageToken("streams\nlive/", token), "live/cam1");
  EXPECT_EQ(token.find("live"), std::string::npos);
  EXPECT_EQ(ReadPageToken("streams\n", token).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*ReadPageToken("streams\n", ""), "");
  for (const char* bad : {"x", "!!!", "AAAA", "bGl2ZQ"}) {
    EXPECT_FALSE(ReadPageToken("streams\n", bad).ok()) << bad;
  }
}

TEST(Paging, Sizes) {
  EXPECT_EQ(PageSize(0), 100u);
  EXPECT_EQ(PageSize(7), 7u);
  EXPECT_EQ(PageSize(5'000), 1'000u);
}

}  // namespace
}  // namespace millrace::control
