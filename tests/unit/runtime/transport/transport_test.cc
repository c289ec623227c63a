// Connections on real sockets: the server on a loop of its own, the client in the test's thread.

#include "runtime/transport/transport.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "media/base/fault.h"
#include "runtime/transport/arrival.h"
#include "runtime/transport/certificate.h"
#include "tests/support/tls.h"

namespace millrace::transport {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using tests::TlsClient;

constexpr char kProxyLine[] = "PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n";

class TransportTest : public testing::Test {
 protected:
  using Serve = std::function<asio::awaitable<void>(Transport&)>;

  TransportTest() : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    options_.timeout = std::chrono::seconds(20);
    auto loaded = LoadCertificate(files_.certificate(), files_.key());
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    options_.certificate = *loaded;
  }
  ~TransportTest() override {
    guard_.reset();
    io_.stop();
    thread_.join();
  }

  uint16_t port() const { return acceptor_.local_endpoint().port(); }

  // Accepts one connection; the result is how it arrived, once `serve` is done with it.
  std::future<absl::Status> Accept(Serve serve) {
    return asio::co_spawn(io_, Run(std::move(serve)), asio::use_future);
  }
  asio::awaitable<absl::Status> Run(Serve serve) {
    tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
    auto arrived = co_await Arrive(std::move(socket), options_);
    if (!arrived.ok()) co_return arrived.status();
    client_ = arrived->client.ToString();
    co_await serve(*arrived->transport);
    co_return absl::OkStatus();
  }

  static asio::awaitable<void> Echo(Transport& transport) {
    std::vector<uint8_t> buffer(100);
    while (true) {
      const auto [error, size] = co_await transport.Read(buffer);
      if (error) break;
      const media::Bytes bytes(buffer.data(), size);
      if (co_await transport.Write(bytes)) break;
    }
    transport.ShutdownSend();
  }

  tests::Certificate files_{7};
  ArrivalOptions options_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_{io_.get_executor()};
  tcp::acceptor acceptor_;
  std::string client_;
  std::thread thread_{[this] { io_.run(); }};
};

TEST_F(TransportTest, SpeaksTls12And13) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto done = Accept(Echo);
    {
      TlsClient client(port(), version);
      ASSERT_TRUE(client.connected());
      EXPECT_EQ(client.version(), version);
      client.Send("hello");
      EXPECT_EQ(client.ReadExactly(5), "hello");
      // More than one read of the server's buffer, in one record.
      const std::string much(5'000, 'm');
      client.Send(much);
      EXPECT_EQ(client.ReadExactly(much.size()), much);
    }
    EXPECT_TRUE(done.get().ok());
  }
}

TEST_F(TransportTest, RefusesOlderVersions) {
  auto done = Accept(Echo);
  TlsClient client(port(), TLS1_1_VERSION);
  EXPECT_FALSE(client.connected());
  EXPECT_EQ(media::FaultName(done.get()), "tls_handshake");
}

