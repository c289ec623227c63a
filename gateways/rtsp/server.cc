#include "gateways/rtsp/server.h"

#include <utility>

namespace millrace::rtsp {

Server::Server(node::Node& node, std::string secure_listen)
    : node::ClientServer(node, "rtsp", std::move(secure_listen)), multicast_(node, udp_ports_) {
  for (size_t i = 0; i < node.shards().size(); ++i) {
    shards_.push_back(std::make_unique<SessionShard>(node, i));
  }
}

Server::~Server() = default;

node::ClientServer::Door Server::door() const {
  const auto configuration = node_.configuration();
  const v1::RtspSettings& settings = configuration->rtsp();
  return {settings.max_connections(), settings.handshake_timeout(), settings.proxy_protocol()};
}

void Server::Welcome(size_t shard, std::unique_ptr<transport::Transport> transport,
                     node::ClientSession::Options options) {
  std::make_shared<Session>(*shards_[shard], std::move(transport), std::move(options), udp_ports_,
                            multicast_)
      ->Start();
}

}  // namespace millrace::rtsp
