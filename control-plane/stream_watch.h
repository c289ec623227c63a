#pragma once
// One WatchStreams call.

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>

#include "control-plane/cluster.h"
#include "control-plane/loop.h"
#include "millrace/v1/admin.pb.h"

namespace millrace::control {

// Changes that a watcher may be behind; what there was at its start does not count.
inline constexpr size_t kMaxWatchBacklog = 4'096;

// Starts the call; it owns itself until gRPC is done with it. `closed` is called once, on any
// thread.
grpc::ServerWriteReactor<v1::StreamEvent>* WatchStreams(
    Loop& loop, Cluster& cluster, const std::string& prefix,
    std::function<void(const grpc::Status&)> closed);

}  // namespace millrace::control
