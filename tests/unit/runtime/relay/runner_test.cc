#include "runtime/relay/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <functional>
#include <sstream>
#include <thread>

namespace millrace::relay {
namespace {

using testing::HasSubstr;
using testing::Not;

// Attempts that do what the test says.
class FakeFactory : public Factory {
 public:
  class FakeSession : public Session {
   public:
    FakeSession(FakeFactory& factory, Events events)
        : factory_(factory), events_(std::move(events)) {}
    void Stop(StopKind kind) override {
      factory_.notes.push_back(kind == StopKind::kGoodbye ? "goodbye" : "hand over");
      events_.on_ended(End::kStopped, "");
    }

   private:
    FakeFactory& factory_;
    const Events events_;
  };

  std::vector<std::string> pull_schemes() const override { return {"rtmp"}; }
  std::vector<std::string> push_schemes() const override { return {"rtmp"}; }
  std::unique_ptr<Session> StartPull(const v1::Pull& pull, Events events) override {
    notes.push_back("pull " + pull.url());
    if (on_start) on_start(events);
    return std::make_unique<FakeSession>(*this, std::move(events));
  }
  std::unique_ptr<Session> StartPush(const v1::Push& push, Events events) override {
    notes.push_back("push " + push.url());
    if (on_start) on_start(events);
    return std::make_unique<FakeSession>(*this, std::move(events));
  }

  std::vector<std::string> notes;
  std::function<void(const Events&)> on_start;
};

class RunnerTest : public testing::Test {
 protected:
  RunnerTest()
      : shards_(1),
        logger_(log::Logger::Create({.format = log::Format::kText, .stream = &log_})),
        runner_(shards_, factory_, metrics_, logger_,
                {.report = [this](v1::RelayUpdate all) { told_ = std::move(all); },
                 .attached = [] { return true; }}) {}

  void Assign(const std::string& url) {
    v1::RelayAssignments assignments;
    if (!url.empty()) {
      v1::Pull& pull = *assignments.add_pulls();
      pull.set_stream("live/a");
      pull.set_url(url);
    }
    runner_.Assign(assignments);
  }
  // Runs the home shard until `holds`.
  bool Await(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds() && std::chrono::steady_clock::now() < deadline) {
      shards_.home().run_one_for(std::chrono::milliseconds(100));
    }
    return holds();
  }
  v1::RelayStatus Status() const {
    return told_.changed().empty() ? v1::RelayStatus() : told_.changed(0).status();
  }

  std::ostringstream log_;
  loop::Shards shards_;
  FakeFactory factory_;
  metrics::Registry metrics_;
  log::Logger logger_;
  v1::RelayUpdate told_;
  Runner runner_;
};

TEST_F(RunnerTest, StartsTellsAndStops) {
  factory_.on_start = [](const Events& events) {
    // From whatever thread.
    std::thread([events] { events.on_running("rtmp-7"); }).join();
  };
  Assign("rtmp://joe:geheim@h/live/a");
  EXPECT_EQ(Status().state(), v1::RELAY_CONNECTING);
  ASSERT_TRUE(Await([&] { return Status().state() == v1::RELAY_RUNNING; }));
  EXPECT_EQ(Status().session(), "rtmp-7");
  EXPECT_THAT(metrics_.Expose(), HasSubstr("millrace_pulls{state=\"running\"} 1"));
  EXPECT_THAT(metrics_.Expose(), HasSubstr("millrace_pull_attempts_total{result=\"running\"} 1"));
  Assign("");
  ASSERT_TRUE(Await([&] { return told_.changed().empty(); }));
  EXPECT_THAT(factory_.notes, testing::ElementsAre("pull rtmp://joe:geheim@h/live/a", "goodbye"));
  EXPECT_THAT(metrics_.Expose(), HasSubstr("millrace_pulls{state=\"running\"} 0"));
  EXPECT_THAT(log_.str(), HasSubstr("rtmp://***@h/live/a"));
  EXPECT_THAT(log_.str(), Not(HasSubstr("geheim")));
}

TEST_F(RunnerTest, TriesAgainByItselfAndTellsNoSecrets) {
  int starts = 0;
  factory_.on_start = [&starts](const Events& events) {
    if (++starts == 1) {
      events.on_ended(End::kRefused, "wrong password geheim");
    } else {
      events.on_running("rtmp-8");
    }
  };
  Assign("rtmp://joe:geheim@h/live/a");
  ASSERT_TRUE(Await([&] { return Status().state() == v1::RELAY_BACKING_OFF; }));
  EXPECT_EQ(Status().reason(), "wrong password ***");
  EXPECT_GT(Status().next_try_unix_ms(), Status().since_unix_ms());
  ASSERT_TRUE(Await([&] { return Status().state() == v1::RELAY_RUNNING; }));
  EXPECT_EQ(starts, 2);
  EXPECT_THAT(metrics_.Expose(), HasSubstr("millrace_pull_attempts_total{result=\"refused\"} 1"));
  EXPECT_THAT(log_.str(), Not(HasSubstr("geheim")));
}

}  // namespace
}  // namespace millrace::relay
