#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "control-plane/cli/command.h"
#include "control-plane/cli/text.h"
#include "runtime/config/spelling.h"
#include "runtime/config/units.h"

namespace millrace::cli {
namespace {

constexpr const char* kDefaultServer = "127.0.0.1:50051";
constexpr uint64_t kDefaultTimeoutMs = 5'000;

std::vector<Command> AllCommands() {
  std::vector<Command> all;
  for (const auto& some : {StreamCommands(), SessionCommands(), NodeCommands(), BanCommands(),
                           PullCommands(), PushCommands(), ConfigCommands()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

constexpr const char* kCommonOptions =
    "Options of every command:\n"
    "  --server=HOST:PORT   the control plane (default $MILLRACE_SERVER, else 127.0.0.1:50051)\n"
    "  --timeout=DURATION   how long to wait for an answer (default 5s)\n"
    "  --json               protobuf JSON for programs instead of a table\n"
    "  --help               this text, or that of one command\n";

constexpr const char* kEnding =
    "Durations are written 30s, 10m, 2h or 7d. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not "
    "found.\n";

std::string Invocation(const Command& command) {
  std::string text = fmt::format("millrace {} {}", command.noun, command.verb);
  if (*command.usage != '\0') text += fmt::format(" {}", command.usage);
  return text;
}

std::string Overview(const std::vector<Command>& commands, const std::string& noun) {
  std::string text =
      "millrace: look at a Millrace cluster, and end what should not be in it\n\n"
      "Usage: millrace NOUN VERB [ARGUMENT…] [OPTION…]\n\nCommands:\n";
  size_t width = 0;
  for (const Command& command : commands) width = std::max(width, Invocation(command).size());
  for (const Command& command : commands) {
    if (!noun.empty() && noun != command.noun) continue;
    text += fmt::format("  {:<{}}   {}\n", Invocation(command), width, command.summary);
  }
  text += fmt::format("\n{}\n{}\nExamples:\n", kCommonOptions, kEnding);
  text +=
      "  millrace streams list                            what is live, and who watches\n"
      "  millrace streams kick live/cam1 --reason 'not allowed here' --ban 1h\n"
      "  millrace sessions list --stream live/cam1        its publisher and its viewers\n"
      "  millrace config check millrace.yaml              finds the line of a mistake\n";
  return text;
}

std::string Help(const Command& command) {
  return fmt::format("{}\n\nUsage: {} [OPTION…]\n\n{}\n{}\n{}", command.summary,
                     Invocation(command), command.details, kCommonOptions, kEnding);
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& known) {
  const std::optional<std::string> meant = config::ClosestWord(word, known);
  return meant ? fmt::format("; did you mean `{}`?", *meant) : "";
}

// The command that the first two words name, or an explanation of why there is none.
absl::StatusOr<Command> Find(const std::vector<Command>& commands,
                             const std::vector<std::string>& words) {
  std::vector<std::string> nouns;
  std::vector<std::string> verbs;
  for (const Command& command : commands) {
    nouns.emplace_back(command.noun);
    if (words[0] != command.noun) continue;
    verbs.emplace_back(command.verb);
    if (words.size() > 1 && words[1] == command.verb) return command;
  }
  if (verbs.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("unknown command `{}`{}", words[0], DidYouMean(words[0], nouns)));
  }
  if (words.size() == 1) {
    return absl::InvalidArgumentError(
        fmt::format("`{}` needs a verb: {}", words[0], fmt::join(verbs, ", ")));
  }
  return absl::InvalidArgumentError(fmt::format("`{}` cannot be told to `{}`{}", words[0], words[1],
                                                DidYouMean(words[1], verbs)));
}

absl::Status CheckArguments(const Command& command, const Arguments& arguments) {
  const size_t words = arguments.words.size() - 2;
  if (words < command.min_words) {
    return absl::InvalidArgumentError(
        fmt::format("an argument is missing: {}", Invocation(command)));
  }
  if (words > command.max_words) {
    return absl::InvalidArgumentError(fmt::format("`{}` is one argument too many: {}",
                                                  arguments.words[2 + command.max_words],
                                                  Invocation(command)));
  }
  for (const auto& [name, value] : arguments.options) {
    const bool common = name == "server" || name == "timeout" || name == "json" || name == "help";
    if (!common && std::ranges::find(command.options, name) == command.options.end()) {
      return absl::InvalidArgumentError(
          fmt::format("{} {} has no option --{}", command.noun, command.verb, name));
    }
  }
  return absl::OkStatus();
}

std::string ServerOf(const Arguments& arguments) {
  const char* const environment = std::getenv("MILLRACE_SERVER");
  const bool set = environment != nullptr && *environment != '\0';
  return arguments.Get("server", set ? environment : kDefaultServer);
}

}  // namespace

int Context::Fail(const absl::Status& status) const {
  err << "millrace: " << Harmless(std::string(status.message())) << "\n";
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return kNotFound;
    case absl::StatusCode::kInvalidArgument:
      return kUsage;
    default:
      return kFailed;
  }
}

int Context::Usage(const std::string& text) const {
  err << "millrace: " << Harmless(text) << "\nTry --help.\n";
  return kUsage;
}

int Context::Removed(const absl::Status& status, const std::string& what) const {
  if (!status.ok()) return Fail(status);
  out << (json ? std::string("{}") : fmt::format("removed {}", Harmless(what))) << "\n";
  return kOk;
}

void Context::Line(const char* key, const std::string& value, Style style) const {
  out << fmt::format("{:<14}{}\n", key,
                     Painted(Harmless(value.empty() ? "–" : value), style, colours));
}

absl::StatusOr<uint64_t> Context::Milliseconds(const std::string& option,
                                               uint64_t otherwise) const {
  if (!arguments.Has(option)) return otherwise;
  absl::StatusOr<uint64_t> value = config::ParseMilliseconds(arguments.Get(option));
  if (value.ok() && *value > 0) return value;
  return absl::InvalidArgumentError(
      fmt::format("--{}: {}", option,
                  value.ok() ? "must be longer than 0" : std::string(value.status().message())));
}

int Run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  const std::vector<Command> commands = AllCommands();
  absl::StatusOr<Arguments> parsed = ParseArguments(arguments);
  std::unique_ptr<Client> client;
  uint64_t timeout_ms = kDefaultTimeoutMs;
  const Arguments nothing;
  Context context{.words = {},
                  .arguments = parsed.ok() ? *parsed : nothing,
                  .client = [&]() -> Client& {
                    if (client == nullptr) {
                      client = Connect(ServerOf(*parsed), std::chrono::milliseconds(timeout_ms));
                    }
                    return *client;
                  },
                  .out = out,
                  .err = err,
                  .json = parsed.ok() && parsed->Has("json"),
                  .colours = TerminalHasColours()};
  if (!parsed.ok()) return context.Usage(std::string(parsed.status().message()));
  if (parsed->Has("version")) {
    out << "millrace " << MILLRACE_VERSION << "\n";
    return kOk;
  }
  std::vector<std::string>& words = parsed->words;
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    parsed->options["help"] = "";
  }
  if (words.empty()) {
    (parsed->Has("help") ? out : err) << Overview(commands, "");
    return parsed->Has("help") ? kOk : kUsage;
  }
  absl::StatusOr<Command> command = Find(commands, words);
  if (!command.ok()) {
    const bool noun = std::ranges::any_of(
        commands, [&words](const Command& known) { return words[0] == known.noun; });
    if (parsed->Has("help") && noun && words.size() == 1) {
      out << Overview(commands, words[0]);
      return kOk;
    }
    return context.Usage(std::string(command.status().message()));
  }
  if (parsed->Has("help")) {
    out << Help(*command);
    return kOk;
  }
  if (absl::Status good = CheckArguments(*command, *parsed); !good.ok()) {
    return context.Usage(std::string(good.message()));
  }
  absl::StatusOr<uint64_t> timeout = context.Milliseconds("timeout", kDefaultTimeoutMs);
  if (!timeout.ok()) return context.Fail(timeout.status());
  timeout_ms = *timeout;
  context.words.assign(words.begin() + 2, words.end());
  return command->run(context);
}

}  // namespace millrace::cli
