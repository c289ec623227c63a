#pragma once
// Flags as people write them.

namespace millrace::config {

// Abseil knows flags by identifiers (--log_level); people and container files write dashes
// (--log-level). Call before absl::ParseCommandLine: turns the dashes of flag names into
// underscores, in place. Values, and what follows a lone `--`, stay as they are.
void AcceptDashes(int argc, char** argv);

}  // namespace millrace::config
