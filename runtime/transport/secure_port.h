#pragma once
// A listening socket that is open where a certificate is configured, with the certificate that
// holds for the next connection. Belongs to one io_context.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "millrace/v1/config.pb.h"
#include "runtime/log/log.h"
#include "runtime/metrics/registry.h"

struct ssl_ctx_st;

namespace millrace::transport {

class SecurePort {
 public:
  struct Options {
    std::string address;  // host:port. Empty: never open
    // Asked again and again.
    std::function<v1::TlsSettings()> settings;
    // The socket is there: accept from it until it is closed.
    std::function<void(boost::asio::ip::tcp::acceptor&)> on_open;
    std::chrono::milliseconds interval{1'000};
  };

  SecurePort(boost::asio::io_context& context, Options options, log::Logger logger,
             metrics::Registry& metrics);

  // Looks at once, and then each interval: at the settings, and whether the files have changed. A
  // new pair of files that is wrong is logged and counted, and the one before stays in force.
  void Start();
  // Closes the socket for good.
  void Stop();

  bool is_open() const { return acceptor_.is_open(); }
  uint16_t port() const { return port_; }  // while it is open
  const std::shared_ptr<ssl_ctx_st>& certificate() const { return certificate_; }

 private:
  void Look();
  void LoadChanged(const v1::TlsSettings& settings);
  void Open();
  void Close();

  const Options options_;
  const log::Logger logger_;
  metrics::Registry& metrics_;
  boost::asio::io_context& context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;
  uint16_t port_ = 0;
  std::string seen_;  // paths and what the file system says of the files
  std::shared_ptr<ssl_ctx_st> certificate_;
  bool said_cannot_listen_ = false;
};

}  // namespace millrace::transport
