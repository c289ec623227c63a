#include "runtime/rpc/node_agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "runtime/rpc/state_file.h"
#include "tests/unit/runtime/rpc/attach_server.h"

namespace millrace::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;
using Reports = std::vector<v1::NodeReport>;

int Registrations(const Reports& reports) {
  return static_cast<int>(std::ranges::count_if(
      reports, [](const v1::NodeReport& report) { return report.has_register_(); }));
}

class Agent : public testing::Test {
 protected:
  std::unique_ptr<NodeAgent> Make(const std::string& target, const std::string& state_file = "") {
    NodeAgent::Options options;
    options.control_plane = target;
    options.state_file = state_file;
    options.registration.set_node("node-1");
    options.registration.set_incarnation(7);
    options.registration.set_kind(v1::NODE_KIND_ROUTER);
    NodeAgent::Handlers handlers;
    handlers.on_state = [this](const v1::NodeState& state) {
      Note("state " + std::to_string(state.revision()));
    };
    handlers.on_command = [this](const v1::Command& command) {
      Note("command " + std::to_string(command.command_id()));
      v1::CommandResult result;
      result.set_found(true);
      result.set_sessions(1);
      return result;
    };
    handlers.on_relays = [this](const v1::RelayAssignments& relays) {
      Note("relays " + std::to_string(relays.revision()));
    };
    handlers.on_event = [this](const std::string& text) { Note("event " + text); };
    handlers.heartbeat = [] {
      v1::Heartbeat heartbeat;
      heartbeat.set_ready(true);
      return heartbeat;
    };
    auto agent = std::make_unique<NodeAgent>(std::move(options), std::move(handlers), sessions_);
    agent->Start();
    return agent;
  }

  std::shared_ptr<SessionRecord> Open(const std::string& stream) {
    v1::Session session;
    session.set_stream(stream);
    session.set_role(v1::ROLE_VIEWER);
    return sessions_.Open(session,
                          [this](const KickOrder& order) { Note("kick " + order.reason); });
  }

  void Note(const std::string& text) {
    std::lock_guard lock(mutex_);
    notes_.push_back(text);
    noted_.notify_all();
  }

  // Waits until something that was noted begins so.
  bool AwaitNote(const std::string& beginning) {
    std::unique_lock lock(mutex_);
    return noted_.wait_for(lock, seconds(10), [&] {
      return std::ranges::any_of(
          notes_, [&](const std::string& note) { return note.starts_with(beginning); });
    });
  }

  metrics::Registry metrics_{"test"};
  SessionRegistry sessions_{"node-1", "rtmp-7", metrics_};
  std::mutex mutex_;
  std::condition_variable noted_;
  std::vector<std::string> notes_;
};

TEST_F(Agent, RegistersThenReportsEverything) {
  const auto server = AttachServer::Start();
  const auto open = Open("live/a");
  const auto agent = Make(server->target());
  v1::Stream stream;
  stream.set_name("live/a");
  agent->StreamChanged(stream);
  ASSERT_TRUE(server->Await([](const Reports& reports) {
    return std::ranges::any_of(reports, [](const auto& r) { return r.has_streams(); });
  }));
  ASSERT_TRUE(AwaitNote("event attached"));
  EXPECT_TRUE(agent->attached());
  const Reports reports = server->reports();
  ASSERT_GE(reports.size(), 4u);
  EXPECT_EQ(reports[0].register_().node(), "node-1");
  EXPECT_TRUE(reports[1].heartbeat().ready());
  EXPECT_EQ(reports[1].heartbeat().sessions(), 1u);
  EXPECT_TRUE(reports[2].sessions().complete());
  EXPECT_EQ(reports[2].sessions().opened_or_changed(0).stream(), "live/a");
  EXPECT_TRUE(reports[3].streams().complete());
}

v1::RelayUpdate Relays(const std::vector<std::pair<std::string, v1::RelayState>>& pulls) {
  v1::RelayUpdate update;
  for (const auto& [stream, state] : pulls) {
    v1::RelayReport& report = *update.add_changed();
    report.set_pull(stream);
    report.mutable_status()->set_state(state);
  }
  return update;
}

std::vector<v1::RelayUpdate> RelayReports(const Reports& reports) {
  std::vector<v1::RelayUpdate> updates;
  for (const v1::NodeReport& report : reports) {
    if (report.has_relays()) updates.push_back(report.relays());
  }
  return updates;
}

