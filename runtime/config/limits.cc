#include "runtime/config/limits.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "runtime/config/app_settings.h"
#include "runtime/config/stream_pattern.h"

namespace millrace::config {
namespace {

constexpr uint64_t kSecond = 1'000;
constexpr uint64_t kMinute = 60 * kSecond;
constexpr uint64_t kHour = 60 * kMinute;
constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
constexpr uint64_t kGiB = 1024 * kMiB;

struct Limit {
  std::string_view field;  // within millrace.v1
  Range range;
};

// Wide enough for any sane use; they catch a unit that was meant otherwise.
constexpr auto kLimits = std::to_array<Limit>({
    {"AppSettings.flush", {0, 1 * kSecond}},
    {"AppSettings.audio_hold", {0, 1 * kSecond}},
    {"AppSettings.wait_timeout", {0, 10 * kMinute}},
    {"AppSettings.track_wait", {0, 2'500}},
    {"AppSettings.publish_idle_timeout", {1 * kSecond, 1 * kHour}},
    {"AppSettings.grace", {0, 1 * kHour}},
    {"AppSettings.grace_after_unpublish", {0, 1 * kHour}},
    {"AppSettings.slow_viewer_timeout", {1 * kSecond, 1 * kHour}},
    {"AppSettings.viewer_backlog", {64 * kKiB, 1 * kGiB}},
    {"AppSettings.segment_target", {500, 1 * kMinute}},
    {"AppSettings.part_target", {100, 5 * kSecond}},
    {"AppSettings.gop_limit", {64 * kKiB, 4 * kGiB}},
    {"AppSettings.replay_limit", {64 * kKiB, 4 * kGiB}},
    {"AppSettings.catch_up_speed", {110, 10'000}},
    {"AppSettings.ingest_speed_limit", {110, 10'000, /*or_zero=*/true}},
    {"AppSettings.ingest_burst", {100, 1 * kMinute}},
    {"AppSettings.max_bitrate", {10'000, 100'000'000'000, /*or_zero=*/true}},
    {"AppSettings.max_frame_rate", {1, 10'000, /*or_zero=*/true}},
    {"RouterSettings.lease", {1 * kSecond, 1 * kMinute}},
    {"RouterSettings.settle", {0, 1 * kMinute}},
    {"RouterSettings.cache_limit", {1 * kMiB, 1024 * kGiB}},
    {"RouterSettings.stream_cache_limit", {64 * kKiB, 64 * kGiB}},
    {"RouterSettings.publish_credit", {256 * kKiB, 4 * kGiB}},
    {"RouterSettings.max_streams", {1, 10'000'000}},
    {"RtmpSettings.chunk_size", {128, 0xFFFFFF}},
    {"RtmpSettings.max_message", {64 * kKiB, 0xFFFFFF}},
    {"RtmpSettings.max_partial", {64 * kKiB, 1 * kGiB}},
    {"RtmpSettings.handshake_timeout", {100, 1 * kMinute}},
    {"RtmpSettings.idle_timeout", {100, 1 * kHour}},
    {"RtmpSettings.max_connections", {1, 10'000'000}},
    {"RtspSettings.handshake_timeout", {100, 1 * kMinute}},
    {"RtspSettings.idle_timeout", {100, 1 * kHour}},
    {"RtspSettings.session_timeout", {1 * kSecond, 1 * kHour}},
    {"RtspSettings.max_connections", {1, 10'000'000}},
    {"RtspSettings.multicast_ttl", {1, 255}},
    {"RtspSettings.multicast_port", {1024, 65'000}},
    {"HttpSettings.header_timeout", {100, 1 * kMinute}},
    {"HttpSettings.max_header", {1 * kKiB, 1 * kMiB}},
    {"HttpSettings.max_connections", {1, 10'000'000}},
    {"LimitSettings.connections_per_address", {0, 10'000'000}},
    {"LimitSettings.publishers_per_address", {0, 10'000'000}},
    {"LimitSettings.streams_per_node", {0, 10'000'000}},
    {"MetricsSettings.per_stream_limit", {0, 100'000}},
    {"PublicSettings.rtmp_port", {1, 65535}},
    {"PublicSettings.rtsp_port", {1, 65535}},
    {"PublicSettings.http_port", {1, 65535}},
    {"BusSettings.subscription_credit", {256 * kKiB, 4 * kGiB}},
});

std::string_view LocalName(const google::protobuf::FieldDescriptor& field) {
  std::string_view name = field.full_name();
  constexpr std::string_view kPackage = "millrace.v1.";
  if (name.starts_with(kPackage)) name.remove_prefix(kPackage.size());
  return name;
}

std::optional<unsigned> ParseUnsigned(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

absl::Status Refuse(std::string_view value, const char* expected) {
  return absl::InvalidArgumentError(fmt::format("`{}` is not {}", value, expected));
}

bool IsHost(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  });
}

bool IsEndpoint(std::string_view text) {
  constexpr std::string_view kScheme = "tcp://";
  if (!text.starts_with(kScheme)) return false;
  text.remove_prefix(kScheme.size());
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !IsHost(text.substr(0, colon))) return false;
  const auto port = ParseUnsigned(text.substr(colon + 1));
  return port && *port >= 1 && *port <= 65535;
}

bool IsCidr(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  unsigned longest = 0;
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) {
    longest = 32;
  } else if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) {
    longest = 128;
  } else {
    return false;
  }
  if (slash == std::string_view::npos) return true;
  const auto prefix = ParseUnsigned(text.substr(slash + 1));
  return prefix && *prefix <= longest;
}

bool IsAddress(std::string_view text) {
  return text.find('/') == std::string_view::npos && IsCidr(text);
}

// "20000-20999": at least one pair of an even port and the odd one behind it.
bool IsPortRange(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const auto first = ParseUnsigned(text.substr(0, dash));
  const auto last = ParseUnsigned(text.substr(dash + 1));
  return first && last && *first >= 1024 && *last <= 65535 && *first + *first % 2 + 1 <= *last;
}

// A network of IPv4 multicast, RFC 5771: 224.0.0.0/4.
bool IsMulticastNetwork(std::string_view text) {
  const size_t slash = text.find('/');
  if (!IsCidr(text) || text.find(':') != std::string_view::npos) return false;
  const auto first = ParseUnsigned(text.substr(0, text.find('.')));
  const auto prefix = slash == std::string_view::npos ? 32 : ParseUnsigned(text.substr(slash + 1));
  return first && *first >= 224 && *first <= 239 && prefix && *prefix >= 4;
}

bool IsOrigin(std::string_view text) {
  if (text == "*") return true;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.starts_with(scheme)) return IsHost(text.substr(scheme.size()));
  }
  return false;
}

bool HasControls(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Encoders write it into a query without escaping it.
bool IsUser(std::string_view text) {
  return !text.empty() && text.size() <= 64 && !HasControls(text) &&
         text.find_first_of(" ?&=/%+#\"'") == std::string_view::npos;
}

// A key or a value of the maps of users and passwords.
bool IsLogin(std::string_view name, std::string_view part) {
  for (const std::string_view map : {"AppSettings.PublishersEntry", "AppSettings.ViewersEntry"}) {
    if (name.starts_with(map) && name.substr(map.size()) == part) return true;
  }
  return false;
}

bool IsPassword(std::string_view text) {
  return !text.empty() && text.size() <= 128 && !HasControls(text) && text != kHidden;
}

// The length of the well-formed sequence that `text` starts with; 0: it is malformed.
size_t Utf8SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool outside = (lead == 0xED && byte(1) > 0x9F) || (lead == 0xF4 && byte(1) > 0x8F);
  return overlong || outside ? 0 : length;
}

absl::Status CheckApplicationName(std::string_view name) {
  const auto bad_part = [](std::string_view part) {
    return part.empty() || part == "." || part == "..";
  };
  bool good = !name.empty() && name.size() <= 255;
  for (std::string_view rest = name; good;) {
    const size_t slash = rest.find('/');
    good = !bad_part(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  good = good && !HasControls(name);
  return good ? absl::OkStatus() : Refuse(name, "an application: write live or site3/gate");
}

}  // namespace

Range RangeOf(const google::protobuf::FieldDescriptor& field) {
  for (const Limit& limit : kLimits) {
    if (limit.field == LocalName(field)) return limit.range;
  }
  const bool narrow = field.cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_UINT32;
  return {0, narrow ? UINT32_MAX : UINT64_MAX};
}

absl::Status CheckText(const google::protobuf::FieldDescriptor& field, std::string_view value) {
  const std::string_view name = LocalName(field);
  if (name == "Configuration.routers" && !IsEndpoint(value)) {
    return Refuse(value, "a router endpoint: write tcp://host:port");
  }
  if ((name == "Configuration.public_host" || name == "PublicSettings.host") && !value.empty() &&
      !IsHost(value)) {
    return Refuse(value, "a host name or address");
  }
  if ((name == "HttpSettings.trusted_proxies" || name == "HttpSettings.proxy_protocol" ||
       name == "RtmpSettings.proxy_protocol" || name == "RtspSettings.proxy_protocol") &&
      !IsCidr(value)) {
    return Refuse(value, "an address or network: write 10.0.0.0/8 or 2001:db8::1");
  }
  if (name == "LimitSettings.exempt_addresses" && !IsCidr(value)) {
    return Refuse(value, "an address or network: write 10.0.0.0/8 or 2001:db8::1");
  }
  if (name == "RtspSettings.udp_ports" && value != "off" && !IsPortRange(value)) {
    return Refuse(value, "a range of ports: write 20000-20999, or off");
  }
  if (name == "RtspSettings.udp_address" && !value.empty() && !IsAddress(value)) {
    return Refuse(value, "an address: write 203.0.113.7");
  }
  if (name == "RtspSettings.multicast_groups" && value != "off" && !IsMulticastNetwork(value)) {
    return Refuse(value, "a network of multicast groups: write 239.192.8.0/24, or off");
  }
  // Gateways have working directories of their own.
  if ((name == "TlsSettings.certificate" || name == "TlsSettings.key") && !value.empty() &&
      !value.starts_with('/')) {
    return Refuse(value, "a file's whole path: write /etc/millrace/tls.pem");
  }
  if (name == "HttpSettings.allow_origins" && !IsOrigin(value)) {
    return Refuse(value, "an origin: write \"*\" or https://example.org");
  }
  if (IsLogin(name, ".key") && !IsUser(value)) {
    return Refuse(value, "a user: write up to 64 characters, no spaces and none of ?&=/%+#");
  }
  if (IsLogin(name, ".value") && !IsPassword(value)) {
    return absl::InvalidArgumentError(
        "a password has 1 to 128 characters, no control characters, and is not what `config show` "
        "writes in place of one");
  }
  return absl::OkStatus();
}

absl::Status CheckKey(const google::protobuf::FieldDescriptor& field, std::string_view key) {
  if (LocalName(field) == "Configuration.streams") return StreamPattern::Parse(key).status();
  return CheckApplicationName(key);
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace millrace::config
