#include "tests/support/live/url.h"

#include <charconv>

namespace millrace::live {

std::string Url::app() const {
  const size_t slash = path.find('/', 1);
  return path.empty() ? "" : path.substr(1, slash == std::string::npos ? slash : slash - 1);
}

std::string Url::name() const {
  const size_t slash = path.find('/', 1);
  return slash == std::string::npos ? "" : path.substr(slash + 1);
}

std::optional<Url> ParseUrl(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  Url url;
  url.scheme = std::string(text.substr(0, colon));
  std::string_view rest = text.substr(colon + 3);
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos) url.path = std::string(rest.substr(slash));
  std::string_view authority = rest.substr(0, slash);
  const size_t port = authority.rfind(':');
  url.host = std::string(authority.substr(0, port));
  url.port = url.scheme == "rtmp" ? 1935 : 80;
  if (port != std::string_view::npos) {
    const std::string_view digits = authority.substr(port + 1);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (result.ec != std::errc() || result.ptr != digits.data() + digits.size())
      return std::nullopt;
  }
  if (url.host.empty()) return std::nullopt;
  return url;
}

}  // namespace millrace::live
