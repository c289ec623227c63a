#pragma once
// What each process asks of the kernel at its start.

#include <cstdint>
#include <string>

namespace millrace::lifecycle {

// A write to a connection that its peer closed is an error code, not a signal.
void IgnoreBrokenPipes();

// Raises the soft limit of open files to the hard one and returns what then holds.
uint64_t RaiseOpenFileLimit();

// The machine's name up to its first dot; "localhost" where there is none.
std::string HostName();

}  // namespace millrace::lifecycle
