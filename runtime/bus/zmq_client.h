#pragma once
// The bus client over ZeroMQ, in a loop. A media and a lease DEALER for each router endpoint; the
// library's own I/O thread, nothing else.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/bus/client.h"

namespace boost::asio {
class io_context;
}
namespace millrace::metrics {
class Registry;
}

namespace millrace::bus {

struct ClientOptions {
  std::string node;          // stable name of this node, unique in the cluster
  uint64_t incarnation = 0;  // differs each time the process starts
  // "tcp://host:port" of the routers where they are known without a control plane; SetTopology
  // overrules them.
  std::vector<std::string> endpoints;
};

// Everything happens on `home`, which one thread runs. Create before that thread runs or on it;
// destroy on it or after it has stopped. `home` and `metrics` outlive the client; publications and
// subscriptions may outlive it.
//
// Keeps millrace_bus_reconnects_total, millrace_bus_sequence_gaps_total,
// millrace_bus_messages_total{direction}, millrace_hop_delay_seconds{hop="router_to_gateway"},
// millrace_queue_bytes and millrace_queue_limit_bytes {queue="replay"}, and
// millrace_frames_dropped_total{reason="replay_overflow"}.
std::unique_ptr<Client> MakeZmqClient(boost::asio::io_context& home, ClientOptions options,
                                      metrics::Registry& metrics);

}  // namespace millrace::bus
