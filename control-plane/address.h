#pragma once
// Addresses in the forms in which gRPC, nodes and people write them.

#include <optional>
#include <string>
#include <string_view>

namespace millrace::control {

// "ipv4:10.0.0.2:5000" and "ipv6:%5B::1%5D:5000" (grpc::ServerContext::peer) as "10.0.0.2" and
// "::1"; empty where the peer has no IP address. An IPv4 address mapped into IPv6 is the IPv4
// address.
std::string HostOfPeer(std::string_view peer);

// The host of "host:port" or "[v6]:port", without brackets; `text` itself where there is no port.
std::string HostOf(std::string_view text);

bool IsLoopback(std::string_view host);

// "tcp://*:5555", "0.0.0.0:9102", ":9102", "[::]:1935": an address that means every interface, with
// `host` in place of it. Anything else as it is.
std::string WithHost(std::string_view address, std::string_view host);

// An IP address in its shortest form, without brackets, zone or port; nothing where `text` is none.
std::optional<std::string> CanonicalIp(std::string_view text);

}  // namespace millrace::control
