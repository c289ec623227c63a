#pragma once
// The configuration's defaults, and what holds for one stream. Every process links this, so
// that it works before it has ever heard of a control plane.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/v1/config.pb.h"
#include "runtime/config/stream_pattern.h"

namespace millrace::config {

// Every setting that has a default, set to it. `applications`, `streams`, `routers`,
// `public` and `public_host` are empty.
v1::Configuration DefaultConfiguration();

// `configuration` over the defaults. Applications and streams keep only what they set
// themselves: StreamSettings puts them together.
v1::Configuration WithDefaults(const v1::Configuration& configuration);

// What holds for each stream, as v1::Configuration says: defaults, then the application, then the
// patterns. Made once a configuration; immutable, so any thread may ask.
class StreamSettings {
 public:
  // Patterns that are none are left out.
  explicit StreamSettings(const v1::Configuration& configuration);

  // Of a stream ("live/cam1", "site3/gate/cam1"); of an application ("live"), what holds for its
  // streams unless a pattern says otherwise. Every field of the result is set. Costs as many
  // comparisons as there are patterns that begin with the name's first part or with a wildcard.
  v1::AppSettings For(std::string_view stream) const;
  // What holds for an application as the configuration says it, without patterns.
  const v1::AppSettings& Application(std::string_view name) const;

 private:
  struct Pattern {
    StreamPattern pattern;
    v1::AppSettings settings;
  };

  v1::AppSettings defaults_;
  std::map<std::string, v1::AppSettings, std::less<>> applications_;  // over the defaults
  std::vector<Pattern> patterns_;  // from the least to the most specific
  // By first part, "" for a wildcard: indices into patterns_, rising.
  std::map<std::string, std::vector<size_t>, std::less<>> by_first_part_;
};

// Sets what `over` sets. Its publishers and its viewers, where it has any, take the
// place of those that there are.
void Override(v1::AppSettings& settings, const v1::AppSettings& over);

// The configuration as it may be shown: passwords read "(hidden)", which no file can set.
inline constexpr char kHidden[] = "(hidden)";
v1::Configuration WithoutSecrets(v1::Configuration configuration);

}  // namespace millrace::config
