#include "runtime/metrics/server.h"

#include <pthread.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>
#include <utility>

#include "runtime/loop/listen.h"
#include "runtime/metrics/registry.h"

namespace millrace::metrics {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr size_t kMaxConnections = 64;
constexpr uint32_t kMaxHeader = 8 * 1024;
constexpr std::chrono::seconds kIdle{75};  // longer than the common scrape intervals
constexpr std::chrono::seconds kWrite{10};

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// The bytes were wrong, rather than the connection gone.
bool Malformed(const boost::system::error_code& error) {
  static const auto& parser = http::make_error_code(http::error::bad_method).category();
  return error.category() == parser && error != http::error::end_of_stream &&
         error != http::error::partial_message;
}

}  // namespace

class Server::Impl {
 public:
  Impl(std::unique_ptr<asio::io_context> context, tcp::acceptor acceptor, Options options)
      : context_(std::move(context)), acceptor_(std::move(acceptor)), options_(std::move(options)) {
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(*context_, Accept(), asio::detached);
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "metrics");
      context_->run();
    });
  }
  ~Impl() {
    context_->stop();
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  asio::awaitable<void> Accept() {
    asio::steady_timer pause(*context_);
    while (true) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of file descriptors, mostly: the next try may fare better
        pause.expires_after(std::chrono::milliseconds(100));
        (void)co_await pause.async_wait(kAwait);
        continue;
      }
      if (connections_ == kMaxConnections) continue;
      ++connections_;
      asio::co_spawn(*context_, Serve(std::move(socket)),
                     [this](const std::exception_ptr& failure) {
                       --connections_;
                       if (failure) std::rethrow_exception(failure);
                     });
    }
  }

  asio::awaitable<void> Serve(tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer(kMaxHeader);
    bool keep = true;
    while (keep) {
      http::request_parser<http::empty_body> parser;
      parser.header_limit(kMaxHeader);
      stream.expires_after(kIdle);
      auto [error, read] = co_await http::async_read(stream, buffer, parser, kAwait);
      if (error && !Malformed(error)) break;
      http::response<http::string_body> response;
      if (error) {
        response = Fill({400, "text/plain; charset=utf-8", "malformed request\n"}, 11);
        response.keep_alive(false);
      } else {
        const auto& request = parser.get();
        response = Answer(request);
        response.keep_alive(request.keep_alive());
        response.prepare_payload();
        if (request.method() == http::verb::head) response.body().clear();
      }
      keep = response.keep_alive();
      stream.expires_after(kWrite);
      http::response_serializer<http::string_body> serializer(response);
      auto [write_error, written] = co_await http::async_write(stream, serializer, kAwait);
      if (write_error) break;
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  }

  static http::response<http::string_body> Fill(Response answer, unsigned version) {
    http::response<http::string_body> response(http::int_to_status(answer.status), version);
    response.set(http::field::content_type, answer.content_type);
    response.set(http::field::cache_control, "no-store");
    response.body() = std::move(answer.body);
    response.prepare_payload();
    return response;
  }

  http::response<http::string_body> Answer(const http::request<http::empty_body>& request) {
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      auto refused =
          Fill({405, "text/plain; charset=utf-8", "only GET and HEAD\n"}, request.version());
      refused.set(http::field::allow, "GET, HEAD");
      return refused;
    }
    const std::string_view target(request.target().data(), request.target().size());
    const size_t mark = target.find('?');
    Request asked;
    asked.path = target.substr(0, mark);
    if (mark != std::string_view::npos) asked.query = target.substr(mark + 1);
    asked.host = std::string(request[http::field::host]);
    return Fill(Route(asked), request.version());
  }

  Response Route(const Request& request) {
    if (const auto route = options_.routes.find(request.path); route != options_.routes.end()) {
      return route->second(request);
    }
    if (request.path == "/metrics" && options_.registry != nullptr) {
      return {200, "text/plain; version=0.0.4; charset=utf-8", options_.registry->Expose()};
    }
    if (request.path == "/healthz") return {200, "application/json", "{\"status\":\"alive\"}\n"};
    if (request.path == "/readyz") {
      const std::vector<std::string> missing =
          options_.not_ready ? options_.not_ready() : std::vector<std::string>();
      const nlohmann::json body = {{"ready", missing.empty()}, {"missing", missing}};
      return {missing.empty() ? 200u : 503u, "application/json",
              body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
    }
    return {404, "text/plain; charset=utf-8", "here are /metrics, /healthz and /readyz\n"};
  }

  std::unique_ptr<asio::io_context> context_;
  tcp::acceptor acceptor_;
  Options options_;
  uint16_t port_ = 0;
  size_t connections_ = 0;
  std::thread thread_;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Options options) {
  auto context = std::make_unique<asio::io_context>(1);
  absl::StatusOr<tcp::acceptor> acceptor = loop::Listen(*context, options.listen);
  if (!acceptor.ok()) return acceptor.status();
  auto impl = std::make_unique<Impl>(std::move(context), *std::move(acceptor), std::move(options));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;
uint16_t Server::port() const { return impl_->port(); }

}  // namespace millrace::metrics
