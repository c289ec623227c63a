#include "control-plane/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace millrace::control {
namespace {

constexpr std::string_view kMapped = "::ffff:";

// gRPC percent-encodes the brackets of IPv6 peers.
std::string Decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("%5B") || rest.starts_with("%5b")) {
      decoded += '[';
      i += 2;
    } else if (rest.starts_with("%5D") || rest.starts_with("%5d")) {
      decoded += ']';
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

bool MeansEveryInterface(std::string_view host) {
  return host.empty() || host == "*" || host == "0.0.0.0" || host == "::";
}

}  // namespace

std::string HostOf(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    return std::string(text.substr(1, end == std::string_view::npos ? end : end - 1));
  }
  // More than one colon without brackets is a bare IPv6 address.
  if (std::ranges::count(text, ':') != 1) return std::string(text);
  return std::string(text.substr(0, text.find(':')));
}

std::string HostOfPeer(std::string_view peer) {
  const size_t scheme = peer.find(':');
  if (scheme == std::string_view::npos) return {};
  const std::string_view kind = peer.substr(0, scheme);
  if (kind != "ipv4" && kind != "ipv6") return {};
  std::string host = HostOf(Decode(peer.substr(scheme + 1)));
  return CanonicalIp(host).value_or(host);
}

bool IsLoopback(std::string_view host) {
  return host == "::1" || host == "localhost" || host.starts_with("127.");
}

std::string WithHost(std::string_view address, std::string_view host) {
  std::string_view scheme;
  std::string_view rest = address;
  if (const size_t end = rest.find("://"); end != std::string_view::npos) {
    scheme = rest.substr(0, end + 3);
    rest.remove_prefix(end + 3);
  }
  const size_t colon = rest.rfind(':');
  if (host.empty() || colon == std::string_view::npos || !MeansEveryInterface(HostOf(rest))) {
    return std::string(address);
  }
  const bool brackets = host.find(':') != std::string_view::npos;
  return fmt::format("{}{}{}{}{}", scheme, brackets ? "[" : "", host, brackets ? "]" : "",
                     rest.substr(colon));
}

std::optional<std::string> CanonicalIp(std::string_view text) {
  std::string host = HostOf(text);
  if (const size_t zone = host.find('%'); zone != std::string::npos) host.resize(zone);
  if (host.starts_with(kMapped) && host.find('.') != std::string::npos) {
    host.erase(0, kMapped.size());
  }
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, host.c_str(), bytes.data()) == 1) {
      return inet_ntop(family, bytes.data(), canonical.data(), canonical.size());
    }
  }
  return std::nullopt;
}

}  // namespace millrace::control
