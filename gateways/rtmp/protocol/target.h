#pragma once
// Which stream a client means. Encoders put the same name and arguments into three places: `tcUrl`
// and `app` of connect, and the key of publish or play; each cuts the URL at another slash.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::rtmp {

using Params = std::vector<std::pair<std::string, std::string>>;

struct Target {
  std::string stream;  // "live/cam1"; not validated, perhaps empty or without a slash
  Params params;       // of tcUrl, app and key; of equal names the last place's value counts
};

// Value of the parameter, or "".
std::string_view FindParam(const Params& params, std::string_view name);

// `app/key`, where each may bring a query, quotes, spare slashes, percent escapes and any depth. An
// empty key leaves the app's own path, an empty app the path of `tc_url`. A container prefix of the
// key
// ("mp4:", "flv:") and Flash's default instance ("_definst_") are no part of the name.
Target ResolveTarget(std::string_view tc_url, std::string_view app, std::string_view key);

}  // namespace millrace::rtmp
