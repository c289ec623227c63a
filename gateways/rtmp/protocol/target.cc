#include "gateways/rtmp/protocol/target.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

namespace millrace::rtmp {
namespace {

constexpr std::array<std::string_view, 5> kContainerPrefixes = {
    "mp4:", "flv:", "mp3:", "f4v:", "id3:"};
constexpr std::string_view kDefaultInstance = "_definst_";
constexpr size_t kMaxParams = 64;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpaceAndQuotes = " \t\r\n\"'";
  const size_t begin = text.find_first_not_of(kSpaceAndQuotes);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaceAndQuotes) - begin + 1);
}

std::optional<uint8_t> HexByte(std::string_view two) {
  uint8_t value = 0;
  if (two.size() < 2) return std::nullopt;
  for (const char digit : two.substr(0, 2)) {
    const auto byte = static_cast<unsigned char>(digit);
    if (!std::isxdigit(byte)) return std::nullopt;
    const int nibble = std::isdigit(byte) ? digit - '0' : std::tolower(byte) - 'a' + 10;
    value = static_cast<uint8_t>(value << 4 | nibble);
  }
  return value;
}

// Escapes that are none stay as they are.
std::string Unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' ? HexByte(text.substr(i + 1)) : std::nullopt;
    plain.push_back(byte.has_value() ? static_cast<char>(*byte) : text[i]);
    if (byte.has_value()) i += 2;
  }
  return plain;
}

void AddParams(std::string_view query, Params& params) {
  while (!query.empty() && params.size() < kMaxParams) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    if (equals == 0) continue;
    std::string name = Unescape(pair.substr(0, equals));
    std::string value = Unescape(pair.substr(std::min(equals + 1, pair.size())));
    const auto known = std::find_if(params.begin(), params.end(),
                                    [&](const auto& param) { return param.first == name; });
    if (known != params.end()) {
      known->second = std::move(value);
    } else {
      params.emplace_back(std::move(name), std::move(value));
    }
  }
}

// The text in front of a '?'; what is behind it goes into `params`. Some clients write a second '?'
// for '&'.
std::string_view SplitQuery(std::string_view text, Params& params) {
  const size_t question = text.find('?');
  if (question == std::string_view::npos) return text;
  std::string query(text.substr(question + 1));
  std::replace(query.begin(), query.end(), '?', '&');
  AddParams(query, params);
  return text.substr(0, question);
}

std::string_view UrlPath(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  const size_t slash = url.find('/');
  return slash == std::string_view::npos ? std::string_view() : url.substr(slash + 1);
}

// Appends the parts of `path` that are not empty.
void AppendPath(std::string_view path, std::string& name) {
  const std::string plain = Unescape(path);
  std::string_view rest = plain;
  while (!rest.empty()) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part.empty() || part == kDefaultInstance) continue;
    if (!name.empty()) name.push_back('/');
    name += part;
  }
}

}  // namespace

std::string_view FindParam(const Params& params, std::string_view name) {
  for (const auto& [key, value] : params) {
    if (key == name) return value;
  }
  return {};
}

Target ResolveTarget(std::string_view tc_url, std::string_view app, std::string_view key) {
  Target target;
  const std::string_view url_path = SplitQuery(UrlPath(Trim(tc_url)), target.params);
  const std::string_view app_path = SplitQuery(Trim(app), target.params);
  std::string_view key_path = SplitQuery(Trim(key), target.params);
  for (const std::string_view prefix : kContainerPrefixes) {
    if (key_path.substr(0, prefix.size()) != prefix) continue;
    key_path.remove_prefix(prefix.size());
    break;
  }
  AppendPath(app_path.empty() ? url_path : app_path, target.stream);
  AppendPath(key_path, target.stream);
  return target;
}

}  // namespace millrace::rtmp