TEST_F(Agent, TellsWhatItRelaysAndWhatIsNewOfIt) {
  const auto server = AttachServer::Start();
  const auto agent = Make(server->target());
  const auto await = [&](size_t count) {
    return server->Await([&](const Reports& all) { return RelayReports(all).size() >= count; });
  };
  ASSERT_TRUE(await(1));
  v1::NodeOrder order;
  order.mutable_relays()->set_revision(3);
  server->Send(order);
  ASSERT_TRUE(AwaitNote("relays 3"));
  agent->SetRelays(Relays({{"live/a", v1::RELAY_CONNECTING}, {"live/b", v1::RELAY_RUNNING}}));
  ASSERT_TRUE(await(2));
  agent->SetRelays(Relays({{"live/a", v1::RELAY_RUNNING}, {"live/b", v1::RELAY_RUNNING}}));
  ASSERT_TRUE(await(3));
  agent->SetRelays(Relays({{"live/b", v1::RELAY_RUNNING}}));
  // Whoever attaches anew is told everything, first.
  server->Break();
  ASSERT_TRUE(await(4));
  const auto updates = RelayReports(server->reports());
  EXPECT_TRUE(updates[0].complete());
  EXPECT_TRUE(updates[0].changed().empty());
  EXPECT_FALSE(updates[1].complete());
  EXPECT_EQ(updates[1].changed_size(), 2);
  ASSERT_EQ(updates[2].changed_size(), 1);
  EXPECT_EQ(updates[2].changed(0).pull(), "live/a");
  EXPECT_TRUE(updates[3].complete());
  ASSERT_EQ(updates[3].changed_size(), 1);
  EXPECT_EQ(updates[3].changed(0).pull(), "live/b");
}

TEST_F(Agent, ReportsWhatComesAndGoesSoon) {
  const auto server = AttachServer::Start();
  const auto agent = Make(server->target());
  ASSERT_TRUE(server->Await([](const Reports& reports) {
    return std::ranges::any_of(reports, [](const auto& r) { return r.streams().complete(); });
  }));
  const auto start = Clock::now();
  const auto record = Open("live/b");
  ASSERT_TRUE(server->Await([](const Reports& reports) {
    return std::ranges::any_of(reports, [](const auto& r) {
      return !r.sessions().complete() && r.sessions().opened_or_changed_size() == 1;
    });
  }));
  // The aim is 50 ms; the rest is for a machine that has other things to do.
  EXPECT_LT(Clock::now() - start, milliseconds(400));
  sessions_.Close(*record, "x");
  EXPECT_TRUE(server->Await([](const Reports& reports) {
    return std::ranges::any_of(reports,
                               [](const auto& r) { return r.sessions().closed_size() == 1; });
  }));

  v1::Stream stream;
  stream.set_name("live/b");
  stream.set_state(v1::STREAM_LIVE);
  agent->StreamChanged(stream);
  EXPECT_TRUE(server->Await([](const Reports& reports) {
    return std::ranges::any_of(reports,
                               [](const auto& r) { return r.streams().changed_size() == 1; });
  }));
  agent->StreamGone("live/b");
  agent->StreamGone("live/never");
  EXPECT_TRUE(server->Await([](const Reports& reports) {
    return std::ranges::any_of(reports, [](const auto& r) { return r.streams().gone_size() == 1; });
  }));
}

TEST_F(Agent, RefreshesCounters) {
  const auto server = AttachServer::Start();
  const auto record = Open("live/a");
  const auto agent = Make(server->target());
  ASSERT_TRUE(AwaitNote("event attached"));
  record->bytes_out += 5;
  EXPECT_TRUE(server->Await([](const Reports& reports) {
    return std::ranges::any_of(reports, [](const auto& r) {
      return r.sessions().opened_or_changed_size() == 1 &&
             r.sessions().opened_or_changed(0).bytes_out() == 5;
    });
  }));
}

