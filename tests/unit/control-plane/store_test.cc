#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "control-plane/store/sqlite_store.h"

namespace millrace::control {
namespace {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Store> Open() {
    auto store = OpenSqliteStore(path_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  absl::Status Refusal() { return OpenSqliteStore(path_).status(); }
  void Execute(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &database), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  const std::string folder_ = testing::TempDir() + "/store_test";
  const std::string path_ = folder_ + "/deep/store.db";
};

TEST_F(StoreTest, RemembersBans) {
  v1::Ban ban;
  ban.set_id("ban-1");
  ban.set_value("live/a");
  {
    const auto store = Open();
    ASSERT_TRUE(store->PutBan(ban).ok());
    ban.set_reason("again");
    ASSERT_TRUE(store->PutBan(ban).ok());
    ban.set_id("ban-2");
    ASSERT_TRUE(store->PutBan(ban).ok());
    ASSERT_TRUE(store->RemoveBan("ban-2").ok());
    ASSERT_TRUE(store->RemoveBan("ban-2").ok());
  }
  const auto bans = Open()->LoadBans();
  ASSERT_EQ(bans->size(), 1u);
  EXPECT_EQ(bans->front().id(), "ban-1");
  EXPECT_EQ(bans->front().reason(), "again");
}

TEST_F(StoreTest, RemembersTheTopology) {
  StoredTopology topology;
  {
    const auto store = Open();
    EXPECT_EQ(store->LoadTopology()->topology.term(), 0u);
    topology.topology.set_term(7);
    topology.topology.add_endpoints("tcp://a:1");
    topology.routers = {{"router-a", "tcp://a:1"}, {"router-b", "tcp://b:1"}};
    ASSERT_TRUE(store->SaveTopology(topology).ok());
    topology.routers.erase("router-b");
    ASSERT_TRUE(store->SaveTopology(topology).ok());
  }
  const auto loaded = Open()->LoadTopology();
  EXPECT_EQ(loaded->topology.term(), 7u);
  EXPECT_EQ(loaded->topology.endpoints(0), "tcp://a:1");
  EXPECT_EQ(loaded->routers, topology.routers);
}

TEST_F(StoreTest, RemembersNodes) {
  StoredNode node;
  node.registration.set_node("n");
  node.address = "10.0.0.2";
  node.seen_unix_ms = 100;
  const auto store = Open();
  ASSERT_TRUE(store->PutNode(node).ok());
  node.registration.set_node("m");
  node.seen_unix_ms = 200;
  ASSERT_TRUE(store->PutNode(node).ok());
  ASSERT_TRUE(store->RemoveNodesSeenBefore(200).ok());
  const auto nodes = store->LoadNodes();
  ASSERT_EQ(nodes->size(), 1u);
  EXPECT_EQ(nodes->front().registration.node(), "m");
  EXPECT_EQ(nodes->front().address, "10.0.0.2");
  EXPECT_EQ(nodes->front().seen_unix_ms, 200);
}

TEST_F(StoreTest, RevisionsRise) {
  {
    const auto store = Open();
    EXPECT_EQ(*store->ConfigurationRevision("a"), 1u);
    EXPECT_EQ(*store->ConfigurationRevision("a"), 1u);
    EXPECT_EQ(*store->ConfigurationRevision("b"), 2u);
    EXPECT_EQ(*store->NextStateRevision(), 1u);
  }
  const auto store = Open();
  EXPECT_EQ(*store->ConfigurationRevision("b"), 2u);
  EXPECT_EQ(*store->ConfigurationRevision(""), 3u);
  EXPECT_EQ(*store->ConfigurationRevision(""), 3u);
  EXPECT_EQ(*store->NextStateRevision(), 2u);
}

TEST_F(StoreTest, IsOneProcessesAtATime) {
  const auto store = Open();
  const absl::Status refusal = Refusal();
  EXPECT_EQ(refusal.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refusal.message()), testing::HasSubstr("another control plane uses it"));
}

TEST_F(StoreTest, ADamagedFileIsNamed) {
  std::filesystem::create_directories(folder_ + "/deep");
  std::ofstream(path_) << std::string(5'000, 'x');
  const absl::Status refusal = Refusal();
  EXPECT_EQ(refusal.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(refusal.message()),
              testing::AllOf(testing::HasSubstr(path_), testing::HasSubstr("move the file away")));
}

TEST_F(StoreTest, TornPagesAreFoundWhenTheyAreRead) {
  {
    const auto store = Open();
    v1::Ban ban;
    for (int i = 0; i < 60; ++i) {
      ban.set_id("ban-" + std::to_string(i));
      ban.set_reason(std::string(2'000, 'r'));
      ASSERT_TRUE(store->PutBan(ban).ok());
    }
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = std::filesystem::file_size(path_);
    for (uintmax_t at = 20 * 1024; at + 512 < size; at += 4096) {
      file.seekp(static_cast<std::streamoff>(at));
      file << std::string(512, '\xAA');
    }
  }
  const auto store = OpenSqliteStore(path_);
  const absl::Status found = store.ok() ? (*store)->LoadBans().status() : store.status();
  EXPECT_EQ(found.code(), absl::StatusCode::kDataLoss) << found;
}

TEST_F(StoreTest, AnotherProgramsFileIsLeftAlone) {
  std::filesystem::create_directories(folder_ + "/deep");
  Execute("CREATE TABLE theirs (x)");
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kDataLoss);
  Execute("INSERT INTO theirs VALUES (1)");
}

TEST_F(StoreTest, ANewerSchemaIsRefused) {
  Open();
  Execute("PRAGMA user_version = 3");
  const absl::Status refusal = Refusal();
  EXPECT_EQ(refusal.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refusal.message()), testing::HasSubstr("a newer version"));
}

TEST_F(StoreTest, AFolderThatCannotBeIsNamed) {
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ + "/deep") << "a file";
  EXPECT_EQ(Refusal().code(), absl::StatusCode::kUnavailable);
}

TEST_F(StoreTest, InMemory) {
  const auto store = OpenSqliteStore(":memory:");
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(*(*store)->NextStateRevision(), 1u);
}

}  // namespace
}  // namespace millrace::control
