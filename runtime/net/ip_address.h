#pragma once
// IP addresses and networks as text, without sockets.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::net {

// IPv4 addresses are held in their IPv6 form (::ffff:a.b.c.d, RFC 4291 §2.5.5.2), so that a client
// is the same one whichever family the listening socket has.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};

  bool is_v4() const;
  std::string ToString() const;  // "10.0.0.1", "2001:db8::1"
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// "10.0.0.1", "::1"; also with a port as proxies write it: "10.0.0.1:80", "[::1]:80", "[::1]".
std::optional<IpAddress> ParseIpAddress(std::string_view text);

struct Network {
  IpAddress address;
  unsigned prefix = 128;  // bits, counted over the IPv6 form

  bool Contains(const IpAddress& other) const;
};

// "10.0.0.0/8", "::1/128", or one address.
std::optional<Network> ParseNetwork(std::string_view text);

// An address and a port, as sessions, logs and bans show a client.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  std::string ToString() const;  // "10.0.0.1:80", "[2001:db8::1]:80"
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Whether one of `networks` contains `address`.
bool IsInside(const IpAddress& address, std::span<const Network> networks);

}  // namespace millrace::net
