// millrace-rtmp-gateway: RTMP publishers and players.

#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "gateways/rtmp/server.h"
#include "runtime/node/node.h"

ABSL_FLAG(std::string, rtmps_listen, "0.0.0.0:1936",
          "host:port of RTMPS, opened where the configuration names a certificate (tls). "
          "Empty: never.");

int main(int argc, char** argv) {
  const millrace::node::GatewayKind kind = {
      .kind = millrace::v1::NODE_KIND_RTMP_GATEWAY,
      .name = "rtmp-gateway",
      .session_prefix = "rtmp",
      .address_name = "rtmp",
      .default_listen = "0.0.0.0:1935",
      .default_metrics = "0.0.0.0:9103",
      .summary =
          "Takes RTMP publishers (rtmp://host/app/name) into the cluster and serves its "
          "streams to RTMP players.",
  };
  return millrace::node::RunGateway(argc, argv, kind, [](millrace::node::Node& node) {
    return std::make_unique<millrace::rtmp::Server>(node, absl::GetFlag(FLAGS_rtmps_listen));
  });
}
