#pragma once
// absl::Status and grpc::Status have the same codes by design.

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace millrace::control {

inline grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.raw_code()), std::string(status.message())};
}

}  // namespace millrace::control
