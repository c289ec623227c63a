#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/control-plane/test_cluster.h"

namespace millrace::control {
namespace {

// Watches on a thread of its own.
class Watch {
 public:
  Watch(v1::AdminService::Stub& stub, const std::string& prefix) {
    v1::WatchStreamsRequest request;
    request.set_prefix(prefix);
    reader_ = stub.WatchStreams(&context_, request);
    thread_ = std::thread([this] {
      v1::StreamEvent event;
      while (reader_->Read(&event)) {
        std::lock_guard lock(mutex_);
        events_.push_back(v1::StreamEvent::Type_Name(event.type()) + " " + event.stream().name());
      }
      std::lock_guard lock(mutex_);
      status_ = reader_->Finish();
      ended_ = true;
    });
  }
  ~Watch() {
    context_.TryCancel();
    thread_.join();
  }
  bool Await(const std::string& event) {
    return Eventually([&] {
      std::lock_guard lock(mutex_);
      return std::ranges::find(events_, event) != events_.end();
    });
  }
  std::vector<std::string> events() {
    std::lock_guard lock(mutex_);
    return events_;
  }
  bool ended() {
    std::lock_guard lock(mutex_);
    return ended_;
  }
  grpc::Status status() {
    std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::StreamEvent>> reader_;
  std::mutex mutex_;
  std::vector<std::string> events_;
  bool ended_ = false;
  grpc::Status status_;
  std::thread thread_;
};

TEST(WatchTest, CurrentThenSyncedThenChanges) {
  TestCluster cluster;
  const auto router = cluster.Node("router", v1::NODE_KIND_ROUTER);
  const auto gateway = cluster.Node("gw");
  router->Stream("live/a");
  router->Stream("vod/x");
  ASSERT_TRUE(cluster.AwaitStream("live/a"));
  ASSERT_TRUE(cluster.AwaitStream("vod/x"));
  Watch watch(cluster.admin(), "live/");
  ASSERT_TRUE(watch.Await("SYNCED "));
  EXPECT_THAT(watch.events(), testing::ElementsAre("CURRENT live/a", "SYNCED "));
  router->Stream("live/b");
  ASSERT_TRUE(watch.Await("UP live/b"));
  gateway->Open("live/a");
  ASSERT_TRUE(watch.Await("CHANGED live/a"));
  router->agent().StreamGone("live/b");
  ASSERT_TRUE(watch.Await("DOWN live/b"));
  EXPECT_THAT(watch.events(), testing::Not(testing::Contains(testing::EndsWith("vod/x"))));
}

TEST(WatchTest, AControlPlaneThatGoesSaysSo) {
  TestCluster cluster;
  Watch watch(cluster.admin(), "");
  ASSERT_TRUE(watch.Await("SYNCED "));
  cluster.Stop();
  ASSERT_TRUE(Eventually([&] { return watch.ended(); }));
  EXPECT_EQ(watch.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(watch.status().error_message(), testing::HasSubstr("going down"));
}

}  // namespace
}  // namespace millrace::control
