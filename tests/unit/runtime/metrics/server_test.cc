#include "runtime/metrics/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/metrics/registry.h"

namespace millrace::metrics {
namespace {

using boost::asio::ip::tcp;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// Sends `request` and reads until the server closes.
std::string Exchange(uint16_t port, const std::string& request) {
  boost::asio::io_context context;
  tcp::socket socket(context);
  socket.connect({boost::asio::ip::address_v4::loopback(), port});
  boost::asio::write(socket, boost::asio::buffer(request));
  std::string answer;
  boost::system::error_code error;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);
  return answer;
}

std::string Get(uint16_t port, const std::string& target, const std::string& method = "GET") {
  return Exchange(port,
                  method + " " + target + " HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n");
}

class MetricsServerTest : public testing::Test {
 protected:
  void SetUp() override {
    Server::Options options;
    options.listen = "127.0.0.1:0";
    options.registry = &registry_;
    options.not_ready = [this] {
      const std::lock_guard lock(mutex_);
      return missing_;
    };
    options.routes["/sd/prometheus"] = [](const Server::Request& request) {
      return Server::Response{200, "application/json", request.host + "?" + request.query};
    };
    auto started = Server::Start(std::move(options));
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
  }

  Registry registry_;
  std::mutex mutex_;
  std::vector<std::string> missing_;
  std::unique_ptr<Server> server_;
};

TEST_F(MetricsServerTest, Scrape) {
  registry_.Counter("millrace_x_total", "x").Increment();
  const std::string answer = Get(server_->port(), "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(answer, HasSubstr("millrace_x_total 1"));
}

TEST_F(MetricsServerTest, HealthAndReadiness) {
  EXPECT_THAT(Get(server_->port(), "/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(Get(server_->port(), "/readyz"), HasSubstr(R"({"missing":[],"ready":true})"));
  {
    const std::lock_guard lock(mutex_);
    missing_ = {"bus"};
  }
  const std::string answer = Get(server_->port(), "/readyz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr(R"({"missing":["bus"],"ready":false})"));
}

TEST_F(MetricsServerTest, HeadHasTheLengthAndNoBody) {
  const std::string answer = Get(server_->port(), "/healthz", "HEAD");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 19\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(MetricsServerTest, RoutesOfTheProcess) {
  EXPECT_THAT(Get(server_->port(), "/sd/prometheus?a=b"), EndsWith("\r\n\r\nh:1?a=b"));
}

TEST_F(MetricsServerTest, WhatItDoesNotDo) {
  EXPECT_THAT(Get(server_->port(), "/"), StartsWith("HTTP/1.1 404 "));
  const std::string refused = Get(server_->port(), "/metrics", "DELETE");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(refused, HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_THAT(Exchange(server_->port(), "rubbish\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  const std::string long_header = "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n";
  EXPECT_THAT(Exchange(server_->port(), long_header), StartsWith("HTTP/1.1 400 "));
}

TEST_F(MetricsServerTest, KeepsConnections) {
  const std::string twice =
      "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const std::string answer = Exchange(server_->port(), twice);
  EXPECT_NE(answer.find("HTTP/1.1 200", 1), std::string::npos);
}

TEST_F(MetricsServerTest, SaysWhyItCannotListen) {
  Server::Options options;
  options.listen = "127.0.0.1:" + std::to_string(server_->port());
  EXPECT_EQ(Server::Start(std::move(options)).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace millrace::metrics
