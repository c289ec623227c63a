#include "gateways/http/client_address.h"

#include <optional>
#include <string_view>

namespace millrace::http {
namespace {

constexpr size_t kMaxHops = 64;

}  // namespace

net::IpAddress ClientAddress(const net::IpAddress& peer, std::span<const std::string> forwarded,
                             std::span<const net::Network> trusted) {
  net::IpAddress client = peer;
  size_t hops = 0;
  for (size_t i = forwarded.size(); i-- > 0;) {
    std::string_view list = forwarded[i];
    while (true) {
      if (!net::IsInside(client, trusted) || ++hops > kMaxHops) return client;
      const size_t comma = list.rfind(',');
      const std::optional<net::IpAddress> next =
          net::ParseIpAddress(comma == std::string_view::npos ? list : list.substr(comma + 1));
      if (!next)
        return client;  // "unknown", a name, rubbish: nobody vouches for what is left of it
      client = *next;
      if (comma == std::string_view::npos) break;
      list = list.substr(0, comma);
    }
  }
  return client;
}

}  // namespace millrace::http
