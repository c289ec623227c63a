#pragma once
// The store in one SQLite file (write-ahead log, every commit synced). Locked by the process that
// has it open.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "control-plane/store/store.h"

namespace millrace::control {

// `path` is made where it is missing; ":memory:" keeps nothing. FailedPrecondition: another process
// has it, or a newer version wrote it. DataLoss: it is damaged, or not a Millrace store.
// Unavailable: it cannot be opened.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path);

}  // namespace millrace::control
