#include "runtime/transport/secure_port.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "runtime/transport/arrival.h"
#include "tests/support/tls.h"

namespace millrace::transport {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class SecurePortTest : public testing::Test {
 protected:
  SecurePortTest() {
    SecurePort::Options options;
    options.address = "127.0.0.1:0";
    options.settings = [this] { return settings_; };
    options.on_open = [this](tcp::acceptor& acceptor) { Accept(acceptor); };
    options.interval = std::chrono::milliseconds(5);
    port_ = std::make_unique<SecurePort>(io_, std::move(options), log::Logger(), metrics_);
    Configure();
  }

  void Configure() {
    settings_.set_certificate(files_.certificate());
    settings_.set_key(files_.key());
  }
  // Shakes hands with everybody, and closes.
  void Accept(tcp::acceptor& acceptor) {
    acceptor.async_accept(
        [this, &acceptor](const boost::system::error_code& error, tcp::socket socket) {
          if (error) return;
          ArrivalOptions options;
          options.certificate = port_->certificate();
          asio::co_spawn(io_, Greet(std::move(socket), std::move(options)), asio::detached);
          Accept(acceptor);
        });
  }
  static asio::awaitable<void> Greet(tcp::socket socket, ArrivalOptions options) {
    auto arrived = co_await Arrive(std::move(socket), std::move(options));
    if (arrived.ok()) arrived->transport->ShutdownSend();
  }

  bool Until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io_.run_for(std::chrono::milliseconds(5));
      io_.restart();
    }
    return true;
  }
  // The serial number of the certificate that a new connection is shown; -1: none.
  long Serial() {
    long serial = -1;
    bool done = false;
    std::thread client([&, port = port_->port()] {
      tests::TlsClient one(port);
      if (one.connected()) serial = one.serial();
      asio::post(io_, [&] { done = true; });
    });
    Until([&] { return done; });
    client.join();
    return serial;
  }
  uint64_t Loads(const std::string& result) {
    const std::string line = "millrace_tls_certificate_loads_total{result=\"" + result + "\"} ";
    const std::string text = metrics_.Expose();
    const size_t at = text.find(line);
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + line.size()));
  }

  tests::Certificate files_{7};
  v1::TlsSettings settings_;
  metrics::Registry metrics_;
  asio::io_context io_;
  std::unique_ptr<SecurePort> port_;
};

TEST_F(SecurePortTest, IsOpenWhileACertificateIsConfigured) {
  settings_.Clear();
  port_->Start();
  EXPECT_FALSE(port_->is_open());
  Configure();
  ASSERT_TRUE(Until([&] { return port_->is_open(); }));
  EXPECT_EQ(Serial(), 7);
  EXPECT_NE(metrics_.Expose().find("millrace_tls_certificate_expiry_seconds "), std::string::npos);
  settings_.clear_certificate();
  ASSERT_TRUE(Until([&] { return !port_->is_open(); }));
  Configure();
  ASSERT_TRUE(Until([&] { return port_->is_open(); }));
  EXPECT_EQ(Serial(), 7);
}

TEST_F(SecurePortTest, NewFilesHoldForNewConnections) {
  port_->Start();
  ASSERT_EQ(Serial(), 7);
  files_.Write(8);
  ASSERT_TRUE(Until([&] { return Loads("ok") >= 2; }));
  EXPECT_EQ(Serial(), 8);
}

TEST_F(SecurePortTest, ABadFileLeavesTheFormerInForce) {
  port_->Start();
  files_.WriteRubbish();
  ASSERT_TRUE(Until([&] { return Loads("failed") == 1; }));
  EXPECT_EQ(Serial(), 7);
  files_.Write(9);
  ASSERT_TRUE(Until([&] { return Loads("ok") >= 2; }));
  EXPECT_EQ(Serial(), 9);
}

TEST_F(SecurePortTest, FilesMayComeLater) {
  settings_.set_certificate(files_.certificate() + ".later");
  port_->Start();
  EXPECT_FALSE(port_->is_open());
  ASSERT_EQ(std::rename(files_.certificate().c_str(), settings_.certificate().c_str()), 0);
  EXPECT_TRUE(Until([&] { return port_->is_open(); }));
  std::remove(settings_.certificate().c_str());
}

TEST_F(SecurePortTest, StaysClosedOnceStopped) {
  port_->Start();
  ASSERT_TRUE(port_->is_open());
  port_->Stop();
  EXPECT_FALSE(port_->is_open());
  // Nothing is left that could open it again: the loop has no more to do.
  io_.run();
  EXPECT_FALSE(port_->is_open());
}

}  // namespace
}  // namespace millrace::transport
