#pragma once
// The configuration file: YAML whose keys are the fields of v1::Configuration.
//
//   defaults:
//     flush: 20ms
//   applications:
//     live: {publish_policy: reject, grace: 30s}
//   router:
//     cache_limit: 2GiB
//
// What the schema does not know, writes twice or cannot mean is refused, each mistake with its
// line.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "millrace/v1/config.pb.h"

namespace millrace::config {

inline constexpr size_t kMaxFileBytes = 1 << 20;

struct Mistake {
  size_t line = 1;    // from 1; 0 where the file as a whole is meant
  size_t column = 1;  // from 1
  std::string text;   // "unknown key `flsh` in `defaults`; did you mean `flush`?"
};

struct ReadResult {
  v1::Configuration configuration;  // what the file sets, without defaults
  std::vector<Mistake> mistakes;    // in the order of the file; at most 50
};

ReadResult ReadYaml(std::string_view text);

// InvalidArgument lists every mistake as "name:line:column: text", one a line.
absl::StatusOr<v1::Configuration> ParseYaml(std::string_view text, std::string_view name);

// NotFound, Unavailable (it cannot be read), or as ParseYaml.
absl::StatusOr<v1::Configuration> LoadYamlFile(const std::string& path);

// YAML that ReadYaml reads back to the same configuration. Fields that are not set are left out.
std::string WriteYaml(const v1::Configuration& configuration);

}  // namespace millrace::config
