#pragma once
// The command line of millrace-router.

#include "absl/status/statusor.h"
#include "router/server.h"
#include "runtime/log/log.h"

namespace millrace::router {

struct Flags {
  ServerOptions server;
  log::Options log;
};

// After lifecycle::ParseCommandLine. InvalidArgument names the flag that is wrong.
absl::StatusOr<Flags> ReadFlags();

}  // namespace millrace::router
