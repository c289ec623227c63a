#include "gateways/http/server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "gateways/http/session.h"
#include "runtime/loop/listen.h"
#include "runtime/net/ip_address.h"
#include "runtime/transport/secure_port.h"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// So many beyond the cap are told so; what comes on top is closed without a word.
constexpr size_t kToldFull = 256;

}  // namespace

class Server::Impl {
 public:
  Impl(node::Node& node, std::string secure_listen)
      : node_(node),
        context_(node),
        secure_(node.shards().home(), SecureOptions(std::move(secure_listen)), node.logger(),
                node.metrics()) {}

  absl::Status Start() {
    const auto configuration = node_.configuration();
    WarnOfNoNetworks("http.trusted_proxies", configuration->http().trusted_proxies());
    WarnOfNoNetworks("http.proxy_protocol", configuration->http().proxy_protocol());
    absl::StatusOr<tcp::acceptor> acceptor = loop::Listen(node_.shards().home(), node_.listen());
    if (!acceptor.ok()) return acceptor.status();
    acceptor_ = *std::move(acceptor);
    port_ = acceptor_->local_endpoint().port();
    StartAccepting(*acceptor_, false);
    secure_.Start();
    return absl::OkStatus();
  }

  void StopAccepting() {
    context_.draining = true;
    boost::system::error_code ignored;
    acceptor_->close(ignored);
    secure_.Stop();
  }

  uint16_t port() const { return port_; }
  uint16_t secure_port() const { return secure_.port(); }

 private:
  template <typename Texts>
  void WarnOfNoNetworks(const char* setting, const Texts& texts) {
    for (const std::string& text : texts) {
      if (net::ParseNetwork(text)) continue;
      node_.logger().Warning("a setting has what is not a network; it is left out",
                             {{"setting", setting}, {"value", text}});
    }
  }

  transport::SecurePort::Options SecureOptions(std::string address) {
    transport::SecurePort::Options options;
    options.address = std::move(address);
    options.settings = [this] { return node_.configuration()->tls(); };
    options.on_open = [this](tcp::acceptor& acceptor) { StartAccepting(acceptor, true); };
    return options;
  }

  void StartAccepting(tcp::acceptor& acceptor, bool secure) {
    asio::co_spawn(node_.shards().home(), Accept(acceptor, secure),
                   [](const std::exception_ptr& failure) {
                     if (failure) std::rethrow_exception(failure);
                   });
  }

  asio::awaitable<void> Accept(tcp::acceptor& acceptor, bool secure) {
    asio::steady_timer pause(node_.shards().home());
    while (acceptor.is_open()) {
      const size_t shard = node_.shards().NextIndex();
      asio::io_context& target = node_.shards().at(shard);
      auto [error, socket] = co_await acceptor.async_accept(target, kAwait);
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        // Out of file descriptors, mostly: a moment later some may be free.
        if (const auto suppressed = failures_.Allow(std::chrono::steady_clock::now())) {
          node_.logger().Error("cannot accept",
                               {{"error", error.message()}, {"suppressed", *suppressed}});
        }
        pause.expires_after(std::chrono::milliseconds(100));
        (void)co_await pause.async_wait(kAwait);
        continue;
      }
      const size_t most = node_.configuration()->http().max_connections();
      const size_t now = context_.connections;
      if (now >= most + kToldFull) {
        node::CountRefusal(node_.metrics(), "http", "too_many_connections");
        continue;
      }
      StartSession(context_, shard, std::move(socket), secure ? secure_.certificate() : nullptr,
                   now >= most);
    }
  }

  node::Node& node_;
  SessionContext context_;
  std::optional<tcp::acceptor> acceptor_;
  transport::SecurePort secure_;
  log::RateLimit failures_;
  uint16_t port_ = 0;
};

Server::Server(node::Node& node, std::string secure_listen)
    : secure_listen_(std::move(secure_listen)),
      impl_(std::make_unique<Impl>(node, secure_listen_)) {}
Server::~Server() = default;
absl::Status Server::Start() { return impl_->Start(); }
void Server::StopAccepting() { impl_->StopAccepting(); }
uint16_t Server::port() const { return impl_->port(); }
uint16_t Server::secure_port() const { return impl_->secure_port(); }

}  // namespace millrace::http
