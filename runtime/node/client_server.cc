#include "runtime/node/client_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "media/base/fault.h"
#include "runtime/loop/listen.h"
#include "runtime/transport/arrival.h"

namespace millrace::node {
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

}  // namespace

ClientServer::ClientServer(Node& node, const char* protocol, std::string secure_listen)
    : node_(node),
      protocol_(protocol),
      secure_listen_(std::move(secure_listen)),
      secure_(node.shards().home(), SecureOptions(secure_listen_), node.logger(), node.metrics()) {}

ClientServer::~ClientServer() = default;

absl::Status ClientServer::Start() {
  auto acceptor = loop::Listen(node_.shards().home(), node_.listen());
  if (!acceptor.ok()) return acceptor.status();
  acceptor_.emplace(*std::move(acceptor));
  port_ = acceptor_->local_endpoint().port();
  node_.logger().Info("listening", {{"protocol", protocol_}, {"port", port_}});
  OnListening(acceptor_->local_endpoint().address());
  Accept(*acceptor_, false);
  secure_.Start();
  return absl::OkStatus();
}

transport::SecurePort::Options ClientServer::SecureOptions(std::string address) {
  transport::SecurePort::Options options;
  options.address = std::move(address);
  options.settings = [this] { return node_.configuration()->tls(); };
  options.on_open = [this](Acceptor& acceptor) { Accept(acceptor, true); };
  return options;
}

void ClientServer::StopAccepting() {
  draining_ = true;
  boost::system::error_code ignored;
  if (acceptor_.has_value()) acceptor_->close(ignored);
  secure_.Stop();
}

void ClientServer::Accept(Acceptor& acceptor, bool secure) {
  const size_t shard = node_.shards().NextIndex();
  acceptor.async_accept(
      node_.shards().at(shard),
      [this, shard, secure, &acceptor](const boost::system::error_code& error, tcp::socket socket) {
        if (draining_ || error == asio::error::operation_aborted) return;
        if (!error) {
          Admit(shard, std::move(socket), secure);
        } else if (error == asio::error::no_descriptors || error == asio::error::no_memory ||
                   error == asio::error::no_buffer_space) {
          node_.logger().Error("cannot accept", {{"error", error.message()}});
          auto retry = std::make_shared<asio::steady_timer>(node_.shards().home(), kAcceptRetry);
          retry->async_wait([this, secure, &acceptor, retry](const boost::system::error_code&) {
            if (!draining_ && acceptor.is_open()) Accept(acceptor, secure);
          });
          return;
        }
        Accept(acceptor, secure);
      });
}

void ClientServer::Admit(size_t shard, tcp::socket socket, bool secure) {
  Door door = this->door();
  ClientSession::Options options;
  const bool full = connections_ >= door.max_connections;
  if (full) {
    CountRefusal(node_.metrics(), protocol_, "too_many_connections");
    if (told_full_ >= kToldFull) return;  // closes the socket
    options.refusal = "this server is full: try another one, or again later";
  }
  std::atomic<uint32_t>& count = full ? told_full_ : connections_;
  ++count;
  options.limits = &limits_;
  options.draining = [this] { return draining_.load(); };
  options.on_end = [&count] { --count; };
  SetOptions(socket);
  asio::co_spawn(node_.shards().at(shard),
                 Arrive(shard, std::move(socket), secure ? secure_.certificate() : nullptr,
                        std::move(door), std::move(options)),
                 asio::detached);
}

asio::awaitable<void> ClientServer::Arrive(size_t shard, tcp::socket socket,
                                           std::shared_ptr<ssl_ctx_st> certificate, Door door,
                                           ClientSession::Options options) {
  transport::ArrivalOptions arrival;
  arrival.balancers = transport::Networks(door.proxy_protocol);
  arrival.certificate = std::move(certificate);
  arrival.timeout = std::chrono::milliseconds(door.handshake_timeout_ms);
  const net::Endpoint peer = transport::PeerOf(socket);
  auto arrived = co_await transport::Arrive(std::move(socket), std::move(arrival));
  if (!arrived.ok()) {
    const std::string name = media::FaultName(arrived.status());
    if (name != "other" && this->shard(shard).CountError(name)) {
      node_.logger().Warning(
          "connection refused",
          {{"address", peer.ToString()}, {"error", name}, {"detail", arrived.status().message()}});
    }
    options.on_end();
    co_return;
  }
  options.client = arrived->client;
  options.behind_balancer = !(arrived->client == peer);
  Welcome(shard, std::move(arrived->transport), std::move(options));
}

}  // namespace millrace::node
