#pragma once
// The command line as words and options, before anybody knows what they mean.

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::cli {

struct Arguments {
  std::vector<std::string> words;              // "streams", "kick", "live/cam1"
  std::map<std::string, std::string> options;  // "reason" -> "…"; "json" -> ""

  bool Has(const std::string& option) const { return options.contains(option); }
  std::string Get(const std::string& option, const std::string& otherwise = "") const;
};

// Options may stand anywhere: --name=value, --name value, --switch; behind `--` everything is a
// word. InvalidArgument: an unknown option, a value that is missing or not wanted, an option given
// twice.
absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& arguments);

}  // namespace millrace::cli
