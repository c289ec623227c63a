#include "runtime/transport/transport.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "runtime/transport/tls_session.h"

namespace millrace::transport {
namespace {

namespace asio = boost::asio;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS; }

Transport::Error ErrorOf(int error) {
  if (WouldBlock(error)) return asio::error::would_block;
  return {error, boost::system::system_category()};
}

}  // namespace

Transport::Transport(Socket socket) : socket_(std::move(socket)) {
  Error ignored;
  socket_.native_non_blocking(true, ignored);
}

Transport::~Transport() = default;

asio::awaitable<absl::Status> Transport::Handshake(std::shared_ptr<ssl_ctx_st> context,
                                                   std::string server) {
  auto session = std::make_shared<TlsSession>(std::move(context), socket_, server);
  cancelled_ = false;
  while (true) {
    absl::StatusOr<TlsSession::Want> want = session->Handshake();
    if (!want.ok()) co_return want.status();
    if (*want == TlsSession::Want::kNothing) break;
    const auto wait = *want == TlsSession::Want::kRead ? Socket::wait_read : Socket::wait_write;
    const auto [error] = co_await socket_.async_wait(wait, kAwait);
    if (error || cancelled_) co_return absl::CancelledError("cancelled in the TLS handshake");
  }
  tls_ = std::move(session);
  co_return absl::OkStatus();
}

size_t Transport::ReadSome(std::span<uint8_t> out, Error& error) {
  error = {};
  if (tls_ != nullptr) return tls_->Read(out, error);
  while (true) {
    const ssize_t size = ::recv(socket_.native_handle(), out.data(), out.size(), MSG_DONTWAIT);
    if (size > 0) return static_cast<size_t>(size);
    if (size < 0 && errno == EINTR) continue;
    error = size == 0 ? Error(asio::error::eof) : ErrorOf(errno);
    return 0;
  }
}

size_t Transport::WriteSome(std::span<const iovec> pieces, Error& error) {
  error = {};
  if (tls_ != nullptr) return tls_->Write(pieces, error);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  while (true) {
    const ssize_t size = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size >= 0) return static_cast<size_t>(size);
    if (errno == EINTR) continue;
    error = ErrorOf(errno);
    return 0;
  }
}

size_t Transport::WriteSome(media::Bytes bytes, Error& error) {
  const iovec piece = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  return WriteSome(std::span(&piece, 1), error);
}

void Transport::ShutdownSend() {
  if (tls_ != nullptr) {
    tls_->ShutdownSend();
    return;
  }
  Error ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Transport::Cancel() {
  cancelled_ = true;
  Error ignored;
  socket_.cancel(ignored);
}

asio::awaitable<Transport::Error> Transport::WaitReadable() {
  if (tls_ != nullptr && tls_->has_unread()) {
    // Others get their turn.
    co_await asio::post(socket_.get_executor(), asio::use_awaitable);
    co_return Error{};
  }
  const auto [error] = co_await socket_.async_wait(Socket::wait_read, kAwait);
  co_return error;
}

asio::awaitable<std::pair<Transport::Error, size_t>> Transport::Read(std::span<uint8_t> out) {
  cancelled_ = false;
  // Others get their turn: whoever reads in a loop from a peer that sends without end would keep
  // the shard for itself.
  co_await asio::post(socket_.get_executor(), asio::use_awaitable);
  if (cancelled_) co_return std::pair(Error(asio::error::operation_aborted), size_t{0});
  while (true) {
    Error error;
    const size_t size = ReadSome(out, error);
    if (error != asio::error::would_block) co_return std::pair(error, size);
    if (!cancelled_) error = co_await WaitReadable();
    if (cancelled_) error = asio::error::operation_aborted;
    if (error) co_return std::pair(error, size_t{0});
  }
}

asio::awaitable<Transport::Error> Transport::Write(media::Bytes bytes) {
  cancelled_ = false;
  while (!bytes.empty()) {
    Error error;
    const size_t size = WriteSome(bytes, error);
    bytes = bytes.subspan(size);
    if (error == asio::error::would_block || (!error && !bytes.empty())) {
      const auto [waited] = co_await socket_.async_wait(Socket::wait_write, kAwait);
      error = cancelled_ ? Error(asio::error::operation_aborted) : waited;
    }
    if (error) co_return error;
  }
  co_return Error{};
}

}  // namespace millrace::transport
