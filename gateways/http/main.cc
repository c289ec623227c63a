// millrace-http-gateway: viewers by HTTP.

#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "gateways/http/server.h"
#include "runtime/node/node.h"

ABSL_FLAG(std::string, https_listen, "0.0.0.0:8443",
          "host:port of HTTPS and WSS, opened where the configuration names a certificate (tls). "
          "Empty: never.");

int main(int argc, char** argv) {
  millrace::node::GatewayKind kind;
  kind.kind = millrace::v1::NODE_KIND_HTTP_GATEWAY;
  kind.name = "http-gateway";
  kind.session_prefix = "http";
  kind.address_name = "http";
  kind.default_listen = "0.0.0.0:8080";
  kind.default_metrics = "0.0.0.0:9105";
  kind.summary = "Plays the streams of a Millrace cluster by HTTP: GET /app/name.flv";
  return millrace::node::RunGateway(argc, argv, kind, [](millrace::node::Node& node) {
    return std::make_unique<millrace::http::Server>(node, absl::GetFlag(FLAGS_https_listen));
  });
}
