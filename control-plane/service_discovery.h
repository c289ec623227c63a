#pragma once
// /sd/prometheus: where Prometheus finds the cluster's processes (http_sd).

#include <map>
#include <string>

#include "control-plane/directory.h"

namespace millrace::control {

// The response body: one target group a node, and one for the control plane itself at
// `own_address`. Nodes that are gone stay for as long as the directory lists them, so that their
// absence can be alerted on.
std::string PrometheusTargets(const std::map<std::string, NodeRow>& nodes,
                              const std::string& own_name, const std::string& own_address);

// "rtmp-gateway", "router" …: the word for a kind in labels, tables and the names of processes.
std::string KindWord(v1::NodeKind kind);

}  // namespace millrace::control
