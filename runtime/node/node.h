#pragma once
// What every gateway process is made of, wired once: flags, logs, metrics server, control-plane
// agent, bans, sessions, shards, bus client, feeds, readiness and drain. A gateway adds its Service
// and runs.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "millrace/v1/config.pb.h"
#include "millrace/v1/node.pb.h"
#include "runtime/bus/client.h"
#include "runtime/log/log.h"
#include "runtime/loop/shards.h"
#include "runtime/metrics/registry.h"
#include "runtime/relay/session.h"
#include "runtime/rpc/ban_list.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/stream/feed_hub.h"

namespace millrace::node {

struct GatewayKind {
  v1::NodeKind kind;
  std::string name;  // "rtmp-gateway": default node name's first part, log and metric field
  std::string session_prefix;   // "rtmp": first part of session ids
  std::string address_name;     // key of Register.addresses
  std::string default_listen;   // "0.0.0.0:1935"
  std::string default_metrics;  // "0.0.0.0:9103"
  std::string summary;          // first paragraph of --help
};

// Everything a service may use. All references live until the process ends.
class Node {
 public:
  virtual ~Node() = default;
  virtual loop::Shards& shards() = 0;
  virtual bus::Client& bus() = 0;  // home shard only
  virtual stream::FeedHub& feeds() = 0;
  virtual metrics::Registry& metrics() = 0;
  virtual rpc::SessionRegistry& sessions() = 0;
  virtual const rpc::BanList& bans() const = 0;
  virtual log::Logger& logger() = 0;
  virtual const std::string& name() const = 0;
  virtual const std::string& listen() const = 0;  // "host:port" as given by --listen or the default
  // The configuration in force, defaults filled in; a snapshot that may be kept. Any thread.
  virtual std::shared_ptr<const v1::Configuration> configuration() const = 0;
  // What the configuration in force says of the stream, as v1::Configuration has it. Any thread.
  // Viewers are told of changes by their feeds; publishers' sessions compare configuration() now
  // and then, ask again and hand it to their Ingest.
  virtual v1::AppSettings settings(std::string_view stream) const = 0;
};

class Service {
 public:
  virtual ~Service() = default;  // after the shards have stopped
  // Opens the listening sockets. Called on the main thread before the shards run.
  virtual absl::Status Start() = 0;
  // "host:port" where TLS is offered once a certificate is configured; empty: never.
  virtual std::string secure_listen() const { return {}; }
  // Stops accepting; sessions go on. Home shard. Once.
  virtual void StopAccepting() = 0;
  // What fetches streams from other servers and sends them there, alive as long as the service;
  // asked for after Start. nullptr: nothing does.
  virtual relay::Factory* relays() { return nullptr; }
};

// Runs a gateway until it is told to stop, and returns the process's exit code. SIGTERM and SIGINT
// drain: not ready, no new sessions, wait until the last session is gone or --drain is over, then
// close the rest with a reason. A second signal ends at once.
int RunGateway(int argc, char** argv, const GatewayKind& kind,
               const std::function<std::unique_ptr<Service>(Node&)>& make_service);

}  // namespace millrace::node
