#pragma once
// One connection's TLS, at either end, on a non-blocking socket. OpenSSL reads and writes the
// socket itself; waiting is done by whoever calls.

#include <sys/uio.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

struct ssl_st;
struct ssl_ctx_st;

namespace millrace::transport {

class TlsSession : public std::enable_shared_from_this<TlsSession> {
 public:
  using Error = boost::system::error_code;
  using Socket = boost::asio::ip::tcp::socket;
  enum class Want { kNothing, kRead, kWrite };

  // Only one owner, who outlives nothing: `socket` lives as long as that one holds the session.
  // `server`: empty, we are the server; else we are a client of that host, whose certificate has to
  // hold unless the context does not ask for it.
  TlsSession(std::shared_ptr<ssl_ctx_st> context, Socket& socket, const std::string& server = "");
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // One step: done (kNothing), or what to wait for. Fault: tls_handshake, with OpenSSL's reason.
  // Cancelled: the peer closed the connection.
  absl::StatusOr<Want> Handshake();

  // As Transport has them. A record is 16 KiB at most; what of one the socket does not take waits
  // in `unsent_`, and is sent when the socket can be written again.
  size_t Read(std::span<uint8_t> out, Error& error);
  size_t Write(std::span<const iovec> pieces, Error& error);
  // Decrypted bytes that the socket will not announce again.
  bool has_unread() const;
  void ShutdownSend();

 private:
  // One record. True: the socket has it, or `unsent_` has.
  bool WriteRecord(std::span<const uint8_t> record, Error& error);
  // False, with `error` set, where `unsent_` is still waiting.
  bool SendUnsent(Error& error);
  void SendWhenWritable();
  void SayGoodbye();
  Error ErrorOf(int result);
  // Once the socket is closed, its number may be another connection's.
  bool usable() const { return !broken_ && socket_.is_open(); }

  const std::shared_ptr<ssl_ctx_st> context_;
  Socket& socket_;
  ssl_st* ssl_ = nullptr;
  std::vector<uint8_t> unsent_;  // plain text of the record that OpenSSL has begun to send
  bool waits_ = false;
  bool wants_shutdown_ = false;
  bool broken_ = false;
};

}  // namespace millrace::transport
