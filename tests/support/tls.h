#pragma once
// TLS as a client sees it, and certificates made on the spot. Link OpenSSL::SSL.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace millrace::tests {

// A certificate that signs itself, told from others by its serial number, and its key, as PEM files
// below a folder that is gone with this.
class Certificate {
 public:
  explicit Certificate(long serial) : key_(EVP_EC_gen("P-256")) {
    char name[] = "/tmp/millrace-tls-XXXXXX";
    folder_ = mkdtemp(name);
    Write(serial);
  }
  ~Certificate() {
    std::remove(certificate().c_str());
    std::remove(key().c_str());
    rmdir(folder_.c_str());
    EVP_PKEY_free(key_);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  std::string certificate() const { return folder_ + "/certificate.pem"; }
  std::string key() const { return folder_ + "/key.pem"; }

  // Replaces the files, as who renews a certificate does: each at once.
  void Write(long serial) {
    X509* x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key_);
    X509_NAME* subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(x509, subject);
    X509_sign(x509, key_, EVP_sha256());
    Replace(certificate(), [&](FILE* file) { PEM_write_X509(file, x509); });
    Replace(key(), [&](FILE* file) {
      PEM_write_PrivateKey(file, key_, nullptr, nullptr, 0, nullptr, nullptr);
    });
    X509_free(x509);
  }
  void WriteRubbish() {
    Replace(certificate(), [](FILE* file) { std::fputs("no certificate\n", file); });
  }

 private:
  template <typename Fill>
  static void Replace(const std::string& path, Fill fill) {
    const std::string part = path + ".new";
    FILE* file = std::fopen(part.c_str(), "w");
    fill(file);
    std::fclose(file);
    std::rename(part.c_str(), path.c_str());
  }

  EVP_PKEY* key_;
  std::string folder_;
};

// A blocking client on 127.0.0.1 that believes any certificate.
class TlsClient {
 public:
  // `before`: sent before TLS begins. `newest`: the highest version that it speaks.
  explicit TlsClient(uint16_t port, int newest = TLS1_3_VERSION, std::string_view before = {})
      : context_(SSL_CTX_new(TLS_client_method())),
        fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::signal(SIGPIPE, SIG_IGN);  // what OpenSSL writes to may be closed
    const timeval patience{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons(port);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) != 0) return;
    if (!before.empty()) (void)::send(fd_, before.data(), before.size(), MSG_NOSIGNAL);
    SSL_CTX_set_security_level(context_, 0);  // so that old versions can be tried
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_, newest);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ::close(fd_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return connected_; }  // with the handshake done
  int version() const { return SSL_version(ssl_); }
  long serial() const {
    X509* certificate = SSL_get1_peer_certificate(ssl_);
    const long serial = ASN1_INTEGER_get(X509_get0_serialNumber(certificate));
    X509_free(certificate);
    return serial;
  }
  bool Renegotiate() { return SSL_renegotiate(ssl_) == 1 && SSL_do_handshake(ssl_) == 1; }

  void Send(std::string_view bytes) {
    if (connected_) SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
  }
  std::string ReadUntil(std::string_view end) {
    std::string text;
    char byte = 0;
    while (!text.ends_with(end) && SSL_read(ssl_, &byte, 1) == 1) text += byte;
    return text;
  }
  std::string ReadExactly(size_t size) {
    std::string text(size, '\0');
    size_t got = 0;
    while (got < size) {
      const int more = SSL_read(ssl_, text.data() + got, static_cast<int>(size - got));
      if (more <= 0) break;
      got += static_cast<size_t>(more);
    }
    text.resize(got);
    return text;
  }
  std::string ReadAll() {
    std::string text;
    char buffer[4096];
    int got = 0;
    while ((got = SSL_read(ssl_, buffer, sizeof(buffer))) > 0) {
      text.append(buffer, static_cast<size_t>(got));
    }
    said_goodbye_ = SSL_get_error(ssl_, got) == SSL_ERROR_ZERO_RETURN;
    return text;
  }
  // What ReadAll read to its end was ended by close_notify.
  bool said_goodbye() const { return said_goodbye_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  int fd_;
  bool connected_ = false;
  bool said_goodbye_ = false;
};

}  // namespace millrace::tests
