#include "runtime/relay/relay_url.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>
#include <vector>

namespace millrace::relay {
namespace {

constexpr std::string_view kHidden = "***";
constexpr size_t kShortSecret = 4;
constexpr std::array<std::pair<std::string_view, uint16_t>, 4> kSchemes = {
    {{"rtmp", 1935}, {"rtmps", 443}, {"rtsp", 554}, {"rtsps", 322}}};

int Nibble(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const int lower = std::tolower(static_cast<unsigned char>(digit));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Escapes that are none stay as they are.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool whole = text[i] == '%' && i + 2 < text.size();
    const int high = whole ? Nibble(text[i + 1]) : -1;
    const int low = whole ? Nibble(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      plain.push_back(text[i]);
      continue;
    }
    plain.push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  return plain;
}

// A URL's pieces as they are written; nothing is judged.
struct Pieces {
  bool split = false;  // there is a scheme
  std::string_view scheme, userinfo, host_port, path, query;
  bool has_userinfo = false;
};

Pieces Split(std::string_view url) {
  Pieces pieces;
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return pieces;
  pieces.split = true;
  pieces.scheme = url.substr(0, scheme);
  url.remove_prefix(scheme + 3);
  const size_t at = url.substr(0, url.find('/')).rfind('@');
  if (at != std::string_view::npos) {
    pieces.has_userinfo = true;
    pieces.userinfo = url.substr(0, at);
    url.remove_prefix(at + 1);
  }
  const size_t question = std::min(url.find('?'), url.size());
  pieces.query = url.substr(std::min(question + 1, url.size()));
  url = url.substr(0, question);
  const size_t slash = std::min(url.find('/'), url.size());
  pieces.host_port = url.substr(0, slash);
  pieces.path = url.substr(std::min(slash + 1, url.size()));
  return pieces;
}

absl::Status Wrong(const std::string& text) { return absl::InvalidArgumentError(text); }

absl::Status ReadHost(std::string_view text, RelayUrl& url) {
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos)
      return Wrong("the URL's IPv6 address has no closing bracket");
    url.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!text.empty() && text.front() != ':') return Wrong("the URL's port is not a number");
    port = text.substr(std::min<size_t>(1, text.size()));
    if (text == ":") return Wrong("the URL's port is not a number");
  } else {
    const size_t colon = text.find(':');
    url.host = text.substr(0, colon);
    if (colon != std::string_view::npos) {
      port = text.substr(colon + 1);
      if (port.empty()) return Wrong("the URL's port is not a number");
    }
  }
  const bool fine = std::ranges::all_of(url.host, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_' ||
           c == ':' || c == '%';
  });
  if (url.host.empty() || !fine) return Wrong("the URL names no host: write rtmp://host/app/name");
  if (port.empty()) return absl::OkStatus();
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (error != std::errc() || end != port.data() + port.size() || url.port == 0) {
    return Wrong("the URL's port is not a number from 1 to 65535");
  }
  return absl::OkStatus();
}

// "a=***&b=***"; what has no name is hidden whole.
std::string ShownQuery(std::string_view query) {
  std::string shown;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = pair.find('=');
    if (!shown.empty()) shown.push_back('&');
    if (equals != std::string_view::npos) shown += pair.substr(0, equals + 1);
    shown += kHidden;
  }
  return shown;
}

std::string_view LastPart(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

void ReplaceAll(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
}

}  // namespace

absl::StatusOr<RelayUrl> ParseRelayUrl(std::string_view text) {
  if (text.size() > kMaxUrlBytes) {
    return Wrong("the URL is longer than " + std::to_string(kMaxUrlBytes) + " bytes");
  }
  const bool clean = std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= ' ' || byte == 0x7F;
  });
  if (!clean) return Wrong("the URL has a space or a control character in it: write %20");
  const Pieces pieces = Split(text);
  RelayUrl url;
  for (const char c : pieces.scheme) {
    url.scheme.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  const auto* const known = std::ranges::find(
      kSchemes, url.scheme, [](const auto& scheme) { return std::string(scheme.first); });
  if (!pieces.split || known == kSchemes.end()) {
    return Wrong("the URL must begin with rtmp://, rtmps://, rtsp:// or rtsps://");
  }
  url.port = known->second;
  if (absl::Status read = ReadHost(pieces.host_port, url); !read.ok()) return read;
  const size_t colon = std::min(pieces.userinfo.find(':'), pieces.userinfo.size());
  url.user = Unescape(pieces.userinfo.substr(0, colon));
  url.password = Unescape(pieces.userinfo.substr(std::min(colon + 1, pieces.userinfo.size())));
  url.path = pieces.path;
  url.query = pieces.query;
  if (url.path.empty() && url.scheme.starts_with("rtmp")) {
    return Wrong("the URL names no stream: write " + url.scheme + "://host/app/name");
  }
  return url;
}

std::string ShownUrl(std::string_view url, Direction direction) {
  const Pieces pieces = Split(url);
  if (!pieces.split) return std::string(kHidden);
  std::string shown(pieces.scheme);
  shown += "://";
  if (pieces.has_userinfo) shown += std::string(kHidden) + "@";
  shown += pieces.host_port;
  if (!pieces.path.empty()) {
    std::string_view path = pieces.path;
    const bool key = direction == Direction::kPush;
    if (key) path.remove_suffix(LastPart(path).size());
    shown += "/" + std::string(path);
    if (key) shown += kHidden;
  }
  if (!pieces.query.empty()) shown += "?" + ShownQuery(pieces.query);
  return shown;
}

std::string WithoutSecrets(std::string text, std::string_view url, Direction direction) {
  if (url.empty()) return text;
  ReplaceAll(text, url, ShownUrl(url, direction));
  const Pieces pieces = Split(url);
  std::vector<std::string> secrets;
  const auto add = [&secrets](std::string_view secret, size_t least) {
    if (secret.size() < least) return;
    secrets.emplace_back(secret);
    secrets.push_back(Unescape(secret));
  };
  const size_t colon = std::min(pieces.userinfo.find(':'), pieces.userinfo.size());
  add(pieces.userinfo.substr(0, colon), kShortSecret);
  add(pieces.userinfo.substr(std::min(colon + 1, pieces.userinfo.size())), 1);
  if (direction == Direction::kPush) add(LastPart(pieces.path), kShortSecret);
  std::string_view query = pieces.query;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = pair.find('=');
    add(equals == std::string_view::npos ? pair : pair.substr(equals + 1), kShortSecret);
  }
  // Longer ones first: one may be a part of another.
  std::ranges::sort(secrets, std::greater{}, &std::string::size);
  for (const std::string& secret : secrets) ReplaceAll(text, secret, kHidden);
  return text;
}

}  // namespace millrace::relay
