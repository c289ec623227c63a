#pragma once
// millrace_grpc_calls_total{method,code}, counted where gRPC sends a call's status.

#include <grpcpp/support/server_interceptor.h>

#include <memory>

#include "runtime/metrics/registry.h"

namespace millrace::control {

// Methods of our services by name ("AdminService/ListStreams"), all others as "other". `metrics`
// outlives the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallMetrics(
    metrics::Registry& metrics);

}  // namespace millrace::control
