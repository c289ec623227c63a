#include "gateways/http/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstring>
#include <iterator>
#include <utility>

#include "gateways/http/request.h"

namespace millrace::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using std::chrono::milliseconds;

constexpr milliseconds kWriteTime{10'000};
constexpr milliseconds kLingerTime{1'000};
constexpr size_t kMaxLinger = 64 * 1024;
constexpr size_t kMaxUserAgent = 256;
constexpr size_t kMaxForwarded = 16;
// Room behind the longest header, so that the parser is the one to say that it is too long.
constexpr size_t kSlack = 4096;
constexpr size_t kReadSize = 2048;

std::string Text(beast::string_view text) { return {text.data(), text.size()}; }

Request ToRequest(const beast::http::request_parser<beast::http::empty_body>& parser) {
  using beast::http::field;
  using beast::http::verb;
  const auto& message = parser.get();
  Request request;
  switch (message.method()) {
    case verb::get:
      request.method = Method::kGet;
      break;
    case verb::head:
      request.method = Method::kHead;
      break;
    case verb::options:
      request.method = Method::kOptions;
      break;
    default:
      break;
  }
  request.target = Text(message.target());
  request.chunks = message.version() >= 11;
  request.origin = Text(message[field::origin]);
  request.host = Text(message[field::host]);
  request.authorization = Text(message[field::authorization]);
  request.user_agent = CleanText(Text(message[field::user_agent]), kMaxUserAgent);
  request.preflight = message.count(field::access_control_request_method) > 0;
  const auto lines = message.equal_range("X-Forwarded-For");
  for (auto line = lines.first; line != lines.second; ++line) {
    if (request.forwarded.size() == kMaxForwarded) {
      request.forwarded.erase(request.forwarded.begin());
    }
    request.forwarded.push_back(Text(line->value()));
  }
  request.keep_alive = message.keep_alive() && parser.is_done();
  // RFC 9110 §7.8: Upgrade is ignored in HTTP/1.0.
  if (request.chunks && HasToken(Text(message[field::upgrade]), "websocket")) {
    UpgradeRequest& upgrade = request.websocket.emplace();
    upgrade.connection_upgrade = HasToken(Text(message[field::connection]), "upgrade");
    upgrade.key = Text(message[field::sec_websocket_key]);
    upgrade.version = Text(message[field::sec_websocket_version]);
  }
  return request;
}

// The bytes were wrong, rather than the connection gone.
bool Malformed(const boost::system::error_code& error) {
  using beast::http::error;
  static const auto& parser = beast::http::make_error_code(error::bad_method).category();
  return error.category() == parser && error != error::end_of_stream &&
         error != error::partial_message;
}

}  // namespace

class Connection::Parser : public beast::http::request_parser<beast::http::empty_body> {};

struct Connection::Buffer {
  explicit Buffer(size_t max) : bytes(max) {}
  beast::flat_buffer bytes;
};

Connection::Connection(std::unique_ptr<transport::Transport> transport)
    : transport_(std::move(transport)), timer_(transport_->socket().get_executor()) {}
Connection::~Connection() = default;

// Reads until the header is complete, or something is wrong with it or the connection.
asio::awaitable<boost::system::error_code> Connection::ReadHeader(Parser& parser) {
  beast::flat_buffer& bytes = buffer_->bytes;
  while (true) {
    if (bytes.size() > 0) {
      boost::system::error_code error;
      bytes.consume(parser.put(bytes.data(), error));
      const bool more = error == beast::http::error::need_more;
      if (parser.is_header_done() || (error && !more))
        co_return more ? boost::system::error_code() : error;
    }
    const size_t room = bytes.max_size() - bytes.size();
    if (room == 0) co_return beast::http::error::buffer_overflow;
    const auto space = bytes.prepare(std::min(room, kReadSize));
    const std::span<uint8_t> out(static_cast<uint8_t*>(space.data()), space.size());
    const auto [error, size] = co_await transport_->Read(out);
    if (error) co_return error;
    if (timed_out_) co_return asio::error::operation_aborted;
    bytes.commit(size);
  }
}

asio::awaitable<ReadResult> Connection::Read(const ReadLimits& limits) {
  if (buffer_ == nullptr) buffer_ = std::make_unique<Buffer>(limits.max_header + kSlack);
  Parser parser;
  parser.header_limit(static_cast<uint32_t>(limits.max_header));
  StartTimer(limits.header_timeout);
  const boost::system::error_code error = co_await ReadHeader(parser);
  const bool timed_out = StopTimer();
  if (!error) {
    // RFC 9112 §3.2.
    if (parser.get().version() >= 11 && parser.get().count(beast::http::field::host) != 1) {
      co_return Problem{Fault::kMalformed, "An HTTP/1.1 request has one Host field.", ""};
    }
    if (parser.get().target().size() > limits.max_target) {
      co_return Problem{Fault::kTargetTooLong,
                        fmt::format("The address may have {} bytes.", limits.max_target), ""};
    }
    const auto fields = std::distance(parser.get().begin(), parser.get().end());
    if (static_cast<size_t>(fields) > limits.max_fields) {
      co_return Problem{Fault::kTooManyFields,
                        fmt::format("The header may have {} fields.", limits.max_fields), ""};
    }
    co_return ToRequest(parser);
  }
  if (timed_out) {
    // Who has said nothing yet is a browser's spare connection: there is nothing to answer.
    if (buffer_->bytes.size() == 0 && !parser.got_some()) co_return Gone{};
    co_return Problem{
        Fault::kHeaderTimeout,
        fmt::format("The whole header has to come within {} ms.", limits.header_timeout.count()),
        ""};
  }
  if (error == beast::http::error::header_limit || error == beast::http::error::buffer_overflow) {
    co_return Problem{Fault::kHeaderTooLarge,
                      fmt::format("The header may have {} bytes.", limits.max_header), ""};
  }
  if (!Malformed(error)) co_return Gone{};
  co_return Problem{Fault::kMalformed,
                    fmt::format("The request cannot be read: {}.", error.message()), ""};
}

asio::awaitable<bool> Connection::Write(std::string_view bytes) {
  StartTimer(kWriteTime);
  const boost::system::error_code error = co_await transport_->Write(media::AsBytes(bytes));
  StopTimer();
  co_return !error;
}

asio::awaitable<void> Connection::Linger() {
  transport_->ShutdownSend();
  std::array<uint8_t, 512> rubbish;
  StartTimer(kLingerTime);
  for (size_t total = 0; total < kMaxLinger;) {
    const auto [error, read] = co_await transport_->Read(rubbish);
    if (error || timed_out_) break;
    total += read;
  }
  StopTimer();
}

bool Connection::Keep(const uint8_t* bytes, size_t size) {
  if (buffer_ == nullptr || buffer_->bytes.max_size() - buffer_->bytes.size() < size) return false;
  std::memcpy(buffer_->bytes.prepare(size).data(), bytes, size);
  buffer_->bytes.commit(size);
  return true;
}

std::vector<uint8_t> Connection::DropBuffer() {
  std::vector<uint8_t> kept;
  if (buffer_ != nullptr) {
    const auto* bytes = static_cast<const uint8_t*>(buffer_->bytes.data().data());
    kept.assign(bytes, bytes + buffer_->bytes.size());
  }
  buffer_.reset();
  return kept;
}

void Connection::StartTimer(milliseconds time) {
  timed_out_ = false;
  const uint64_t round = ++timer_round_;
  timer_.expires_after(time);
  timer_.async_wait([weak = weak_from_this(), round](const boost::system::error_code& error) {
    const auto self = error ? nullptr : weak.lock();
    if (self == nullptr || self->timer_round_ != round) return;
    self->timed_out_ = true;
    self->transport_->Cancel();
  });
}

bool Connection::StopTimer() {
  ++timer_round_;
  timer_.cancel();
  return timed_out_;
}

}  // namespace millrace::http
