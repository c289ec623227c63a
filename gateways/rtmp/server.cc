#include "gateways/rtmp/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>

#include "gateways/rtmp/crypto.h"
#include "gateways/rtmp/session.h"
#include "runtime/loop/listen.h"

namespace millrace::rtmp {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// After accept() failed (no file descriptors left): time for some to become free.
constexpr auto kAcceptRetry = std::chrono::milliseconds(100);
// A peer that vanished is found dead after 30 s of silence and 3 probes, or when it has not
// acknowledged for 45 s: later than slow_viewer_timeout, which can give a reason.
constexpr int kKeepIdleSeconds = 30;
constexpr int kKeepIntervalSeconds = 10;
constexpr int kKeepProbes = 3;
constexpr int kUserTimeoutMs = 45'000;
// So long a gateway may take to hear from its control plane.
constexpr auto kConfigurationTime = std::chrono::seconds(3);
// So many beyond max_connections are told so; what comes on top is closed without a word.
constexpr uint32_t kToldFull = 64;

void SetOptions(tcp::socket& socket) {
  const auto set = [&](int level, int name, int value) {
    // Comforts: a connection works without them.
    (void)::setsockopt(socket.native_handle(), level, name, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepIntervalSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepProbes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
}

// New with each process: nobody else can make a challenge, and a restart ends all that are open.
Login::Secret NewSecret() {
  Login::Secret secret;
  OpenSslRandom(secret);
  return secret;
}

}  // namespace

Server::Server(node::Node& node)
    : node_(node),
      publishers_(node),
      login_(publishers_, OpenSslMd5, OpenSslHmacSha256, NewSecret()),
      retry_(node.shards().home()),
      warning_(node.shards().home()) {
  for (size_t i = 0; i < node.shards().size(); ++i) {
    shards_.push_back(std::make_unique<SessionShard>(node, i));
  }
}

Server::~Server() = default;

absl::Status Server::Start() {
  auto acceptor = loop::Listen(node_.shards().home(), node_.listen());
  if (!acceptor.ok()) return acceptor.status();
  acceptor_.emplace(*std::move(acceptor));
  port_ = acceptor_->local_endpoint().port();
  node_.logger().Info("listening", {{"protocol", "rtmp"}, {"port", port_}});
  if (!acceptor_->local_endpoint().address().is_loopback()) WarnOfOpenDoors();
  Accept();
  return absl::OkStatus();
}

// Once the configuration has come, which may restrict who publishes.
void Server::WarnOfOpenDoors() {
  warning_.expires_after(kConfigurationTime);
  warning_.async_wait([this](const boost::system::error_code& error) {
    if (error || !node_.configuration()->defaults().publishers().empty()) return;
    node_.logger().Warning(
        "publishing is open to the world",
        {{"listen", node_.listen()},
         {"detail",
          "Whoever reaches this port may publish to every application that names no "
          "publishers. Name some for all (defaults), let a firewall admit the encoders "
          "alone, or listen on a private address."}});
  });
}

void Server::StopAccepting() {
  draining_ = true;
  warning_.cancel();
  retry_.cancel();
  boost::system::error_code ignored;
  if (acceptor_.has_value()) acceptor_->close(ignored);
}

void Server::Accept() {
  const size_t shard = node_.shards().NextIndex();
  acceptor_->async_accept(
      node_.shards().at(shard),
      [this, shard](const boost::system::error_code& error, tcp::socket socket) {
        if (draining_) return;
        if (!error) {
          Admit(shard, std::move(socket));
        } else if (error == asio::error::no_descriptors || error == asio::error::no_memory ||
                   error == asio::error::no_buffer_space) {
          node_.logger().Error("cannot accept", {{"error", error.message()}});
          retry_.expires_after(kAcceptRetry);
          retry_.async_wait([this](const boost::system::error_code& cancelled) {
            if (!cancelled && !draining_) Accept();
          });
          return;
        }
        Accept();
      });
}

void Server::Admit(size_t shard, tcp::socket socket) {
  Session::Options options;
  options.settings = node_.configuration()->rtmp();
  const bool full = connections_ >= options.settings.max_connections();
  if (full) {
    node::CountRefusal(node_.metrics(), "rtmp", "too_many_connections");
    if (told_full_ >= kToldFull) return;  // closes the socket
    options.refusal = "this server is full: try another one, or again later";
  }
  std::atomic<uint32_t>& count = full ? told_full_ : connections_;
  ++count;
  options.limits = &limits_;
  options.login = &login_;
  options.draining = [this] { return draining_.load(); };
  options.on_end = [&count] { --count; };
  SetOptions(socket);
  asio::post(node_.shards().at(shard), [this, shard, socket = std::move(socket),
                                        options = std::move(options)]() mutable {
    std::make_shared<Session>(*shards_[shard], std::move(socket), std::move(options))->Start();
  });
}

}  // namespace millrace::rtmp
