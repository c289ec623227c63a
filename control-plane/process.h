#pragma once
// The control plane as a process: flags, configuration file, logs, signals.

namespace millrace::control {

// Runs until SIGTERM or SIGINT and returns the exit code: 0, 1 (it could not start), 2 (a flag is
// wrong).
int RunControlPlane(int argc, char** argv);

}  // namespace millrace::control
