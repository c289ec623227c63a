#include "gateways/rtmp/server.h"

#include <chrono>
#include <utility>

#include "gateways/rtmp/crypto.h"

namespace millrace::rtmp {
namespace {

// So long a gateway may take to hear from its control plane.
constexpr auto kConfigurationTime = std::chrono::seconds(3);

// New with each process: nobody else can make a challenge, and a restart ends all that are open.
Login::Secret NewSecret() {
  Login::Secret secret;
  OpenSslRandom(secret);
  return secret;
}

}  // namespace

Server::Server(node::Node& node, std::string secure_listen)
    : node::ClientServer(node, "rtmp", std::move(secure_listen)),
      publishers_(node),
      login_(publishers_, OpenSslMd5, OpenSslHmacSha256, NewSecret()),
      warning_(node.shards().home()) {
  for (size_t i = 0; i < node.shards().size(); ++i) {
    shards_.push_back(std::make_unique<node::SessionShard>(node, i, "rtmp"));
  }
}

Server::~Server() = default;

void Server::OnListening(const boost::asio::ip::address& address) {
  if (address.is_loopback()) return;
  warning_.expires_after(kConfigurationTime);
  warning_.async_wait([this](const boost::system::error_code& error) {
    if (error || !node_.configuration()->defaults().publishers().empty()) return;
    node_.logger().Warning(
        "publishing is open to the world",
        {{"listen", node_.listen()},
         {"detail",
          "Whoever reaches this port may publish to every application that names no "
          "publishers. Name some for all (defaults), let a firewall admit the encoders "
          "alone, or listen on a private address."}});
  });
}

void Server::StopAccepting() {
  node::ClientServer::StopAccepting();
  warning_.cancel();
}

node::ClientServer::Door Server::door() const {
  const auto configuration = node_.configuration();
  const v1::RtmpSettings& settings = configuration->rtmp();
  return {settings.max_connections(), settings.handshake_timeout(), settings.proxy_protocol()};
}

void Server::Welcome(size_t shard, std::unique_ptr<transport::Transport> transport,
                     node::ClientSession::Options options) {
  std::make_shared<Session>(*shards_[shard], std::move(transport), std::move(options), login_)
      ->Start();
}

}  // namespace millrace::rtmp
