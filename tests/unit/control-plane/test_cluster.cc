#include "tests/unit/control-plane/test_cluster.h"

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

namespace millrace::control {

bool Eventually(const std::function<bool()>& holds) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    never.wait_for(lock, std::chrono::milliseconds(5));
  }
  return true;
}

FakeNode::FakeNode(const std::string& target, const std::string& name, v1::NodeKind kind)
    : sessions_(name, name, metrics_) {
  rpc::NodeAgent::Options options;
  options.control_plane = target;
  v1::Register& registration = options.registration;
  registration.set_node(name);
  registration.set_incarnation(reinterpret_cast<uintptr_t>(this));
  registration.set_kind(kind);
  registration.set_version("0.1.0");
  registration.set_metrics_address(":9102");
  if (kind == v1::NODE_KIND_ROUTER) registration.set_bus_endpoint("tcp://*:5555");
  if (kind == v1::NODE_KIND_RTMP_GATEWAY) {
    registration.add_pull_schemes("rtmp");
    registration.add_push_schemes("rtmp");
  }
  rpc::NodeAgent::Handlers handlers;
  handlers.on_state = [this](const v1::NodeState& state) {
    bans_.Set({state.bans().begin(), state.bans().end()});
    std::lock_guard lock(mutex_);
    state_ = state;
  };
  handlers.on_relays = [this](const v1::RelayAssignments& assignments) {
    std::lock_guard lock(mutex_);
    relays_ = assignments;
  };
  handlers.on_command = [this](const v1::Command& command) {
    Note("command", command.kick_stream().stream());
    return v1::CommandResult();
  };
  handlers.heartbeat = [] {
    v1::Heartbeat heartbeat;
    heartbeat.set_ready(true);
    return heartbeat;
  };
  agent_ = std::make_unique<rpc::NodeAgent>(std::move(options), std::move(handlers), sessions_);
  agent_->Start();
}

FakeNode::~FakeNode() { agent_.reset(); }

void FakeNode::Note(const std::string& text, const std::string& stream) {
  const bool banned = bans_.Refusal(stream, "", "", 0).has_value();
  std::lock_guard lock(mutex_);
  notes_.push_back(text + (banned ? " banned" : ""));
}

std::shared_ptr<rpc::SessionRecord> FakeNode::Open(const std::string& stream, v1::Role role,
                                                   const std::string& user,
                                                   const std::string& address) {
  v1::Session session;
  session.set_protocol("rtmp");
  session.set_stream(stream);
  session.set_role(role);
  session.set_user(user);
  session.set_address(address);
  auto holder = std::make_shared<std::weak_ptr<rpc::SessionRecord>>();
  auto record = sessions_.Open(session, [this, stream, holder](const rpc::KickOrder& order) {
    Note("kick " + stream + " " + order.reason, stream);
    const auto kicked = holder->lock();
    if (obedient && kicked) sessions_.Close(*kicked, "kicked");
  });
  *holder = record;
  return record;
}

void FakeNode::Stream(const std::string& name, v1::StreamState state) {
  v1::Stream stream;
  stream.set_name(name);
  stream.set_state(state);
  agent_->StreamChanged(stream);
}

v1::NodeState FakeNode::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

v1::RelayAssignments FakeNode::relays() const {
  std::lock_guard lock(mutex_);
  return relays_;
}

std::vector<std::string> FakeNode::notes() const {
  std::lock_guard lock(mutex_);
  return notes_;
}

TestCluster::TestCluster(ServerOptions options) : options_(std::move(options)) {
  options_.listen = "127.0.0.1:0";
  options_.http = "127.0.0.1:0";
  Start();
}

TestCluster::~TestCluster() = default;

void TestCluster::Start() {
  auto server = Server::Start(options_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  port_ = server_->port();
  options_.listen = target();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  admin_ = v1::AdminService::NewStub(
      grpc::CreateCustomChannel(target(), grpc::InsecureChannelCredentials(), arguments));
}

void TestCluster::Stop() { server_.reset(); }

std::unique_ptr<FakeNode> TestCluster::Node(const std::string& name, v1::NodeKind kind) {
  auto node = std::make_unique<FakeNode>(target(), name, kind);
  EXPECT_TRUE(Eventually([&] { return node->state().revision() > 0; }));
  return node;
}

size_t TestCluster::Sessions() {
  grpc::ClientContext context;
  v1::ListSessionsResponse response;
  admin_->ListSessions(&context, v1::ListSessionsRequest(), &response);
  return static_cast<size_t>(response.sessions_size());
}

bool TestCluster::AwaitSessions(size_t count) {
  return Eventually([&] { return Sessions() == count; });
}

bool TestCluster::AwaitStream(const std::string& name) {
  return Eventually([&] {
    grpc::ClientContext context;
    v1::GetStreamRequest request;
    request.set_name(name);
    v1::Stream stream;
    return admin_->GetStream(&context, request, &stream).ok();
  });
}

std::string TestCluster::Get(const std::string& path) const {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server_->http_port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request =
        "GET " + path + " HTTP/1.1\r\nHost: cp.example:9101\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(socket, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    char buffer[4096];
    for (ssize_t n = 0; (n = ::recv(socket, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
  }
  ::close(socket);
  const size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? answer : answer.substr(body + 4);
}

}  // namespace millrace::control
