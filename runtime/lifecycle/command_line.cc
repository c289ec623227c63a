#include "runtime/lifecycle/command_line.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"

namespace millrace::lifecycle {

void ParseCommandLine(int argc, char** argv, const std::string& summary) {
  absl::SetProgramUsageMessage(summary);
  absl::FlagsUsageConfig config;
  const auto ours = [](absl::string_view file) { return !absl::StrContains(file, "absl/"); };
  config.contains_help_flags = ours;
  config.contains_helpshort_flags = ours;
  config.contains_helppackage_flags = ours;
  config.version_string = [] { return std::string("Millrace ") + MILLRACE_VERSION + "\n"; };
  // A path of the build machine tells nobody anything.
  config.normalize_filename = [](absl::string_view file) {
    const size_t slash = file.rfind('/');
    return std::string(file.substr(slash == absl::string_view::npos ? 0 : slash + 1));
  };
  absl::SetFlagsUsageConfig(config);
  for (int i = 1; i < argc; ++i) {
    std::string_view word(argv[i]);
    if (word == "--") break;
    if (!word.starts_with("--")) continue;
    const size_t name_end = std::min(word.find('='), word.size());
    std::replace(argv[i] + 2, argv[i] + name_end, '-', '_');
  }
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    std::cerr << argv[0] << ": '" << rest[1] << "' is not a flag. Try --help.\n";
    std::exit(2);
  }
}

}  // namespace millrace::lifecycle
