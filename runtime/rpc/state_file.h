#pragma once
// The node's copy of its last NodeState on disk.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/v1/config.pb.h"

namespace millrace::rpc {

// Replaces the file in one step (temporary file, fsync, rename, fsync of the folder), so that a
// reader or a crash sees the old state or the new one. Creates the folder where it is missing.
absl::Status WriteStateFile(const std::string& path, const v1::NodeState& state);

// NotFound where there is no file; DataLoss where it is not a NodeState.
absl::StatusOr<v1::NodeState> ReadStateFile(const std::string& path);

}  // namespace millrace::rpc
