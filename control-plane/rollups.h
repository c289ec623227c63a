#pragma once
// The cluster's totals as metrics of the control plane.

#include "control-plane/directory.h"
#include "runtime/metrics/registry.h"

namespace millrace::control {

// Sets millrace_cluster_nodes{kind,state}, millrace_cluster_sessions{role} and
// millrace_cluster_streams{state}. Their names differ from the nodes' own, so that a sum over all
// processes counts nothing twice.
void UpdateRollups(const Directory& directory, metrics::Registry& metrics);

}  // namespace millrace::control
