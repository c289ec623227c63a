#include "runtime/transport/secure_port.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "runtime/loop/listen.h"
#include "runtime/transport/certificate.h"

namespace millrace::transport {
namespace {

// Changes whenever the file may have; follows symbolic links, by which mounted secrets change.
std::string Fingerprint(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fmt::format("{}: not there", path);
  return fmt::format("{}: {} {} {} {}.{}", path, info.st_dev, info.st_ino, info.st_size,
                     info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

}  // namespace

SecurePort::SecurePort(boost::asio::io_context& context, Options options, log::Logger logger,
                       metrics::Registry& metrics)
    : options_(std::move(options)),
      logger_(std::move(logger)),
      metrics_(metrics),
      context_(context),
      acceptor_(context),
      timer_(context) {}

void SecurePort::Start() {
  if (options_.address.empty() || stopped_) return;
  Look();
  timer_.expires_after(options_.interval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) Start();
  });
}

void SecurePort::Stop() {
  stopped_ = true;
  timer_.cancel();
  Close();
}

void SecurePort::Look() {
  const v1::TlsSettings settings = options_.settings();
  if (settings.certificate().empty() || settings.key().empty()) {
    if (certificate_ != nullptr) logger_.Info("no certificate is configured any more");
    certificate_.reset();
    seen_.clear();
    Close();
    return;
  }
  LoadChanged(settings);
  if (certificate_ != nullptr && !is_open()) Open();
}

void SecurePort::LoadChanged(const v1::TlsSettings& settings) {
  std::string now = Fingerprint(settings.certificate()) + "\n" + Fingerprint(settings.key());
  if (now == seen_) return;
  seen_ = std::move(now);
  auto loaded = LoadCertificate(settings.certificate(), settings.key());
  metrics_
      .Counter("millrace_tls_certificate_loads_total",
               "Times that a certificate was read, because it was new or had changed.",
               {{"result", loaded.ok() ? "ok" : "failed"}})
      .Increment();
  if (!loaded.ok()) {
    logger_.Error("the certificate cannot be used", {{"error", loaded.status().message()},
                                                     {"former_stays", certificate_ != nullptr}});
    return;
  }
  certificate_ = *std::move(loaded);
  const int64_t expiry = ExpiryOf(*certificate_);
  metrics_
      .Gauge("millrace_tls_certificate_expiry_seconds",
             "When the certificate in use ends to hold, in Unix time.")
      .Set(static_cast<double>(expiry));
  logger_.Info("certificate loaded",
               {{"certificate", settings.certificate()}, {"expires_unix", expiry}});
}

void SecurePort::Open() {
  auto acceptor = loop::Listen(context_, options_.address);
  if (!acceptor.ok()) {
    if (!said_cannot_listen_) {
      logger_.Error("cannot listen for TLS", {{"error", acceptor.status().message()}});
    }
    said_cannot_listen_ = true;
    return;
  }
  said_cannot_listen_ = false;
  acceptor_ = *std::move(acceptor);
  boost::system::error_code ignored;
  port_ = acceptor_.local_endpoint(ignored).port();
  logger_.Info("listening for TLS", {{"port", port_}});
  options_.on_open(acceptor_);
}

void SecurePort::Close() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  port_ = 0;
}

}  // namespace millrace::transport
