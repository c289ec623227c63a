#include "gateways/rtsp/protocol/url.h"

#include <algorithm>

#include "media/base/text.h"

namespace millrace::rtsp {
namespace {

using media::CutFront;
using media::ParseNumber;
using media::StartsWithIgnoringCase;
using media::Trim;

constexpr size_t kMaxParams = 64;
constexpr std::string_view kScheme = "rtsp://";
constexpr std::string_view kTlsScheme = "rtsps://";

bool IsUrl(std::string_view text) {
  return StartsWithIgnoringCase(text, kScheme) || StartsWithIgnoringCase(text, kTlsScheme);
}

// Escapes that are none stay as they are.
std::string Unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' && text.size() - i > 2
                          ? ParseNumber<uint8_t>(text.substr(i + 1, 2), 16)
                          : std::nullopt;
    plain.push_back(byte.has_value() ? static_cast<char>(*byte) : text[i]);
    if (byte.has_value()) i += 2;
  }
  return plain;
}

// Path and query of a URL, or the text itself where it is none; begins with a slash.
std::string PathOf(std::string_view uri) {
  if (IsUrl(uri)) {
    uri.remove_prefix(uri.find("://") + 3);
    uri.remove_prefix(std::min(uri.find_first_of("/?"), uri.size()));
  }
  return uri.starts_with('/') ? std::string(uri) : "/" + std::string(uri);
}

void ReadParams(std::string_view query, Params& params) {
  while (!query.empty() && params.size() < kMaxParams) {
    std::string_view value = CutFront(query, "&");
    const std::string_view name = CutFront(value, "=");
    if (!name.empty()) params.emplace_back(Unescape(name), Unescape(value));
  }
}

std::string_view WithoutSlashes(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

// `control` at the end of `text`, behind a slash: what is in front of that.
std::optional<std::string_view> Before(std::string_view text, std::string_view control) {
  text = WithoutSlashes(text);
  if (control.empty() || text.size() <= control.size() || !text.ends_with(control)) {
    return std::nullopt;
  }
  text.remove_suffix(control.size());
  if (!text.ends_with('/')) return std::nullopt;
  return text.substr(0, text.size() - 1);
}

// `uri` without `control`, in whichever of the places it is.
std::optional<std::string> Split(std::string_view uri, std::string_view control) {
  if (IsUrl(control)) {
    if (WithoutSlashes(PathOf(uri)) != WithoutSlashes(PathOf(control))) return std::nullopt;
    const std::string_view all = WithoutSlashes(uri);
    return std::string(all.substr(0, all.rfind('/')));
  }
  control = WithoutSlashes(control);
  while (control.starts_with('/')) control.remove_prefix(1);
  if (const auto front = Before(uri, control)) return std::string(*front);
  const size_t question = uri.find('?');
  if (question == std::string_view::npos) return std::nullopt;
  const auto front = Before(uri.substr(0, question), control);
  if (!front.has_value()) return std::nullopt;
  return std::string(*front) + std::string(uri.substr(question));
}

}  // namespace

std::string Url::Text() const {
  std::string text(tls ? kTlsScheme : kScheme);
  text += host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != (tls ? kDefaultTlsPort : kDefaultPort)) text += ":" + std::to_string(port);
  return text + path;
}

std::optional<Url> ParseUrl(std::string_view text) {
  if (!IsUrl(text)) return std::nullopt;
  Url url;
  url.tls = StartsWithIgnoringCase(text, kTlsScheme);
  url.port = url.tls ? kDefaultTlsPort : kDefaultPort;
  text.remove_prefix(text.find("://") + 3);
  const size_t path = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, path);
  url.path = text.substr(path);
  // A password may hold an '@' that nobody escaped; a host may not.
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
    std::string_view login = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    url.user = Unescape(CutFront(login, ":"));
    url.password = Unescape(login);
  }
  if (authority.starts_with('[')) {
    authority.remove_prefix(1);
    url.host = CutFront(authority, "]");
    if (!authority.empty() && !authority.starts_with(':')) return std::nullopt;
    if (!authority.empty()) authority.remove_prefix(1);
  } else {
    url.host = CutFront(authority, ":");
  }
  if (!authority.empty()) {
    const auto port = ParseNumber<uint16_t>(authority);
    if (!port.has_value() || *port == 0) return std::nullopt;
    url.port = *port;
  }
  if (url.host.empty()) return std::nullopt;
  return url;
}

std::string BaseUrl(const Url& request, std::string_view content_base,
                    std::string_view content_location) {
  Url base = request;
  for (std::string_view candidate : {Trim(content_base), Trim(content_location)}) {
    if (candidate.starts_with('/')) {
      base.path = candidate;
      return base.Text();
    }
    if (const auto url = ParseUrl(candidate)) {
      base.path = url->path;
      return base.Text();
    }
  }
  return base.Text();
}

std::string ControlUrl(std::string_view base, std::string_view control) {
  if (control.empty() || control == "*") return std::string(base);
  if (IsUrl(control)) {
    const auto from = ParseUrl(base);
    auto to = ParseUrl(control);
    if (!from.has_value() || !to.has_value()) return std::string(control);
    Url url = *from;
    url.path = to->path;
    return url.Text();
  }
  while (control.starts_with('/')) control.remove_prefix(1);
  std::string url(base);
  if (!url.ends_with('/')) url += '/';
  return url + std::string(control);
}

std::string_view FindParam(const Params& params, std::string_view name) {
  for (const auto& [key, value] : params) {
    if (key == name) return value;
  }
  return {};
}

Target ResolveTarget(std::string_view uri) {
  Target target;
  if (uri == "*") return target;
  const std::string path = PathOf(uri);
  std::string_view query = path;
  std::string_view rest = CutFront(query, "?");
  ReadParams(WithoutSlashes(query), target.params);
  while (!rest.empty()) {
    const std::string part = Unescape(CutFront(rest, "/"));
    if (part.empty()) continue;
    if (!target.stream.empty()) target.stream += '/';
    target.stream += part;
  }
  return target;
}

std::optional<size_t> FindControl(std::string_view uri, const std::vector<std::string>& controls) {
  // The longest first: "track1" must not be taken for "1".
  std::optional<size_t> found;
  for (size_t i = 0; i < controls.size(); ++i) {
    if (!Split(uri, controls[i]).has_value()) continue;
    if (!found.has_value() || controls[i].size() > controls[*found].size()) found = i;
  }
  return found;
}

std::string WithoutControl(std::string_view uri, std::string_view control) {
  return Split(uri, control).value_or(std::string(uri));
}

}  // namespace millrace::rtsp
