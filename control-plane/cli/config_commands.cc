#include <fmt/format.h>

#include "control-plane/cli/command.h"
#include "control-plane/cli/json.h"
#include "control-plane/cli/text.h"
#include "runtime/config/yaml.h"

namespace millrace::cli {
namespace {

constexpr char kOpenPublishing[] =
    "warning: whoever reaches an RTMP gateway's port may publish to every application that names "
    "no "
    "publishers. Set `defaults: {publishers: {user: password}}`, or let a firewall admit the "
    "encoders alone.";

int Show(const Context& context) {
  const auto response = context.client().GetConfiguration();
  if (!response.ok()) return context.Fail(response.status());
  if (context.json) {
    context.out << ToJson(response->configuration()) << "\n";
  } else {
    context.out << fmt::format("# revision {}, with defaults filled in\n{}", response->revision(),
                               response->yaml());
  }
  return kOk;
}

int Check(const Context& context) {
  const std::string& file = context.words[0];
  const absl::StatusOr<v1::Configuration> configuration = config::LoadYamlFile(file);
  if (configuration.ok()) {
    context.out << (context.json ? std::string("{\"ok\":true}") : fmt::format("{}: good", file))
                << "\n";
    if (configuration->defaults().publishers().empty()) context.err << kOpenPublishing << "\n";
    return kOk;
  }
  // A file that cannot be read or is wrong is a failed check, not wrong usage.
  context.err << std::string(configuration.status().message()) << "\n";
  if (context.json) context.out << "{\"ok\":false}\n";
  return configuration.status().code() == absl::StatusCode::kNotFound ? kNotFound : kFailed;
}

}  // namespace

std::vector<Command> ConfigCommands() {
  return {
      {"config",
       "show",
       "",
       "The configuration in force, defaults filled in",
       "YAML that could be the file; with --json the same as an object.\n\n"
       "  millrace config show\n",
       0,
       0,
       {},
       Show},
      {"config",
       "check",
       "FILE",
       "Find the mistakes of a configuration file",
       "Needs no server. Prints every mistake as FILE:LINE:COLUMN: what is wrong.\n\n"
       "  millrace config check millrace.yaml && systemctl restart millrace-control-plane\n",
       1,
       1,
       {},
       Check},
  };
}

}  // namespace millrace::cli
