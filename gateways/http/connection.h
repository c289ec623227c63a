#pragma once
// A client's connection as HTTP sees it: whole request headers in, bytes out, each within its time.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateways/http/problem.h"
#include "gateways/http/websocket/upgrade.h"
#include "runtime/transport/transport.h"

namespace millrace::http {

enum class Method { kGet, kHead, kOptions, kOther };

struct Request {
  Method method = Method::kOther;
  std::string target;
  std::string origin;
  std::string host;
  std::string user_agent;              // cleaned, bounded
  std::string authorization;           // as it came
  std::vector<std::string> forwarded;  // values of X-Forwarded-For, the nearest proxy's last
  bool preflight = false;
  bool keep_alive = false;
  bool chunks = false;                      // HTTP/1.1: the body may come in chunks
  std::optional<UpgradeRequest> websocket;  // asks to become one
};

struct Gone {};  // the client left, or never asked for anything
using ReadResult = std::variant<Request, Problem, Gone>;

struct ReadLimits {
  std::chrono::milliseconds header_timeout{5'000};
  size_t max_header = 16 * 1024;
  size_t max_target = 8 * 1024;  // RFC 9112 §3: at least 8000
  size_t max_fields = 100;
};

// Belongs to one shard; held by shared_ptr. One operation at a time.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(std::unique_ptr<transport::Transport> transport);
  ~Connection();

  transport::Transport& transport() { return *transport_; }
  boost::asio::ip::tcp::socket& socket() { return transport_->socket(); }

  // The next request's header; a body is not read, and then the connection cannot be kept.
  boost::asio::awaitable<ReadResult> Read(const ReadLimits& limits);
  // False where the connection broke or did not take the bytes in time.
  boost::asio::awaitable<bool> Write(std::string_view bytes);
  // Says that no more will be sent, then reads until the client has closed too, for a second at
  // most: closing over unread bytes would reset the connection, and with it what the client has not
  // read yet.
  boost::asio::awaitable<void> Linger();

  // Bytes that came outside Read: kept for the next one, up to its limit. False where they do not
  // fit.
  bool Keep(const uint8_t* bytes, size_t size);
  // No request follows any more: gives its memory back, and what was kept in it.
  std::vector<uint8_t> DropBuffer();

 private:
  struct Buffer;
  class Parser;

  boost::asio::awaitable<boost::system::error_code> ReadHeader(Parser& parser);

  // Cancels what the socket waits for when `time` is over.
  void StartTimer(std::chrono::milliseconds time);
  bool StopTimer();  // whether it was over

  const std::unique_ptr<transport::Transport> transport_;
  boost::asio::steady_timer timer_;
  uint64_t timer_round_ = 0;
  bool timed_out_ = false;
  std::unique_ptr<Buffer> buffer_;
};

}  // namespace millrace::http
