#include "control-plane/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control-plane/store/sqlite_store.h"
#include "runtime/config/app_settings.h"

namespace millrace::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FakeLink : public NodeLink {
 public:
  void Send(const v1::NodeOrder& order) override { orders.push_back(order); }
  void Close(const absl::Status& why) override { closed = why; }
  std::vector<v1::NodeOrder> orders;
  absl::Status closed;

  const v1::NodeState& state() const {
    for (auto order = orders.rbegin(); order != orders.rend(); ++order) {
      if (order->has_state()) return order->state();
    }
    return v1::NodeState::default_instance();
  }
  std::vector<v1::Command> commands() const {
    std::vector<v1::Command> found;
    for (const v1::NodeOrder& order : orders) {
      if (order.has_command()) found.push_back(order.command());
    }
    return found;
  }
};

class FakeWatcher : public StreamWatcher {
 public:
  void Push(const v1::StreamEvent& event) override {
    events.push_back(v1::StreamEvent::Type_Name(event.type()) + " " + event.stream().name());
  }
  void Close(const absl::Status& why) override { closed = why; }
  bool alive() const override { return closed.ok(); }
  std::vector<std::string> events;
  absl::Status closed;
};

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() { Restart(); }

  void Restart(v1::Configuration configuration = {}) {
    Cluster::Options options;
    options.file = configuration;
    options.unix_ms = [this] { return now_; };
    cluster_ = std::make_unique<Cluster>(std::move(options), *store_);
    ASSERT_TRUE(cluster_->Load().ok());
  }

  struct Node {
    std::shared_ptr<FakeLink> link = std::make_shared<FakeLink>();
    uint64_t id = 0;
  };
  Node Attach(const std::string& name, v1::NodeKind kind = v1::NODE_KIND_RTMP_GATEWAY,
              const std::string& endpoint = "", const std::string& peer = "10.0.0.2") {
    Node node;
    v1::Register registration;
    registration.set_node(name);
    registration.set_incarnation(++incarnation_);
    registration.set_kind(kind);
    registration.set_bus_endpoint(endpoint);
    registration.set_metrics_address(":9102");
    const auto id = cluster_->Attach(node.link, registration, peer);
    EXPECT_TRUE(id.ok()) << id.status();
    node.id = id.value_or(0);
    return node;
  }
  Node AttachRouter(const std::string& name = "router") {
    return Attach(name, v1::NODE_KIND_ROUTER, "tcp://*:5555");
  }
  void Open(const Node& node, const std::string& id, const std::string& stream,
            const std::string& address = "203.0.113.7:5000") {
    v1::NodeReport report;
    v1::Session& session = *report.mutable_sessions()->add_opened_or_changed();
    session.set_id(id);
    session.set_stream(stream);
    session.set_role(v1::ROLE_VIEWER);
    session.set_address(address);
    session.set_started_unix_ms(now_);
    cluster_->Report(node.id, report);
  }
  void Live(const Node& router, const std::string& name) {
    v1::NodeReport report;
    v1::Stream& stream = *report.mutable_streams()->add_changed();
    stream.set_name(name);
    stream.set_state(v1::STREAM_LIVE);
    cluster_->Report(router.id, report);
  }

  int64_t now_ = 1'700'000'000'000;
  uint64_t incarnation_ = 0;
  std::unique_ptr<Store> store_ = *OpenSqliteStore(":memory:");
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(ClusterTest, ARegistrationIsAnsweredWithTheState) {
  const Node node = Attach("gw-1");
  ASSERT_EQ(node.link->orders.size(), 2u);
  EXPECT_GT(node.link->orders[0].registered().heartbeat_ms(), 0u);
  const v1::NodeState& state = node.link->orders[1].state();
  EXPECT_EQ(state.configuration().defaults().grace(), 15'000u);
  EXPECT_GT(state.revision(), 0u);
}

TEST_F(ClusterTest, RegistrationsThatMakeNoSenseAreRefused) {
  const auto attach = [&](const std::string& node, v1::NodeKind kind) {
    v1::Register registration;
    registration.set_node(node);
    registration.set_kind(kind);
    return cluster_->Attach(std::make_shared<FakeLink>(), registration, "10.0.0.2").status().code();
  };
  EXPECT_EQ(attach("", v1::NODE_KIND_RECORDER), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(attach(std::string(129, 'n'), v1::NODE_KIND_RECORDER),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(attach("n", v1::NODE_KIND_UNSPECIFIED), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(attach("n", static_cast<v1::NodeKind>(77)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(attach("n", v1::NODE_KIND_ROUTER), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(cluster_->directory().nodes().empty());
}

TEST_F(ClusterTest, ARouterIsANewTopologyForAll) {
  const Node gateway = Attach("gw-1");
  EXPECT_EQ(gateway.link->state().topology().endpoints_size(), 0);
  const Node router = AttachRouter();
  EXPECT_THAT(gateway.link->state().topology().endpoints(), ElementsAre("tcp://10.0.0.2:5555"));
  EXPECT_THAT(router.link->state().topology().endpoints(), ElementsAre("tcp://10.0.0.2:5555"));
  const uint64_t term = gateway.link->state().topology().term();
  cluster_->Detached(router.id);
  now_ += 20'000;
  cluster_->Tick();
  AttachRouter();
  EXPECT_EQ(gateway.link->state().topology().term(), term);
}

TEST_F(ClusterTest, TermsSurviveARestart) {
  const Node router = AttachRouter();
  const uint64_t term = router.link->state().topology().term();
  const uint64_t revision = router.link->state().revision();
  Restart();
  EXPECT_EQ(cluster_->topology().term(), term);
  const Node gateway = Attach("gw-1");
  EXPECT_EQ(gateway.link->state().topology().endpoints_size(), 1);
  EXPECT_GT(gateway.link->state().revision(), revision);
  EXPECT_EQ(cluster_->configuration_revision(), 1u);
  EXPECT_TRUE(cluster_->directory().nodes().contains("router"));
}

TEST_F(ClusterTest, LoopbackPeersHaveThePublicHost) {
  v1::Configuration configuration;
  configuration.set_public_host("media.example.org");
  Restart(configuration);
  Attach("router", v1::NODE_KIND_ROUTER, "tcp://*:5555", "127.0.0.1");
  EXPECT_THAT(cluster_->topology().endpoints(), ElementsAre("tcp://media.example.org:5555"));
  Attach("router-2", v1::NODE_KIND_ROUTER, "tcp://*:5555", "10.0.0.3");
  EXPECT_THAT(cluster_->topology().endpoints(),
              ElementsAre("tcp://10.0.0.3:5555", "tcp://media.example.org:5555"));
}

TEST_F(ClusterTest, TheSameNameTakesThePlaceOfTheEarlier) {
  const Node first = Attach("gw-1");
  Open(first, "s1", "live/a");
  const Node second = Attach("gw-1");
  EXPECT_EQ(first.link->closed.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(cluster_->directory().sessions().empty());
  Open(first, "s2", "live/a");  // too late
  cluster_->Detached(first.id);
  EXPECT_TRUE(cluster_->directory().nodes().at("gw-1").node.attached());
  Open(second, "s3", "live/a");
  EXPECT_EQ(cluster_->directory().sessions().size(), 1u);
}

TEST_F(ClusterTest, ASilentNodeIsDetached) {
  const Node node = Attach("gw-1");
  now_ += 10'001;
  cluster_->Tick();
  EXPECT_EQ(node.link->closed.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(cluster_->directory().nodes().at("gw-1").node.attached());
}

TEST_F(ClusterTest, BansReachAllAndExpireAtAll) {
  const Node a = Attach("gw-1");
  const Node b = Attach("gw-2");
  ASSERT_TRUE(cluster_->AddBan(v1::BAN_STREAM, "live/a", "out", 1'000).ok());
  EXPECT_EQ(a.link->state().bans_size(), 1);
  EXPECT_EQ(b.link->state().bans(0).value(), "live/a");
  const uint64_t revision = b.link->state().revision();
  now_ += 1'000;
  cluster_->Tick();
  EXPECT_EQ(b.link->state().bans_size(), 0);
  EXPECT_GT(b.link->state().revision(), revision);
  const size_t orders = b.link->orders.size();
  now_ += 100;
  cluster_->Tick();
  EXPECT_EQ(b.link->orders.size(), orders);  // nothing changed, nothing is said
}

TEST_F(ClusterTest, BansSurviveARestart) {
  ASSERT_TRUE(cluster_->AddBan(v1::BAN_USER, "eve", "out", 60'000).ok());
  Restart();
  EXPECT_EQ(Attach("gw-1").link->state().bans_size(), 1);
}

TEST_F(ClusterTest, WhoSlipsInPastABanIsKicked) {
  const Node node = Attach("gw-1");
  Open(node, "early", "live/a");
  now_ += 10;
  ASSERT_TRUE(cluster_->AddBan(v1::BAN_ADDRESS, "203.0.113.7", "out", 60'000).ok());
  now_ += 10;
  Open(node, "late", "live/a");
  Open(node, "other", "live/a", "203.0.113.8:1");
  const auto commands = node.link->commands();
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(commands[0].kick_session().session(), "late");
  EXPECT_EQ(commands[0].kick_session().reason(), "out");
}

TEST_F(ClusterTest, ABanIsSentBeforeTheCommandBehindIt) {
  const Node node = Attach("gw-1");
  ASSERT_TRUE(cluster_->AddBan(v1::BAN_STREAM, "live/a", "out", 1'000).ok());
  v1::Command command;
  command.mutable_kick_stream()->set_stream("live/a");
  cluster_->Command({"gw-1"}, command, [](const CommandOutcome&) {});
  ASSERT_GE(node.link->orders.size(), 2u);
  EXPECT_TRUE(node.link->orders.back().has_command());
  EXPECT_EQ(node.link->orders[node.link->orders.size() - 2].state().bans_size(), 1);
}

TEST_F(ClusterTest, CommandsAreAnsweredWhenAllHave) {
  const Node a = Attach("gw-1");
  const Node b = Attach("gw-2");
  std::vector<CommandOutcome> outcomes;
  cluster_->Command({"gw-1", "gw-2", "nobody"}, v1::Command(),
                    [&](const CommandOutcome& outcome) { outcomes.push_back(outcome); });
  const auto answer = [&](const Node& node, uint64_t command, uint32_t sessions) {
    v1::NodeReport report;
    report.mutable_result()->set_command_id(command);
    report.mutable_result()->set_found(sessions > 0);
    report.mutable_result()->set_sessions(sessions);
    cluster_->Report(node.id, report);
  };
  ASSERT_EQ(a.link->commands().size(), 1u);
  const uint64_t id = a.link->commands()[0].command_id();
  answer(a, id + 100, 9);
  answer(a, id, 2);
  answer(a, id, 2);  // twice is once
  EXPECT_TRUE(outcomes.empty());
  answer(b, id, 0);
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_TRUE(outcomes[0].found());
  EXPECT_EQ(outcomes[0].sessions(), 2u);
  EXPECT_TRUE(outcomes[0].silent.empty());
}

TEST_F(ClusterTest, CommandsDoNotWaitForEver) {
  const Node a = Attach("gw-1");
  const Node b = Attach("gw-2");
  std::vector<CommandOutcome> outcomes;
  const auto note = [&](const CommandOutcome& outcome) { outcomes.push_back(outcome); };
  cluster_->Command({"gw-1"}, v1::Command(), note);
  now_ += 1'000;
  cluster_->Tick();
  ASSERT_EQ(outcomes.size(), 1u);
  EXPECT_THAT(outcomes[0].silent, ElementsAre("gw-1"));
  cluster_->Command({"gw-2"}, v1::Command(), note);
  cluster_->Detached(b.id);
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_THAT(outcomes[1].silent, ElementsAre("gw-2"));
  cluster_->Command({"gw-2"}, v1::Command(), note);
  EXPECT_EQ(outcomes.size(), 3u);
}

TEST_F(ClusterTest, WatchersSeeWhatThereIsThenWhatChanges) {
  const Node router = AttachRouter();
  Live(router, "live/a");
  Live(router, "vod/x");
  const auto watcher = std::make_shared<FakeWatcher>();
  cluster_->Watch(watcher, "live/");
  EXPECT_THAT(watcher->events, ElementsAre("CURRENT live/a", "SYNCED "));
  Live(router, "live/b");
  Live(router, "vod/y");
  EXPECT_EQ(watcher->events.back(), "UP live/b");
  now_ += 1'000;
  cluster_->Tick();
  EXPECT_EQ(watcher->events.size(), 3u);
}

TEST_F(ClusterTest, ANewConfigurationReachesAll) {
  const Node node = Attach("gw-1");
  v1::Configuration configuration;
  configuration.mutable_defaults()->set_flush(20);
  configuration.add_routers("tcp://r:1");
  ASSERT_TRUE(cluster_->ConfigurationFileSays(configuration).ok());
  EXPECT_EQ(node.link->state().configuration().defaults().flush(), 20u);
  EXPECT_THAT(node.link->state().topology().endpoints(), ElementsAre("tcp://r:1"));
  EXPECT_EQ(cluster_->configuration_revision(), 2u);
  EXPECT_EQ(node.link->state().configuration_revision(), 2u);
  // What is in force already is not pushed again.
  const size_t orders = node.link->orders.size();
  ASSERT_TRUE(cluster_->ConfigurationFileSays(configuration).ok());
  configuration.mutable_defaults()->set_grace(15'000);  // the default
  ASSERT_TRUE(cluster_->ConfigurationFileSays(configuration).ok());
  EXPECT_EQ(node.link->orders.size(), orders);
  EXPECT_EQ(cluster_->configuration_revision(), 2u);
}

TEST_F(ClusterTest, NodesSayWhichConfigurationTheyRun) {
  const Node node = Attach("gw-1");
  EXPECT_EQ(cluster_->directory().nodes().at("gw-1").node.configuration_revision(), 0u);
  v1::NodeReport report;
  report.mutable_heartbeat()->set_configuration_revision(7);
  cluster_->Report(node.id, report);
  EXPECT_EQ(cluster_->directory().nodes().at("gw-1").node.configuration_revision(), 7u);
}

TEST_F(ClusterTest, WhatIsAppliedHoldsUntilTheFileChanges) {
  v1::Configuration file;
  file.mutable_defaults()->set_flush(1);
  Restart(file);
  v1::Configuration applied;
  applied.mutable_defaults()->set_grace(2'000);
  const auto flush = [&] { return cluster_->configuration().defaults().flush(); };

  const Node node = Attach("gw-1");
  ASSERT_TRUE(cluster_->ApplyConfiguration(applied).ok());
  EXPECT_EQ(flush(), 0u) << "what it does not set has its default again";
  EXPECT_EQ(node.link->state().configuration().defaults().grace(), 2'000u);
  EXPECT_EQ(cluster_->desired().source(), v1::CONFIGURATION_APPLIED);
  const uint64_t revision = cluster_->configuration_revision();

  // The same file after a restart, and one that says the same in other words.
  Restart(file);
  EXPECT_EQ(cluster_->configuration().defaults().grace(), 2'000u);
  EXPECT_EQ(cluster_->configuration_revision(), revision);
  ASSERT_TRUE(cluster_->ConfigurationFileSays(file).ok());
  EXPECT_EQ(cluster_->desired().source(), v1::CONFIGURATION_APPLIED);

  // A file that changed while it ran, and stays as it is.
  file.mutable_defaults()->set_flush(3);
  ASSERT_TRUE(cluster_->ConfigurationFileSays(file).ok());
  EXPECT_EQ(flush(), 3u);
  EXPECT_EQ(cluster_->configuration().defaults().grace(), 15'000u);
  EXPECT_EQ(cluster_->desired().source(), v1::CONFIGURATION_FILE);
  Restart(file);
  EXPECT_EQ(flush(), 3u);

  // One that changed while it was away.
  ASSERT_TRUE(cluster_->ApplyConfiguration(applied).ok());
  file.mutable_defaults()->set_flush(4);
  Restart(file);
  EXPECT_EQ(flush(), 4u);
  EXPECT_EQ(cluster_->desired().source(), v1::CONFIGURATION_FILE);
  Restart(file);
  EXPECT_EQ(flush(), 4u) << "what was applied does not come back";
}

TEST_F(ClusterTest, NothingCanBeAppliedToo) {
  v1::Configuration file;
  file.mutable_defaults()->set_flush(1);
  Restart(file);
  ASSERT_TRUE(cluster_->ApplyConfiguration(v1::Configuration()).ok());
  Restart(file);
  EXPECT_EQ(cluster_->configuration().defaults().flush(), 0u);
}

TEST_F(ClusterTest, CloseEndsEverything) {
  const Node node = Attach("gw-1");
  const auto watcher = std::make_shared<FakeWatcher>();
  cluster_->Watch(watcher, "");
  int done = 0;
  cluster_->Command({"gw-1"}, v1::Command(), [&](const CommandOutcome&) { ++done; });
  cluster_->Close();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(node.link->closed.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(watcher->closed.code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace millrace::control
