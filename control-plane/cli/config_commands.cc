#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iostream>
#include <optional>

#include "control-plane/cli/command.h"
#include "control-plane/cli/json.h"
#include "control-plane/cli/text.h"
#include "runtime/config/limits.h"
#include "runtime/config/yaml.h"

namespace millrace::cli {
namespace {

std::string SourceText(const v1::GetConfigurationResponse& response) {
  switch (response.source()) {
    case v1::CONFIGURATION_FILE:
      return "from the control plane's file";
    case v1::CONFIGURATION_APPLIED:
      return "applied " + LocalTime(response.applied_unix_ms());
    default:
      return "nothing is configured";
  }
}
constexpr char kOpenPublishing[] =
    "warning: whoever reaches an RTMP gateway's port may publish to every application that names "
    "no "
    "publishers. Set `defaults: {publishers: {user: password}}`, or let a firewall admit the "
    "encoders alone.";

int Show(const Context& context) {
  const auto response = context.client().GetConfiguration();
  if (!response.ok()) return context.Fail(response.status());
  const bool set = context.arguments.Has("set");
  if (context.json) {
    context.out << (set ? ToJson(*response) : ToJson(response->configuration())) << "\n";
  } else {
    context.out << fmt::format("# revision {}, {}, {}\n{}", response->revision(),
                               SourceText(*response),
                               set ? "only what is set" : "with defaults filled in",
                               set ? response->set_yaml() : response->yaml());
  }
  return kOk;
}

// The text of a file, "-" for standard input; nothing where it cannot be read. One byte more than
// is allowed is enough to be refused.
std::optional<std::string> ReadText(const std::string& file) {
  std::string text(config::kMaxFileBytes + 1, '\0');
  std::ifstream opened;
  if (file != "-") opened.open(file, std::ios::binary);
  std::istream& in = file == "-" ? std::cin : opened;
  if (!in || (!in.read(text.data(), static_cast<std::streamsize>(text.size())) && !in.eof())) {
    return std::nullopt;
  }
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
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

void PrintChange(const Context& context, const v1::SettingChange& change) {
  const auto line = [&](char sign, const std::string& value, Style style) {
    const std::string text =
        change.key().empty() ? value : fmt::format("{}: {}", change.key(), value);
    context.out << Painted(sign + Harmless(text), style, context.colours) << "\n";
  };
  if (change.has_before()) line('-', change.before(), Style::kBad);
  if (change.has_after()) line('+', change.after(), Style::kGood);
}

// As `diff -u` has it, but that each hunk is a section of the configuration.
void PrintDiff(const Context& context, const std::string& before, const std::string& after,
               const v1::ApplyConfigResponse& response) {
  context.out << Painted("--- " + Harmless(before), Style::kBold, context.colours) << "\n"
              << Painted("+++ " + Harmless(after), Style::kBold, context.colours) << "\n";
  const std::string* section = nullptr;
  for (const v1::SettingChange& change : response.changes()) {
    if (section == nullptr || *section != change.section()) {
      section = &change.section();
      const std::string name = section->empty() ? "top level" : Harmless(*section);
      context.out << Painted(fmt::format("@@ {} @@", name), Style::kFaint, context.colours) << "\n";
    }
    PrintChange(context, change);
  }
}

absl::StatusOr<uint64_t> ExpectedRevision(const Context& context) {
  const std::string text = context.arguments.Get("expect-revision", "0");
  uint64_t revision = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (error == std::errc() && end == text.data() + text.size()) return revision;
  return absl::InvalidArgumentError(
      fmt::format("--expect-revision: `{}` is not a whole number", text));
}

int Apply(const Context& context) {
  const absl::StatusOr<uint64_t> expected = ExpectedRevision(context);
  if (!expected.ok()) return context.Fail(expected.status());
  const std::string& file = context.words[0];
  const std::string name = file == "-" ? "standard input" : file;
  std::optional<std::string> text = ReadText(file);
  if (!text) {
    context.err << "millrace: cannot read " << Harmless(name) << "\n";
    return kNotFound;
  }
  // Here first: it costs no call, and every mistake fits on the screen.
  const absl::StatusOr<v1::Configuration> good = config::ParseYaml(*text, name);
  if (!good.ok()) {
    context.err << std::string(good.status().message()) << "\n";
    return kFailed;
  }
  const auto before = context.client().GetConfiguration();
  if (!before.ok()) return context.Fail(before.status());
  v1::ApplyConfigRequest request;
  request.set_yaml(*std::move(text));
  if (name.size() <= 255 && config::IsUtf8(name)) request.set_name(name);
  request.set_dry_run(context.arguments.Has("dry-run"));
  // What is shown as "before" is what is replaced.
  request.set_expected_revision(*expected != 0 ? *expected : before->revision());
  const auto response = context.client().ApplyConfig(request);
  if (!response.ok()) return context.Fail(response.status());
  if (context.json) {
    context.out << ToJson(*response) << "\n";
    return kOk;
  }
  if (response->changes().empty()) {
    context.out << fmt::format("no difference to revision {}\n", response->revision());
    return kOk;
  }
  PrintDiff(context, fmt::format("revision {} ({})", before->revision(), SourceText(*before)), name,
            *response);
  context.out << (request.dry_run()
                      ? std::string("dry run: nothing was changed\n")
                      : fmt::format("revision {} is in force; `millrace nodes list` shows who runs "
                                    "it\n",
                                    response->revision()));
  return kOk;
}

}  // namespace

std::vector<Command> ConfigCommands() {
  return {
      {"config",
       "show",
       "",
       "The configuration in force, defaults filled in",
       "YAML that could be the file; with --json the same as an object.\n\n"
       "  --set                only what is set, to edit and apply; with --json all of the "
       "answer\n\n"
       "  millrace config show\n"
       "  millrace config show --set > millrace.yaml\n",
       0,
       0,
       {"set"},
       Show},
      {"config",
       "check",
       "FILE",
       "Find the mistakes of a configuration file",
       "Needs no server. Prints every mistake as FILE:LINE:COLUMN: what is wrong.\n\n"
       "  millrace config check millrace.yaml && millrace config apply millrace.yaml\n",
       1,
       1,
       {},
       Check},
      {"config",
       "apply",
       "FILE",
       "Put a whole configuration in force, and show what that changes",
       "FILE (- for standard input) replaces what was configured: what it does not set has its "
       "default again.\n"
       "The control plane keeps it, over restarts too, and pushes it to every node; no session is "
       "ended. Where\n"
       "the control plane has a file of its own, the last writer wins: what is applied holds until "
       "that file\n"
       "is changed.\n\n"
       "  --dry-run            only show what would change\n"
       "  --expect-revision=N  refuse where another revision is in force by now\n\n"
       "  millrace config apply --dry-run millrace.yaml\n",
       1,
       1,
       {"dry-run", "expect-revision"},
       Apply},
  };
}

}  // namespace millrace::cli
