#include "runtime/transport/dial.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "runtime/transport/arrival.h"

namespace millrace::transport {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Ends whatever the coroutine waits for when the time is over.
class Deadline {
 public:
  Deadline(const asio::any_io_executor& executor, std::chrono::milliseconds time)
      : state_(std::make_shared<State>(executor)), timer_(executor, time) {
    timer_.async_wait([state = state_](const boost::system::error_code& error) {
      if (error) return;
      state->over = true;
      boost::system::error_code ignored;
      state->resolver.cancel();
      state->socket.close(ignored);
      if (state->transport != nullptr) state->transport->Cancel();
    });
  }

  struct State {
    explicit State(const asio::any_io_executor& executor) : resolver(executor), socket(executor) {}
    tcp::resolver resolver;
    tcp::socket socket;              // until it is the transport's
    Transport* transport = nullptr;  // while it shakes hands
    bool over = false;
  };
  State& state() { return *state_; }

 private:
  const std::shared_ptr<State> state_;
  asio::steady_timer timer_;
};

}  // namespace

asio::awaitable<absl::StatusOr<Dialed>> Dial(DialOptions options) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto deadline = std::make_unique<Deadline>(executor, options.timeout);
  Deadline::State& state = deadline->state();
  const auto failed = [&](const std::string& what) {
    return absl::UnavailableError(
        state.over ? fmt::format("{}:{} does not answer", options.host, options.port) : what);
  };

  const std::string service = std::to_string(options.port);
  const auto [unknown, found] =
      co_await state.resolver.async_resolve(options.host, service, kAwait);
  if (unknown) co_return failed(fmt::format("{}: no such host", options.host));
  const auto [refused, endpoint] = co_await asio::async_connect(state.socket, found, kAwait);
  if (refused || state.over) {
    co_return failed(fmt::format("{}:{}: {}", options.host, options.port, refused.message()));
  }
  Dialed dialed;
  dialed.server = PeerOf(state.socket);
  dialed.transport = std::make_unique<Transport>(std::move(state.socket));
  if (options.tls != nullptr) {
    state.transport = dialed.transport.get();
    const absl::Status shaken = co_await dialed.transport->Handshake(options.tls, options.host);
    state.transport = nullptr;
    if (state.over || absl::IsCancelled(shaken)) {
      co_return failed(
          fmt::format("{}:{} hung up instead of speaking TLS", options.host, options.port));
    }
    if (!shaken.ok()) co_return shaken;
  }
  co_return std::move(dialed);
}

}  // namespace millrace::transport
