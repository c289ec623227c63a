#include "control-plane/urls.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/lifecycle/host_port.h"

namespace millrace::control {
namespace {

using lifecycle::HostPort;

struct Scheme {
  const char* name;     // of URLs, and of the gateway's address in Register
  uint16_t usual_port;  // left out of URLs
  bool tls;
  uint32_t (v1::PublicSettings::*port)() const;
};
constexpr Scheme kRtmp{"rtmp", 1935, false, &v1::PublicSettings::rtmp_port};
constexpr Scheme kRtmps{"rtmps", 443, true, &v1::PublicSettings::rtmps_port};
constexpr Scheme kRtsp{"rtsp", 554, false, &v1::PublicSettings::rtsp_port};
constexpr Scheme kRtsps{"rtsps", 322, true, &v1::PublicSettings::rtsps_port};
constexpr Scheme kHttp{"http", 80, false, &v1::PublicSettings::http_port};
constexpr Scheme kHttps{"https", 443, true, &v1::PublicSettings::https_port};

struct Way {
  const char* protocol;
  const Scheme& scheme;
  const char* suffix = "";
};
constexpr auto kPublishers =
    std::to_array<Way>({{"rtmp", kRtmp}, {"rtmps", kRtmps}, {"rtsp", kRtsp}, {"rtsps", kRtsps}});
constexpr auto kPlayers = std::to_array<Way>({
    {"rtmp", kRtmp},
    {"rtmps", kRtmps},
    {"rtsp", kRtsp},
    {"rtsps", kRtsps},
    {"http-flv", kHttp, ".flv"},
    {"https-flv", kHttps, ".flv"},
});

std::optional<HostPort> AddressOfGateway(const char* name,
                                         const std::map<std::string, NodeRow>& nodes) {
  std::optional<HostPort> best;
  for (const auto& [node, row] : nodes) {
    const auto& addresses = row.node.registration().addresses();
    const auto found = addresses.find(name);
    if (!row.node.attached() || found == addresses.end()) continue;
    const absl::StatusOr<HostPort> address = lifecycle::ParseHostPort(found->second);
    if (!address.ok() || address->host.empty() || address->port == 0) continue;
    if (row.node.ready() && !row.node.draining()) return *address;
    if (!best) best = *address;
  }
  return best;
}

// "rtmp://media.example.org:11935/"
std::optional<std::string> Base(const Scheme& scheme, const v1::Configuration& configuration,
                                const std::map<std::string, NodeRow>& nodes) {
  const v1::TlsSettings& tls = configuration.tls();
  if (scheme.tls && (tls.certificate().empty() || tls.key().empty())) return std::nullopt;
  const v1::PublicSettings& settings = configuration.public_();
  const std::string& host = settings.host().empty() ? configuration.public_host() : settings.host();
  HostPort address{host, static_cast<uint16_t>((settings.*scheme.port)())};
  if (address.host.empty() || address.port == 0) {
    const std::optional<HostPort> gateway = AddressOfGateway(scheme.name, nodes);
    if (!gateway) return std::nullopt;
    if (address.host.empty()) address.host = gateway->host;
    if (address.port == 0) address.port = gateway->port;
  }
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  std::string text = address.ToString();
  if (address.port == scheme.usual_port) text.resize(text.rfind(':'));
  return fmt::format("{}://{}/", scheme.name, text);
}

// Everything but unreserved characters (RFC 3986 §2.3) and '/'. Both gateways decode it.
std::string Encoded(std::string_view name) {
  std::string encoded;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || c == '/';
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace

v1::StreamUrls UrlsOf(std::string_view stream, const v1::Configuration& configuration,
                      const std::map<std::string, NodeRow>& nodes) {
  v1::StreamUrls urls;
  const std::string path = Encoded(stream);
  for (const Way& way : kPublishers) {
    const auto base = Base(way.scheme, configuration, nodes);
    if (!base) continue;
    v1::StreamUrl& url = *urls.add_publish();
    url.set_protocol(way.protocol);
    url.set_url(*base + path);
    if (!std::string_view(way.protocol).starts_with("rtmp")) continue;
    const size_t slash = path.rfind('/');
    url.set_server(*base + path.substr(0, slash));
    url.set_key(path.substr(slash + 1));
  }
  for (const Way& way : kPlayers) {
    const auto base = Base(way.scheme, configuration, nodes);
    if (!base) continue;
    v1::StreamUrl& url = *urls.add_play();
    url.set_protocol(way.protocol);
    url.set_url(*base + path + way.suffix);
  }
  return urls;
}

}  // namespace millrace::control
