#pragma once
// A control plane on loopback with nodes that are played by NodeAgent, as in the processes.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "control-plane/server.h"
#include "millrace/v1/admin.grpc.pb.h"
#include "runtime/metrics/registry.h"
#include "runtime/rpc/ban_list.h"
#include "runtime/rpc/node_agent.h"
#include "runtime/rpc/session_registry.h"

namespace millrace::control {

// Waits until `holds` does, ten seconds at most.
bool Eventually(const std::function<bool()>& holds);

class FakeNode {
 public:
  FakeNode(const std::string& target, const std::string& name, v1::NodeKind kind);
  ~FakeNode();

  rpc::SessionRegistry& sessions() { return sessions_; }
  rpc::NodeAgent& agent() { return *agent_; }
  std::shared_ptr<rpc::SessionRecord> Open(const std::string& stream,
                                           v1::Role role = v1::ROLE_VIEWER,
                                           const std::string& user = "",
                                           const std::string& address = "203.0.113.7:5000");
  void Stream(const std::string& name, v1::StreamState state = v1::STREAM_LIVE);
  v1::NodeState state() const;
  // What it is to pull and push; gateways can rtmp.
  v1::RelayAssignments relays() const;
  // What happened, in order: "kick <session's stream> <reason>" as the client would be told,
  // "command", each with " banned" behind it where the stream was banned on this node at that
  // moment.
  std::vector<std::string> notes() const;
  // Sessions close when they are kicked, unless told otherwise.
  bool obedient = true;

 private:
  void Note(const std::string& text, const std::string& stream);

  metrics::Registry metrics_{"test"};
  rpc::SessionRegistry sessions_;
  rpc::BanList bans_;
  mutable std::mutex mutex_;
  v1::NodeState state_;
  v1::RelayAssignments relays_;
  std::vector<std::string> notes_;
  std::unique_ptr<rpc::NodeAgent> agent_;
};

class TestCluster {
 public:
  explicit TestCluster(ServerOptions options = {});
  ~TestCluster();

  Server& server() { return *server_; }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }
  v1::AdminService::Stub& admin() { return *admin_; }
  std::unique_ptr<FakeNode> Node(const std::string& name,
                                 v1::NodeKind kind = v1::NODE_KIND_RTMP_GATEWAY);
  // The control plane goes; and comes back on the same port.
  void Stop();
  void Start();

  bool AwaitSessions(size_t count);
  bool AwaitStream(const std::string& name);
  size_t Sessions();

  // Body of a GET on the HTTP port.
  std::string Get(const std::string& path) const;

 private:
  ServerOptions options_;
  int port_ = 0;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace millrace::control
