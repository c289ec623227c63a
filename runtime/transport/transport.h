#pragma once
// A connection as bytes: TCP, or TLS over it. Belongs to one shard.

#include <sys/uio.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "media/base/bytes.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace millrace::transport {

class TlsSession;

class Transport {
 public:
  using Error = boost::system::error_code;
  using Socket = boost::asio::ip::tcp::socket;

  // TCP as it is. The socket is made non-blocking.
  explicit Transport(Socket socket);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // For its options and its executor, and to close it. Reading and writing is done here.
  Socket& socket() { return socket_; }
  bool secure() const { return tls_ != nullptr; }

  // Makes it TLS before anything else is read or written: as the server, or as a client of the host
  // `server`. Faults: tls_handshake. Cancelled: the connection is gone, or Cancel was called.
  // SIGPIPE must be ignored: OpenSSL writes by itself.
  boost::asio::awaitable<absl::Status> Handshake(std::shared_ptr<ssl_ctx_st> context,
                                                 std::string server = "");

  // --- without waiting ---
  // Both return 0 and set `error` where nothing can be done: would_block (wait, then come again),
  // eof (the peer says no more), or the connection is broken.
  size_t ReadSome(std::span<uint8_t> out, Error& error);
  // What TLS has taken is on its way even where the socket did not take all of it yet: at most one
  // record (16 KiB) waits here, and goes out by itself. Until then no more is taken.
  size_t WriteSome(std::span<const iovec> pieces, Error& error);
  size_t WriteSome(media::Bytes bytes, Error& error);
  // Says that no more will be sent: behind what was taken.
  void ShutdownSend();

  // Whoever waits in Handshake, Read or Write stops with operation_aborted, as does whatever else
  // waits for the socket.
  void Cancel();

  // --- waiting ---
  // Until ReadSome may find something, or the socket is closed.
  boost::asio::awaitable<Error> WaitReadable();
  template <typename Handler>
  void WaitWritable(Handler handler) {
    socket_.async_wait(Socket::wait_write, std::move(handler));
  }
  // At least one byte, or an error; others get their turn first. `out` outlives the call.
  boost::asio::awaitable<std::pair<Error, size_t>> Read(std::span<uint8_t> out);
  // All of `bytes`, which outlive the call.
  boost::asio::awaitable<Error> Write(media::Bytes bytes);

 private:
  // What a write looks at comes first, on the cache line that viewers fetch ahead.
  std::shared_ptr<TlsSession> tls_;
  Socket socket_;
  // Also who is just about to be resumed, and would wait again, learns of Cancel.
  bool cancelled_ = false;
};

}  // namespace millrace::transport
