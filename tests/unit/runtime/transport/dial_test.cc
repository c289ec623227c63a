// Connections to servers elsewhere, which here are on a loop of the test's own.

#include "runtime/transport/dial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <string>

#include "media/base/fault.h"
#include "runtime/transport/arrival.h"
#include "runtime/transport/certificate.h"
#include "tests/support/tls.h"

namespace millrace::transport {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::HasSubstr;

class DialTest : public testing::Test {
 protected:
  DialTest() : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    std::signal(SIGPIPE, SIG_IGN);  // what OpenSSL writes to may be closed
    options_.host = "localhost";
    options_.port = acceptor_.local_endpoint().port();
    options_.timeout = std::chrono::seconds(20);
  }

  // Says "hello" to the one who comes, by TLS where `certificate` is set.
  static asio::awaitable<void> Greet(tcp::acceptor& acceptor,
                                     std::shared_ptr<ssl_ctx_st> certificate) {
    ArrivalOptions options;
    options.certificate = std::move(certificate);
    options.timeout = std::chrono::seconds(20);
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    auto arrived = co_await Arrive(std::move(socket), std::move(options));
    if (!arrived.ok()) co_return;
    const std::string hello = "hello";
    const media::Bytes bytes(reinterpret_cast<const uint8_t*>(hello.data()), hello.size());
    (void)co_await arrived->transport->Write(bytes);
    std::vector<uint8_t> rest(1);
    (void)co_await arrived->transport->Read(rest);  // until the client has closed
  }

  // What Dial said, or the first five bytes that came.
  static asio::awaitable<std::string> Try(DialOptions options) {
    auto dialed = co_await Dial(std::move(options));
    if (!dialed.ok()) co_return dialed.status().ToString();
    std::vector<uint8_t> buffer(5);
    size_t got = 0;
    while (got < buffer.size()) {
      const auto [error, size] = co_await dialed->transport->Read(std::span(buffer).subspan(got));
      if (error) break;
      got += size;
    }
    co_return std::string(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
  }
  std::string Said() {
    auto said = asio::co_spawn(io_, Try(options_), asio::use_future);
    while (said.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io_.run_one();
    return said.get();
  }
  void Serve(std::shared_ptr<ssl_ctx_st> certificate) {
    asio::co_spawn(io_, Greet(acceptor_, std::move(certificate)), asio::detached);
  }
  std::shared_ptr<ssl_ctx_st> Certificate() {
    return *LoadCertificate(files_.certificate(), files_.key());
  }

  tests::Certificate files_{7};
  asio::io_context io_;
  tcp::acceptor acceptor_;
  DialOptions options_;
};

TEST_F(DialTest, ReachesAServerByName) {
  Serve(nullptr);
  EXPECT_EQ(Said(), "hello");
}

TEST_F(DialTest, SaysWhyNobodyIsReached) {
  options_.host = "not a host";
  EXPECT_THAT(Said(), HasSubstr("not a host: no such host"));
  options_.host = "127.0.0.1";
  acceptor_.close();
  EXPECT_THAT(Said(), HasSubstr("Connection refused"));
}

TEST_F(DialTest, TrustsOnlyWhomItsMachineTrusts) {
  options_.tls = *ClientContext(false);
  Serve(Certificate());
  EXPECT_THAT(Said(), HasSubstr("tls_handshake: self-signed certificate"));

  SSL_CTX_load_verify_locations(options_.tls.get(), files_.certificate().c_str(), nullptr);
  Serve(Certificate());
  EXPECT_EQ(Said(), "hello");

  options_.host = "127.0.0.1";  // which the certificate does not name
  Serve(Certificate());
  EXPECT_THAT(Said(), HasSubstr("tls_handshake: IP address mismatch"));
}

TEST_F(DialTest, TakesAnyCertificateWhereItIsToldTo) {
  options_.tls = *ClientContext(true);
  Serve(Certificate());
  EXPECT_EQ(Said(), "hello");
}

TEST_F(DialTest, GivesUpOnAServerThatDoesNotShakeHands) {
  options_.tls = *ClientContext(true);
  options_.timeout = std::chrono::milliseconds(50);
  EXPECT_THAT(Said(), HasSubstr("does not answer"));  // nobody accepts
}

}  // namespace
}  // namespace millrace::transport
