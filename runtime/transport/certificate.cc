#include "runtime/transport/certificate.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cstring>
#include <ctime>

namespace millrace::transport {
namespace {

absl::Status Wrong(std::string_view what, const std::string& path) {
  const unsigned long code = ERR_peek_error();  // the first says most
  const char* reason = nullptr;
  if (ERR_SYSTEM_ERROR(code)) {
    reason = std::strerror(ERR_GET_REASON(code));
  } else if (code != 0) {
    reason = ERR_reason_error_string(code);
  }
  ERR_clear_error();
  return absl::InvalidArgumentError(
      fmt::format("{} {}: {}", what, path, reason == nullptr ? "unknown error" : reason));
}

// A key with a passphrase is refused: nobody is there to be asked.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*for_writing*/, void* /*user*/) { return 0; }

// What holds for both ends.
absl::StatusOr<std::shared_ptr<ssl_ctx_st>> NewContext(const SSL_METHOD* method) {
  ERR_clear_error();
  std::shared_ptr<ssl_ctx_st> context(SSL_CTX_new(method), SSL_CTX_free);
  if (context == nullptr) return absl::InternalError("OpenSSL has no memory for a context");
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  // Many peers close without close_notify: their protocols say by themselves what is whole.
  SSL_CTX_set_options(
      raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A record that has to be written again may lie elsewhere; idle connections keep no buffers.
  SSL_CTX_set_mode(raw, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_clear_mode(raw, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  return context;
}

}  // namespace

absl::StatusOr<std::shared_ptr<ssl_ctx_st>> ClientContext(bool insecure) {
  auto context = NewContext(TLS_client_method());
  if (!context.ok()) return context;
  SSL_CTX_set_verify(context->get(), insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  // Without any root nothing is trusted, which is what the handshake then says.
  if (!insecure) SSL_CTX_set_default_verify_paths(context->get());
  ERR_clear_error();
  return context;
}

absl::StatusOr<std::shared_ptr<ssl_ctx_st>> LoadCertificate(const std::string& certificate,
                                                            const std::string& key) {
  auto context = NewContext(TLS_server_method());
  if (!context.ok()) return context;
  SSL_CTX* raw = context->get();
  SSL_CTX_set_default_passwd_cb(raw, NoPassphrase);
  if (SSL_CTX_use_certificate_chain_file(raw, certificate.c_str()) != 1) {
    return Wrong("certificate", certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(raw, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Wrong("key", key);
  }
  if (SSL_CTX_check_private_key(raw) != 1) return Wrong("key", key);
  return context;
}

int64_t ExpiryOf(ssl_ctx_st& context) {
  const X509* certificate = SSL_CTX_get0_certificate(&context);
  std::tm time{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) {
    return 0;
  }
  return timegm(&time);
}

}  // namespace millrace::transport
