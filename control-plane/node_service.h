#pragma once
// NodeService over gRPC. Its callbacks post to the loop; the loop reads the next report of a node
// once it has dealt with the last, so that a flood from one node waits in that node's connection.

#include <memory>

#include "control-plane/cluster.h"
#include "control-plane/loop.h"

namespace grpc {
class Service;
}

namespace millrace::control {

// `cluster` belongs to `loop`; both outlive the server that the service is registered with.
std::unique_ptr<grpc::Service> MakeNodeService(Loop& loop, Cluster& cluster);

}  // namespace millrace::control
