#pragma once
// A connection to a server elsewhere: name, TCP, TLS, within one time-out.

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/net/ip_address.h"
#include "runtime/transport/transport.h"

namespace millrace::transport {

struct DialOptions {
  std::string host;  // a name or an address, that of IPv6 without brackets
  uint16_t port = 0;
  // Set: TLS by that context (ClientContext), for `host`.
  std::shared_ptr<ssl_ctx_st> tls;
  // For everything here together.
  std::chrono::milliseconds timeout{10'000};
};

struct Dialed {
  std::unique_ptr<Transport> transport;
  net::Endpoint server;
};

// On the caller's executor. The addresses of a name are tried in turn. Unavailable, with a sentence
// for people: no such host, refused, no route, no answer in time. Fault tls_handshake: the server's
// certificate does not hold, or it speaks no TLS that we do.
boost::asio::awaitable<absl::StatusOr<Dialed>> Dial(DialOptions options);

}  // namespace millrace::transport
