#include "media/base/fault.h"

#include <gtest/gtest.h>

namespace millrace::media {
namespace {

TEST(Fault, BearsItsName) {
  const absl::Status status = Fault("flv_bad_signature", "offset 0");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()), "flv_bad_signature: offset 0");
  EXPECT_EQ(FaultName(status), "flv_bad_signature");
}

TEST(Fault, OtherStatuses) {
  EXPECT_EQ(FaultName(absl::OkStatus()), "");
  EXPECT_EQ(FaultName(absl::InternalError("x")), "other");
}

}  // namespace
}  // namespace millrace::media
