// millrace-http-gateway: viewers by HTTP.

#include <memory>

#include "gateways/http/server.h"
#include "runtime/node/node.h"

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
    return std::make_unique<millrace::http::Server>(node);
  });
}
