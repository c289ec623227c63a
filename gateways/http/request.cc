#include "gateways/http/request.h"

#include <fmt/format.h>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "runtime/bus/stream_name.h"

namespace millrace::http {
namespace {

constexpr std::string_view kFlv = ".flv";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Proxies and old clients send "http://host/path" (RFC 9112 §3.2.2).
std::string_view StripAuthority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t path = target.find_first_of("/?", scheme.size());
    return path == std::string_view::npos ? "/" : target.substr(path);
  }
  return target;
}

std::string_view QueryOf(std::string_view target) {
  const size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {};
  const std::string_view query = target.substr(mark + 1);
  return query.substr(0, query.find('#'));
}

std::string Message(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace

std::string_view PathOf(std::string_view target) {
  const std::string_view stripped = StripAuthority(target);
  return stripped.substr(0, stripped.find_first_of("?#"));
}

std::optional<std::string> DecodePercent(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::optional<std::string> QueryArgument(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view argument = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    const size_t equals = argument.find('=');
    if (argument.substr(0, equals) != key) continue;
    std::string value(equals == std::string_view::npos ? std::string_view()
                                                       : argument.substr(equals + 1));
    for (char& c : value) {
      if (c == '+') c = ' ';
    }
    return DecodePercent(value);
  }
  return std::nullopt;
}

std::string CleanText(std::string_view text, size_t limit) {
  std::string clean;
  for (const char c : text.substr(0, limit)) clean += c >= 0x20 && c < 0x7f ? c : '?';
  return clean;
}

std::optional<Credentials> ParseBasic(std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  if (!absl::StartsWithIgnoreCase({authorization.data(), authorization.size()},
                                  {kScheme.data(), kScheme.size()})) {
    return std::nullopt;
  }
  std::string_view encoded = authorization.substr(kScheme.size());
  while (encoded.starts_with(' ')) encoded.remove_prefix(1);
  std::string text;
  if (!absl::Base64Unescape({encoded.data(), encoded.size()}, &text)) return std::nullopt;
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{text.substr(0, colon), text.substr(colon + 1)};
}

Route RouteRequest(std::string_view target) {
  const std::string_view encoded = PathOf(target);
  const auto refuse = [&](Fault fault, std::string detail) {
    return Problem{fault, std::move(detail), std::string(encoded)};
  };
  const std::optional<std::string> path = DecodePercent(encoded);
  if (!path)
    return refuse(Fault::kBadTarget,
                  "A '%' is followed by two hexadecimal digits; write '%25' for itself.");
  if (!path->starts_with('/')) return refuse(Fault::kBadTarget, "A path begins with '/'.");
  if (*path == "/") return Index{};
  if (!path->ends_with(kFlv)) {
    return refuse(Fault::kUnknownPath, "Streams play at /app/name.flv; GET / says more.");
  }
  Play play;
  play.stream = path->substr(1, path->size() - 1 - kFlv.size());
  if (const absl::Status valid = bus::ValidateStreamName(play.stream); !valid.ok()) {
    return refuse(Fault::kInvalidName,
                  fmt::format("{}. Streams play at /app/name.flv.", Message(valid)));
  }
  const std::string_view query = QueryOf(StripAuthority(target));
  if (const std::optional<std::string> only = QueryArgument(query, "only")) {
    if (*only == "audio") {
      play.choice.selection = Selection::kAudio;
    } else if (*only == "video") {
      play.choice.selection = Selection::kVideo;
    } else {
      return refuse(Fault::kBadQuery,
                    "The argument 'only' is 'audio' or 'video'; leave it out for both.");
    }
  }
  if (const std::optional<std::string> start = QueryArgument(query, "start")) {
    if (!v1::StartSetting_Parse(*start, &play.start) ||
        play.start == v1::START_SETTING_UNSPECIFIED) {
      return refuse(Fault::kBadQuery,
                    "The argument 'start' is 'live', 'key' or 'oldest'; leave it out for what the "
                    "operator chose.");
    }
  }
  if (const std::optional<std::string> codec = QueryArgument(query, "codec")) {
    const std::optional<media::flv::Form> form = media::flv::FindForm(*codec);
    if (!form) {
      return refuse(Fault::kBadQuery,
                    "The argument 'codec' is 'legacy' or 'enhanced'; leave it out for legacy FLV "
                    "where the codecs have it.");
    }
    play.choice.form = *form;
  }
  play.credentials.user = QueryArgument(query, "user").value_or("");
  play.credentials.password = QueryArgument(query, "pass").value_or("");
  return play;
}

}  // namespace millrace::http