// Much more than sockets hold, to a client that does not read at first: WriteSome has to take up
// where it stopped, in the middle of records, and the end comes behind everything.
TEST_F(TransportTest, EverythingArrivesAtASlowReader) {
  std::vector<uint8_t> all(8'000'000);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint8_t>(i * 31 + i / 251);
  std::promise<void> blocked;
  bool was_blocked = false;
  auto done = Accept([&](Transport& transport) -> asio::awaitable<void> {
    media::Bytes left(all);
    while (!left.empty()) {
      // Pieces as viewers have them: small ones between large ones.
      std::vector<iovec> pieces;
      for (size_t at = 0, i = 0; at < left.size() && i < 64; ++i) {
        const size_t size = std::min<size_t>(i % 2 == 0 ? 11 : 9'000, left.size() - at);
        pieces.push_back({const_cast<uint8_t*>(left.data()) + at, size});
        at += size;
      }
      Transport::Error error;
      left = left.subspan(transport.WriteSome(pieces, error));
      if (error != asio::error::would_block) continue;
      if (!was_blocked) blocked.set_value();
      was_blocked = true;
      (void)co_await transport.socket().async_wait(tcp::socket::wait_write, asio::use_awaitable);
    }
    transport.ShutdownSend();
    std::vector<uint8_t> rest(1);
    (void)co_await transport.Read(rest);  // until the client has closed, too
  });
  std::string got;
  {
    TlsClient client(port());
    ASSERT_TRUE(client.connected());
    blocked.get_future().wait();
    got = client.ReadAll();
    EXPECT_TRUE(client.said_goodbye());
  }
  EXPECT_TRUE(done.get().ok());
  ASSERT_EQ(got.size(), all.size());
  EXPECT_TRUE(std::equal(got.begin(), got.end(), all.begin(),
                         [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }));
}

// Nobody comes back to a transport that has taken everything: it sends what is left by itself,
// whatever else is cancelled on its socket.
TEST_F(TransportTest, WhatWasTakenIsSentWithoutBeingAskedAgain) {
  const std::vector<uint8_t> piece(16'000, 'x');
  size_t taken = 0;
  std::promise<void> full;
  auto done = Accept([&](Transport& transport) -> asio::awaitable<void> {
    Transport::Error error;
    while (!error) taken += transport.WriteSome(piece, error);
    transport.socket().cancel();
    transport.ShutdownSend();
    full.set_value();
    std::vector<uint8_t> rest(1);
    (void)co_await transport.Read(rest);
  });
  TlsClient client(port());
  ASSERT_TRUE(client.connected());
  full.get_future().wait();
  EXPECT_EQ(client.ReadAll().size(), taken);
  EXPECT_TRUE(client.said_goodbye());
}

TEST_F(TransportTest, RefusesToRenegotiate) {
  auto done = Accept(Echo);
  {
    TlsClient client(port(), TLS1_2_VERSION);
    ASSERT_TRUE(client.connected());
    client.Send("before");
    EXPECT_EQ(client.ReadExactly(6), "before");
    EXPECT_FALSE(client.Renegotiate());
  }
  EXPECT_TRUE(done.get().ok());
}

TEST_F(TransportTest, WhatIsNoTlsIsNamed) {
  auto done = Accept(Echo);
  asio::io_context io;
  tcp::socket client(io);
  client.connect(acceptor_.local_endpoint());
  client.send(asio::buffer("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35));
  const absl::Status status = done.get();
  EXPECT_EQ(media::FaultName(status), "tls_handshake");
  EXPECT_NE(status.message().find("http request"), absl::string_view::npos) << status;
}

TEST_F(TransportTest, AHandshakeThatStopsIsGivenUp) {
  options_.timeout = std::chrono::milliseconds(100);
  auto done = Accept(Echo);
  asio::io_context io;
  tcp::socket client(io);
  client.connect(acceptor_.local_endpoint());
  client.send(asio::buffer("\x16\x03\x01\x02", 4));
  EXPECT_EQ(media::FaultName(done.get()), "tls_timeout");
}

TEST_F(TransportTest, WhoClosesDuringTheHandshakeIsNobodysFault) {
  auto done = Accept(Echo);
  asio::io_context io;
  tcp::socket client(io);
  client.connect(acceptor_.local_endpoint());
  client.close();
  EXPECT_EQ(done.get().code(), absl::StatusCode::kCancelled);
}

TEST_F(TransportTest, ABalancersHeaderComesBeforeTls) {
  options_.balancers = {*net::ParseNetwork("127.0.0.1")};
  auto done = Accept(Echo);
  {
    TlsClient client(port(), TLS1_3_VERSION, kProxyLine);
    ASSERT_TRUE(client.connected());
    client.Send("hello");
    EXPECT_EQ(client.ReadExactly(5), "hello");
  }
  EXPECT_TRUE(done.get().ok());
  EXPECT_EQ(client_, "203.0.113.7:56324");
}

TEST_F(TransportTest, WithoutACertificateItIsTcp) {
  options_.certificate = nullptr;
  auto done = Accept(Echo);
  asio::io_context io;
  tcp::socket client(io);
  client.connect(acceptor_.local_endpoint());
  client.send(asio::buffer("hello", 5));
  char answer[5];
  asio::read(client, asio::buffer(answer));
  EXPECT_EQ(std::string(answer, 5), "hello");
  const tcp::endpoint local = client.local_endpoint();
  client.close();
  EXPECT_TRUE(done.get().ok());
  EXPECT_EQ(client_, "127.0.0.1:" + std::to_string(local.port()));
}

TEST_F(TransportTest, WhoSendsWithoutEndLetsOthersRun) {
  options_.certificate = nullptr;
  asio::io_context io;
  tcp::socket client(io);
  client.connect(acceptor_.local_endpoint());
  const std::string flood(10'000, '.');
  client.send(asio::buffer(flood));
  size_t reads = 0;
  auto done = Accept([&reads, this](Transport& transport) -> asio::awaitable<void> {
    bool had_a_turn = false;
    asio::post(io_, [&had_a_turn] { had_a_turn = true; });
    uint8_t byte = 0;
    while (!had_a_turn && reads < 10'000) {
      const auto [error, size] = co_await transport.Read(std::span(&byte, 1));
      if (error) break;
      reads += size;
    }
  });
  EXPECT_TRUE(done.get().ok());
  EXPECT_GT(reads, 0);
  EXPECT_LT(reads, 100) << "the loop was kept busy by one connection";
}

TEST(Certificate, SaysWhatIsWrong) {
  tests::Certificate one(1), other(2);
  const auto fails = [](const std::string& certificate, const std::string& key) {
    const auto loaded = LoadCertificate(certificate, key);
    return loaded.ok() ? std::string("loaded") : std::string(loaded.status().message());
  };
  EXPECT_EQ(fails(one.certificate(), one.key()), "loaded");
  EXPECT_NE(fails("/nowhere.pem", one.key()).find("certificate /nowhere.pem: No such file"),
            std::string::npos);
  EXPECT_NE(fails(one.certificate(), other.key()).find("key values mismatch"), std::string::npos);
  one.WriteRubbish();
  EXPECT_NE(fails(one.certificate(), one.key()).find("no start line"), std::string::npos);
}

}  // namespace
}  // namespace millrace::transport
