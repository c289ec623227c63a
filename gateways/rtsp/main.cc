// millrace-rtsp-gateway: RTSP publishers and players.

#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "gateways/rtsp/server.h"
#include "runtime/node/node.h"

ABSL_FLAG(std::string, rtsps_listen, "0.0.0.0:8322",
          "host:port of RTSPS, opened where the configuration names a certificate (tls). "
          "Empty: never.");

int main(int argc, char** argv) {
  const millrace::node::GatewayKind kind = {
      .kind = millrace::v1::NODE_KIND_RTSP_GATEWAY,
      .name = "rtsp-gateway",
      .session_prefix = "rtsp",
      .address_name = "rtsp",
      .default_listen = "0.0.0.0:8554",
      .default_metrics = "0.0.0.0:9104",
      .summary =
          "Takes RTSP publishers (rtsp://host:8554/app/name) into the cluster and serves its "
          "streams to RTSP players.",
  };
  return millrace::node::RunGateway(argc, argv, kind, [](millrace::node::Node& node) {
    return std::make_unique<millrace::rtsp::Server>(node, absl::GetFlag(FLAGS_rtsps_listen));
  });
}
