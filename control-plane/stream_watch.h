#pragma once
// One WatchStreams call.

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <string>

#include "control-plane/cluster.h"
#include "control-plane/loop.h"
#include "millrace/v1/admin.pb.h"

namespace millrace::control {

// Starts the call; it owns itself until gRPC is done with it. `closed` is called once, on any
// thread.
grpc::ServerWriteReactor<v1::StreamEvent>* WatchStreams(
    Loop& loop, Cluster& cluster, const std::string& prefix,
    std::function<void(const grpc::Status&)> closed);

}  // namespace millrace::control
