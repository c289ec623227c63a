#pragma once
// The cluster's totals as metrics of the control plane.

#include "control-plane/cluster.h"
#include "runtime/metrics/registry.h"

namespace millrace::control {

// Sets millrace_cluster_nodes{kind,state}, millrace_cluster_sessions{role},
// millrace_cluster_streams{state}, millrace_cluster_pulls{state} and _pushes{state}. Their names
// differ from the nodes' own, so that a sum over all processes counts nothing twice.
void UpdateRollups(const Cluster& cluster, metrics::Registry& metrics);

}  // namespace millrace::control
