#include "control-plane/cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "runtime/config/spelling.h"

namespace millrace::cli {
namespace {

const std::vector<std::string> kSwitches = {"json", "help",      "version", "dry-run",
                                            "set",  "on-demand", "replace", "insecure"};
const std::vector<std::string> kValues = {
    "server",          "reason",       "ban",       "ban-what",   "for",
    "prefix",          "stream",       "node",      "role",       "timeout",
    "expect-revision", "idle-timeout", "transport", "keep-alive", "name"};

bool Contains(const std::vector<std::string>& list, const std::string& word) {
  return std::ranges::find(list, word) != list.end();
}

absl::Status Unknown(const std::string& name) {
  std::vector<std::string> known = kValues;
  known.insert(known.end(), kSwitches.begin(), kSwitches.end());
  const std::optional<std::string> meant = config::ClosestWord(name, known);
  return absl::InvalidArgumentError(
      meant ? fmt::format("unknown option --{}; did you mean --{}?", name, *meant)
            : fmt::format("unknown option --{}", name));
}

}  // namespace

std::string Arguments::Get(const std::string& option, const std::string& otherwise) const {
  const auto found = options.find(option);
  return found == options.end() ? otherwise : found->second;
}

absl::StatusOr<Arguments> ParseArguments(const std::vector<std::string>& arguments) {
  Arguments result;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      result.words.insert(result.words.end(), arguments.begin() + static_cast<ptrdiff_t>(i) + 1,
                          arguments.end());
      break;
    }
    if (argument == "-h") {
      result.options["help"] = "";
      continue;
    }
    if (!argument.starts_with("--")) {
      if (argument.size() > 1 && argument.starts_with('-')) return Unknown(argument.substr(1));
      result.words.push_back(argument);
      continue;
    }
    const size_t equals = argument.find('=');
    std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    std::ranges::replace(name, '_', '-');
    std::string value;
    if (Contains(kSwitches, name)) {
      if (equals != std::string::npos) {
        return absl::InvalidArgumentError(fmt::format("--{} takes no value", name));
      }
    } else if (!Contains(kValues, name)) {
      return Unknown(name);
    } else if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return absl::InvalidArgumentError(fmt::format("--{} needs a value", name));
    }
    if (!result.options.emplace(name, value).second) {
      return absl::InvalidArgumentError(fmt::format("--{} is given twice", name));
    }
  }
  return result;
}

}  // namespace millrace::cli
