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
      retry_(node.shards().home()) {
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
  Accept();
  return absl::OkStatus();
}

void Server::StopAccepting() {
  draining_ = true;
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
  if (connections_ >= options.settings.max_connections()) {
    node_.metrics()
        .Counter("millrace_connections_refused_total",
                 "Connections that were closed at once because there are too many.",
                 {{"protocol", "rtmp"}})
        .Increment();
    return;  // closes the socket
  }
  ++connections_;
  options.login = &login_;
  options.draining = [this] { return draining_.load(); };
  options.on_end = [this] { --connections_; };
  SetOptions(socket);
  asio::post(node_.shards().at(shard), [this, shard, socket = std::move(socket),
                                        options = std::move(options)]() mutable {
    std::make_shared<Session>(*shards_[shard], std::move(socket), std::move(options))->Start();
  });
}

}  // namespace millrace::rtmp
