#pragma once
// The command line of a process: Abseil flags, with a --help that shows this program's flags and no
// others.

#include <string>

namespace millrace::lifecycle {

// Parses `argv` into the flags that are linked in. Dashes in names count as underscores
// (--control-plane and
// --control_plane are one flag). --help prints `summary` and every flag of ours, --version the
// version; both exit with 0. An unknown flag or a word that is no flag exits with 2 and says so.
void ParseCommandLine(int argc, char** argv, const std::string& summary);

}  // namespace millrace::lifecycle
