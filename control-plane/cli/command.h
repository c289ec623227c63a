#pragma once
// What a command gets and gives.

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "control-plane/cli/arguments.h"
#include "control-plane/cli/client.h"
#include "control-plane/cli/text.h"

namespace millrace::cli {

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2, kNotFound = 3 };

struct Context {
  std::vector<std::string> words;  // behind noun and verb
  const Arguments& arguments;
  std::function<Client&()> client;  // connects at the first call
  std::ostream& out;
  std::ostream& err;
  bool json = false;
  bool colours = false;

  // Prints the error and returns the exit code for it.
  int Fail(const absl::Status& status) const;
  int Usage(const std::string& text) const;
  // Prints that `what` is removed, or why not; returns the exit code.
  int Removed(const absl::Status& status, const std::string& what) const;
  // Prints a line of what `get` commands show; "–" where `value` is empty.
  void Line(const char* key, const std::string& value, Style style = Style::kPlain) const;
  // A duration option in milliseconds; `otherwise` where it is not given.
  absl::StatusOr<uint64_t> Milliseconds(const std::string& option, uint64_t otherwise) const;
};

struct Command {
  const char* noun;
  const char* verb;
  const char* usage;    // behind noun and verb
  const char* summary;  // one line
  const char* details;  // paragraphs and examples
  size_t min_words;
  size_t max_words;
  std::vector<std::string> options;  // besides --server, --timeout, --json and --help
  int (*run)(const Context& context);
};

std::vector<Command> StreamCommands();
std::vector<Command> SessionCommands();
std::vector<Command> NodeCommands();
std::vector<Command> BanCommands();
std::vector<Command> PullCommands();
std::vector<Command> PushCommands();
std::vector<Command> ConfigCommands();

// The whole program but the process around it. `arguments` without the program's name.
int Run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace millrace::cli
