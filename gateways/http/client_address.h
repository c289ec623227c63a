#pragma once
// The client's address behind proxies that speak HTTP.

#include <span>
#include <string>

#include "runtime/net/ip_address.h"

namespace millrace::http {

// Who the client is. `peer` is the other end of the connection; `forwarded` the values of
// X-Forwarded-For in the order in which they came. Walking back from the peer, each address that is
// a trusted proxy vouches for the one to its left; the first that is not trusted is the client.
// What a stranger wrote is never believed.
net::IpAddress ClientAddress(const net::IpAddress& peer, std::span<const std::string> forwarded,
                             std::span<const net::Network> trusted);

}  // namespace millrace::http
