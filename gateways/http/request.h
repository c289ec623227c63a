#pragma once
// What a request asks for, as pure functions of its text.

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "gateways/http/flv/flv_muxer.h"
#include "gateways/http/problem.h"
#include "millrace/v1/config.pb.h"

namespace millrace::http {

// Who asks, in the clear: by `?user=…&pass=…` or by Basic (RFC 7617).
struct Credentials {
  std::string user;
  std::string password;
};
// Of the value of Authorization. Unset where it is not Basic, or malformed.
std::optional<Credentials> ParseBasic(std::string_view authorization);

struct Index {};  // GET /
struct Play {     // GET /app/name.flv
  std::string stream;
  LaneChoice choice;
  v1::StartSetting start = v1::START_SETTING_UNSPECIFIED;  // as the application says
  Credentials credentials;                                 // of the query
};
using Route = std::variant<Index, Play, Problem>;

// `target` as it stands in the request line: origin form, absolute form, or "*" (RFC 9112 §3.2).
Route RouteRequest(std::string_view target);

// The path alone, not decoded, without query and fragment; for logs and problem documents.
std::string_view PathOf(std::string_view target);

// Percent-decodes (RFC 3986 §2.1); unset where an escape is malformed. '+' stands for itself.
std::optional<std::string> DecodePercent(std::string_view text);

// The first argument called `key`, decoded; '+' is a space. Unset where there is none or it is
// malformed.
std::optional<std::string> QueryArgument(std::string_view query, std::string_view key);

// Text from a header as a session's row may hold it: printable, valid UTF-8, at most `limit` bytes.
std::string CleanText(std::string_view text, size_t limit);

}  // namespace millrace::http
