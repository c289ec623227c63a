#include "runtime/transport/tls_session.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <cstring>
#include <utility>

#include "media/base/fault.h"

namespace millrace::transport {
namespace {

namespace asio = boost::asio;

constexpr size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;

// What OpenSSL has to say of the last call; its queue of errors is a thread's, and is left empty.
std::string TakeReason() {
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown" : reason;
}

}  // namespace

TlsSession::TlsSession(std::shared_ptr<ssl_ctx_st> context, Socket& socket,
                       const std::string& server)
    : context_(std::move(context)), socket_(socket), ssl_(SSL_new(context_.get())) {
  if (ssl_ == nullptr) return;
  SSL_set_fd(ssl_, static_cast<int>(socket_.native_handle()));
  if (server.empty()) {
    SSL_set_accept_state(ssl_);
    return;
  }
  SSL_set_connect_state(ssl_);
  // An address has no place in SNI (RFC 6066 §3), and is looked for among the addresses.
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), server.c_str()) != 1) {
    SSL_set_tlsext_host_name(ssl_, server.c_str());
    SSL_set1_host(ssl_, server.c_str());
  }
  ERR_clear_error();
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

absl::StatusOr<TlsSession::Want> TlsSession::Handshake() {
  if (ssl_ == nullptr) return absl::InternalError("OpenSSL has no memory for a connection");
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) return Want::kNothing;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Want::kRead;
    case SSL_ERROR_WANT_WRITE:
      return Want::kWrite;
    case SSL_ERROR_SSL: {
      const long verified = SSL_get_verify_result(ssl_);
      const std::string reason = TakeReason();
      return media::Fault("tls_handshake",
                          verified == X509_V_OK ? reason : X509_verify_cert_error_string(verified));
    }
    default:
      ERR_clear_error();
      return absl::CancelledError("closed during the TLS handshake");
  }
}

TlsSession::Error TlsSession::ErrorOf(int result) {
  const int error = SSL_get_error(ssl_, result);
  ERR_clear_error();
  switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN:
      return asio::error::eof;
    default:
      broken_ = true;
      return asio::error::connection_reset;
  }
}

size_t TlsSession::Read(std::span<uint8_t> out, Error& error) {
  if (!usable()) {
    error = asio::error::connection_reset;
    return 0;
  }
  ERR_clear_error();
  size_t size = 0;
  const int result = SSL_read_ex(ssl_, out.data(), out.size(), &size);
  if (result == 1) return size;
  error = ErrorOf(result);
  return 0;
}

bool TlsSession::has_unread() const { return SSL_pending(ssl_) > 0; }

size_t TlsSession::Write(std::span<const iovec> pieces, Error& error) {
  if (!SendUnsent(error)) return 0;
  std::array<uint8_t, kRecord> record;
  size_t taken = 0;
  size_t offset = 0;  // in the first piece that is left
  while (!pieces.empty()) {
    size_t size = 0;
    while (!pieces.empty() && size < record.size()) {
      const iovec& piece = pieces.front();
      const size_t copied = std::min(piece.iov_len - offset, record.size() - size);
      if (copied > 0) {
        std::memcpy(record.data() + size, static_cast<const uint8_t*>(piece.iov_base) + offset,
                    copied);
      }
      size += copied;
      offset += copied;
      if (offset < piece.iov_len) continue;
      pieces = pieces.subspan(1);
      offset = 0;
    }
    if (size == 0) break;
    if (!WriteRecord(std::span(record).first(size), error)) return 0;
    taken += size;
    if (!unsent_.empty()) break;
  }
  return taken;
}

bool TlsSession::WriteRecord(std::span<const uint8_t> record, Error& error) {
  if (!usable()) {
    error = asio::error::connection_reset;
    return false;
  }
  ERR_clear_error();
  size_t written = 0;  // all or nothing: SSL_MODE_ENABLE_PARTIAL_WRITE is off
  const int result = SSL_write_ex(ssl_, record.data(), record.size(), &written);
  if (result == 1) return true;
  error = ErrorOf(result);
  if (error != asio::error::would_block) return false;
  // It has to be given again: OpenSSL holds it encrypted, and perhaps a part of it is sent.
  error = {};
  unsent_.assign(record.begin(), record.end());
  SendWhenWritable();
  return true;
}

bool TlsSession::SendUnsent(Error& error) {
  if (unsent_.empty()) return true;
  if (!usable()) {
    error = asio::error::connection_reset;
    return false;
  }
  ERR_clear_error();
  size_t written = 0;
  const int result = SSL_write_ex(ssl_, unsent_.data(), unsent_.size(), &written);
  if (result != 1) {
    error = ErrorOf(result);
    return false;
  }
  std::vector<uint8_t>().swap(unsent_);
  return true;
}

void TlsSession::SendWhenWritable() {
  if (waits_) return;
  waits_ = true;
  socket_.async_wait(Socket::wait_write, [weak = weak_from_this()](Error error) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->waits_ = false;
    // Whoever cancelled meant another wait.
    if (!self->usable() || (error && error != asio::error::operation_aborted)) return;
    if (self->SendUnsent(error = {})) {
      if (self->wants_shutdown_) self->SayGoodbye();
    } else if (error == asio::error::would_block) {
      self->SendWhenWritable();
    }
  });
}

void TlsSession::ShutdownSend() {
  wants_shutdown_ = true;
  if (unsent_.empty()) SayGoodbye();
}

// close_notify (RFC 8446 §6.1), then FIN.
void TlsSession::SayGoodbye() {
  if (usable()) {
    ERR_clear_error();
    const int result = SSL_shutdown(ssl_);
    if (result < 0 && ErrorOf(result) == asio::error::would_block) {
      SendWhenWritable();
      return;
    }
    ERR_clear_error();
  }
  Error ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

}  // namespace millrace::transport
