#pragma once
// What lies between accept() and the first byte of a client's protocol.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/net/ip_address.h"
#include "runtime/transport/transport.h"

namespace millrace::transport {

struct ArrivalOptions {
  // Balancers: from them a PROXY protocol header is required, from others it is never looked for.
  std::vector<net::Network> balancers;
  // Behind that header, TLS. Unset: none.
  std::shared_ptr<ssl_ctx_st> certificate;
  // For everything here together.
  std::chrono::milliseconds timeout{5'000};
};

struct Arrived {
  std::unique_ptr<Transport> transport;
  net::Endpoint client;
};

// The other end of a connection; an IPv4 client of a dual-stack socket is shown as one. Zeros where
// the connection is gone already.
net::Endpoint PeerOf(const boost::asio::ip::tcp::socket& socket);

// Reads what a balancer says of the client, then shakes hands. `client` is where the client speaks
// from: the peer itself where that is no balancer, or speaks for itself (a health check). Not a
// byte of what follows is taken from the socket. On the socket's executor.
//
// Faults (media::FaultName): those of net::ProxyHeaderReader, proxy_timeout, tls_handshake,
// tls_timeout. Cancelled: the peer closed the connection before it had said all; probes that only
// connect do that.
boost::asio::awaitable<absl::StatusOr<Arrived>> Arrive(boost::asio::ip::tcp::socket socket,
                                                       ArrivalOptions options);

// Networks as the configuration holds them; what is none is left out.
template <typename Texts>
std::vector<net::Network> Networks(const Texts& texts) {
  std::vector<net::Network> networks;
  for (const auto& text : texts) {
    if (const auto network = net::ParseNetwork(text)) networks.push_back(*network);
  }
  return networks;
}

}  // namespace millrace::transport
