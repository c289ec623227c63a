#include "router/flags.h"

#include <string>

#include "absl/flags/flag.h"
#include "runtime/lifecycle/host_port.h"
#include "runtime/lifecycle/process.h"

ABSL_FLAG(std::string, listen, "tcp://0.0.0.0:5555",
          "ZeroMQ endpoint that nodes connect to; a port of * takes a free one.");
ABSL_FLAG(
    std::string, advertise, "",
    "tcp://host:port by which the other nodes know this router. Empty: the port of --listen at the "
    "address that the control plane sees.");
ABSL_FLAG(std::string, control_plane, "127.0.0.1:50051",
          "host:port of the control plane. Empty: run without one.");
ABSL_FLAG(std::string, node, "",
          "Name of this node, unique in the cluster. Empty: router-<hostname>.");
ABSL_FLAG(std::string, state_dir, "",
          "Where the last configuration is kept, so that the router starts without the control "
          "plane. Empty: "
          "nowhere.");
ABSL_FLAG(std::string, metrics, "0.0.0.0:9102", "host:port of /metrics, /healthz and /readyz.");
ABSL_FLAG(std::string, log_format, "auto",
          "auto, text or json. auto: text on a terminal, JSON otherwise.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");
ABSL_FLAG(std::string, drain, "10s",
          "How long SIGTERM waits until nobody publishes or subscribes any more: 0s, 10s, 5m.");

namespace millrace::router {

absl::StatusOr<Flags> ReadFlags() {
  Flags flags;
  ServerOptions& server = flags.server;
  server.node = absl::GetFlag(FLAGS_node);
  if (server.node.empty()) server.node = "router-" + lifecycle::HostName();
  server.listen = absl::GetFlag(FLAGS_listen);
  server.advertise = absl::GetFlag(FLAGS_advertise);
  server.control_plane = absl::GetFlag(FLAGS_control_plane);
  server.metrics = absl::GetFlag(FLAGS_metrics);
  if (const std::string folder = absl::GetFlag(FLAGS_state_dir); !folder.empty()) {
    server.state_file = folder + "/" + server.node + ".state";
  }
  if (server.listen.rfind("tcp://", 0) != 0) {
    return absl::InvalidArgumentError("--listen: want tcp://host:port");
  }
  if (!server.advertise.empty() && server.advertise.rfind("tcp://", 0) != 0) {
    return absl::InvalidArgumentError("--advertise: want tcp://host:port");
  }
  const auto drain = lifecycle::ParseDuration(absl::GetFlag(FLAGS_drain));
  if (!drain.ok()) return drain.status();
  server.drain_ms = drain->count();
  const auto format = log::ParseFormat(absl::GetFlag(FLAGS_log_format));
  if (!format.ok()) return format.status();
  const auto level = log::ParseLevel(absl::GetFlag(FLAGS_log_level));
  if (!level.ok()) return level.status();
  flags.log.format = *format;
  flags.log.level = *level;
  flags.log.node = server.node;
  return flags;
}

}  // namespace millrace::router
