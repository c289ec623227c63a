#include "runtime/lifecycle/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::lifecycle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Readiness, NeedsEveryCondition) {
  Readiness readiness({"bus", "listening"});
  EXPECT_THAT(readiness.Missing(), ElementsAre("bus", "listening"));
  readiness.Set("bus", true);
  EXPECT_FALSE(readiness.ready());
  readiness.Set("listening", true);
  EXPECT_TRUE(readiness.ready());
  readiness.Set("bus", false);
  EXPECT_THAT(readiness.Missing(), ElementsAre("bus"));
}

TEST(Readiness, DrainingIsForGood) {
  Readiness readiness;
  EXPECT_THAT(readiness.Missing(), IsEmpty());
  readiness.SetDraining();
  readiness.Set("anything", true);
  EXPECT_TRUE(readiness.draining());
  EXPECT_THAT(readiness.Missing(), ElementsAre("draining"));
}

}  // namespace
}  // namespace millrace::lifecycle
