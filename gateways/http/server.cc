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

#include "gateways/http/net_address.h"
#include "gateways/http/session.h"
#include "runtime/loop/listen.h"

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
  explicit Impl(node::Node& node) : node_(node), context_(node), pause_(node.shards().home()) {}

  absl::Status Start() {
    for (const std::string& text : node_.configuration()->http().trusted_proxies()) {
      if (!ParseNetwork(text)) {
        node_.logger().Warning("http.trusted_proxies has what is not a network; it is left out",
                               {{"value", text}});
      }
    }
    absl::StatusOr<tcp::acceptor> acceptor = loop::Listen(node_.shards().home(), node_.listen());
    if (!acceptor.ok()) return acceptor.status();
    acceptor_ = *std::move(acceptor);
    port_ = acceptor_->local_endpoint().port();
    asio::co_spawn(node_.shards().home(), Accept(), [](const std::exception_ptr& failure) {
      if (failure) std::rethrow_exception(failure);
    });
    return absl::OkStatus();
  }

  void StopAccepting() {
    context_.draining = true;
    boost::system::error_code ignored;
    acceptor_->close(ignored);
  }

  uint16_t port() const { return port_; }

 private:
  asio::awaitable<void> Accept() {
    while (acceptor_->is_open()) {
      const size_t shard = node_.shards().NextIndex();
      asio::io_context& target = node_.shards().at(shard);
      auto [error, socket] = co_await acceptor_->async_accept(target, kAwait);
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        // Out of file descriptors, mostly: a moment later some may be free.
        if (const auto suppressed = failures_.Allow(std::chrono::steady_clock::now())) {
          node_.logger().Error("cannot accept",
                               {{"error", error.message()}, {"suppressed", *suppressed}});
        }
        pause_.expires_after(std::chrono::milliseconds(100));
        (void)co_await pause_.async_wait(kAwait);
        continue;
      }
      const size_t most = node_.configuration()->http().max_connections();
      const size_t now = context_.connections;
      if (now >= most + kToldFull) {
        node::CountRefusal(node_.metrics(), "http", "too_many_connections");
        continue;
      }
      StartSession(context_, shard, std::move(socket), now >= most);
    }
  }

  node::Node& node_;
  SessionContext context_;
  std::optional<tcp::acceptor> acceptor_;
  asio::steady_timer pause_;
  log::RateLimit failures_;
  uint16_t port_ = 0;
};

Server::Server(node::Node& node) : impl_(std::make_unique<Impl>(node)) {}
Server::~Server() = default;
absl::Status Server::Start() { return impl_->Start(); }
void Server::StopAccepting() { impl_->StopAccepting(); }
uint16_t Server::port() const { return impl_->port(); }

}  // namespace millrace::http
