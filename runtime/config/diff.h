#pragma once
// Two configurations, setting by setting.

#include <optional>
#include <string>
#include <vector>

#include "millrace/v1/config.pb.h"

namespace millrace::config {

struct Change {
  std::string section;  // "defaults", "streams.cams/*/low", "" for what has none
  std::string key;      // "flush"; empty: the section itself, which sets nothing
  std::optional<std::string> before, after;  // as the file has them: "350ms"; unset: not there
};

// What `after` sets otherwise than `before`; give both with their defaults to learn what comes into
// force. In the order of sections in the schema, applications and patterns by name.
std::vector<Change> Diff(const v1::Configuration& before, const v1::Configuration& after);

}  // namespace millrace::config
