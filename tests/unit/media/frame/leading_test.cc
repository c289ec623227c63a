#include "media/frame/leading.h"

#include <gtest/gtest.h>

namespace millrace::media {
namespace {

TEST(LeadingMarker, MarksWhatIsShownBeforeAnOpenPoint) {
  LeadingMarker marker;
  EXPECT_EQ(marker.Mark(kClosedRandomAccess, 0), kClosedRandomAccess);
  EXPECT_EQ(marker.Mark(0, 120), 0);
  EXPECT_EQ(marker.Mark(kNonReference, 40), kNonReference)
      << "reordered, but nothing open before it";
  EXPECT_EQ(marker.Mark(kOpenRandomAccess, 240), kOpenRandomAccess);
  EXPECT_EQ(marker.Mark(0, 160), kLeading);
  EXPECT_EQ(marker.Mark(kNonReference, 200), kLeading | kNonReference);
  EXPECT_EQ(marker.Mark(0, 360), 0);
  EXPECT_EQ(marker.Mark(kClosedRandomAccess, 400), kClosedRandomAccess);
  EXPECT_EQ(marker.Mark(0, 200), 0) << "a closed point has no leading pictures";
}

}  // namespace
}  // namespace millrace::media
