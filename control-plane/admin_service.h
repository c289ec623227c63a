#pragma once
// AdminService over gRPC: every call is answered on the loop and logged with who asked what, and
// what came of it.

#include <memory>

#include "control-plane/cluster.h"
#include "control-plane/loop.h"
#include "runtime/log/log.h"

namespace grpc {
class Service;
}

namespace millrace::control {

// `cluster` belongs to `loop`; both outlive the server that the service is registered with.
std::unique_ptr<grpc::Service> MakeAdminService(Loop& loop, Cluster& cluster, log::Logger logger);

}  // namespace millrace::control
