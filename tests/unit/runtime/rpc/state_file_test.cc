#include "runtime/rpc/state_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace millrace::rpc {
namespace {

class StateFile : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  const std::string folder_ = testing::TempDir() + "/state_file_test";
  const std::string path_ = folder_ + "/deep/node.state";
};

TEST_F(StateFile, IsReplacedAsAWhole) {
  v1::NodeState state;
  for (uint64_t revision = 1; revision <= 2; ++revision) {
    state.set_revision(revision);
    ASSERT_TRUE(WriteStateFile(path_, state).ok());
    EXPECT_EQ(ReadStateFile(path_)->revision(), revision);
  }
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(folder_ + "/deep")) {
    ++files;
  }
  EXPECT_EQ(files, 1u);
}

TEST_F(StateFile, SaysWhatIsWrong) {
  EXPECT_EQ(ReadStateFile(path_).status().code(), absl::StatusCode::kNotFound);
  std::filesystem::create_directories(folder_ + "/deep");
  std::ofstream(path_) << "";
  EXPECT_EQ(ReadStateFile(path_).status().code(), absl::StatusCode::kDataLoss);
  std::ofstream(path_) << "MRS1\xff\xff\xff";
  EXPECT_EQ(ReadStateFile(path_).status().code(), absl::StatusCode::kDataLoss);
  std::filesystem::remove(path_);
  std::filesystem::create_directories(path_);
  EXPECT_FALSE(WriteStateFile(path_, v1::NodeState()).ok());
  EXPECT_FALSE(std::filesystem::exists(path_ + ".tmp"));
}

}  // namespace
}  // namespace millrace::rpc