TEST_F(Agent, ObeysCommands) {
  const auto server = AttachServer::Start();
  const auto record = Open("live/a");
  const auto agent = Make(server->target());
  ASSERT_TRUE(AwaitNote("event attached"));
  v1::NodeOrder order;
  order.mutable_command()->set_command_id(1);
  order.mutable_command()->mutable_kick_session()->set_session(record->id());
  order.mutable_command()->mutable_kick_session()->set_reason("one");
  server->Send(order);
  order.mutable_command()->set_command_id(2);
  order.mutable_command()->mutable_kick_session()->set_session("nobody");
  server->Send(order);
  order.mutable_command()->set_command_id(3);
  order.mutable_command()->mutable_kick_stream()->set_stream("live/a");
  order.mutable_command()->mutable_kick_stream()->set_reason("three");
  server->Send(order);
  order.mutable_command()->set_command_id(4);
  order.mutable_command()->mutable_drain()->set_deadline_ms(1);
  server->Send(order);
  std::vector<v1::CommandResult> results;
  ASSERT_TRUE(server->Await([&results](const Reports& reports) {
    results.clear();
    for (const auto& report : reports) {
      if (report.has_result()) results.push_back(report.result());
    }
    return results.size() == 4;
  }));
  EXPECT_TRUE(results[0].found());
  EXPECT_FALSE(results[1].found());
  EXPECT_EQ(results[2].command_id(), 3u);
  EXPECT_EQ(results[2].sessions(), 2u);  // one of the registry, one of the handler
  EXPECT_TRUE(results[3].found());
  std::lock_guard lock(mutex_);
  EXPECT_THAT(notes_, testing::IsSupersetOf({"kick one", "kick three", "command 3", "command 4"}));
  EXPECT_THAT(notes_, testing::Not(testing::Contains("command 1")));
}

TEST_F(Agent, KeepsTheStateForTheNextStart) {
  const std::string file = testing::TempDir() + "/node_agent_test.state";
  std::filesystem::remove(file);
  const auto server = AttachServer::Start();
  {
    const auto agent = Make(server->target(), file);
    ASSERT_TRUE(AwaitNote("event attached"));
    v1::NodeOrder order;
    order.mutable_state()->set_revision(5);
    server->Send(order);
    ASSERT_TRUE(AwaitNote("state 5"));
    server->Send(order);  // the same again is not news
    order.mutable_state()->set_revision(6);
    server->Send(order);
    ASSERT_TRUE(AwaitNote("state 6"));
  }
  EXPECT_EQ(ReadStateFile(file)->revision(), 6u);
  {
    std::lock_guard lock(mutex_);
    EXPECT_EQ(std::ranges::count(notes_, "state 5"), 1);
    notes_.clear();
  }
  // Nobody listens there: the state on disk is in force when Start returns.
  const auto agent = Make("127.0.0.1:1", file);
  std::lock_guard lock(mutex_);
  EXPECT_EQ(notes_.front(), "state 6");
  std::filesystem::remove(file);
}

TEST_F(Agent, AttachesAgainWhenTheCallBreaks) {
  const auto server = AttachServer::Start();
  const auto record = Open("live/a");
  const auto agent = Make(server->target());
  for (int round = 1; round <= 3; ++round) {
    ASSERT_TRUE(server->Await([round](const Reports& reports) {
      return Registrations(reports) == round && reports.back().has_relays();
    }));
    server->Break();
  }
  ASSERT_TRUE(server->Await([](const Reports& reports) {
    return Registrations(reports) == 4 && reports.back().has_relays();
  }));
  int complete = 0;
  for (const auto& report : server->reports()) {
    complete += report.sessions().complete() && report.sessions().opened_or_changed_size() == 1;
  }
  EXPECT_EQ(complete, 4);
}

TEST_F(Agent, WaitsForAControlPlaneThatComesAndGoes) {
  int port = 0;
  {
    const auto reserved = AttachServer::Start();
    port = reserved->port();
  }
  const auto agent = Make("127.0.0.1:" + std::to_string(port));
  ASSERT_TRUE(AwaitNote("event no control plane"));
  EXPECT_FALSE(agent->attached());
  for (int round = 0; round < 2; ++round) {
    const auto server = AttachServer::Start(port);
    ASSERT_TRUE(server->Await([](const Reports& reports) {
      return Registrations(reports) == 1 && reports.back().has_heartbeat();
    })) << "round "
        << round;
    Open("live/x");
  }
  ASSERT_TRUE(AwaitNote("event lost the control plane"));
}

TEST_F(Agent, GoesAtOnce) {
  const auto server = AttachServer::Start();
  const struct {
    const char* name;
    std::string target;
  } cases[] = {
      {"attached", server->target()}, {"refused", "127.0.0.1:1"}, {"silent", "192.0.2.1:1"}};
  for (const auto& test : cases) {
    auto agent = Make(test.target);
    if (test.target == server->target()) {
      ASSERT_TRUE(AwaitNote("event attached"));
    }
    const auto start = Clock::now();
    agent.reset();
    EXPECT_LT(Clock::now() - start, seconds(1)) << test.name;
  }
}

}  // namespace
}  // namespace millrace::rpc
