#pragma once
// The control plane as one object: store, cluster, gRPC and HTTP ports. A test starts it in its own
// process.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "millrace/v1/config.pb.h"
#include "runtime/log/log.h"

namespace millrace::control {

struct ServerOptions {
  std::string listen = "0.0.0.0:50051";  // gRPC; port 0: any free one
  std::string http = "0.0.0.0:9101";     // /metrics, /healthz, /readyz, /sd/prometheus; empty: none
  std::string store = ":memory:";        // SQLite file
  std::string name = "control-plane";    // label `node` of its own metrics
  v1::Configuration configuration;       // as the file sets it; defaults are filled in
  // Where it came from: looked at every second, and a file that has changed and is right is put in
  // force. Empty: the configuration stays.
  std::string configuration_file;
  v1::PublicSettings public_defaults;    // what holds of `public` unless it is configured
  std::chrono::milliseconds drain{500};  // that Stop() lets calls go on
  log::Logger logger;
  std::function<int64_t()> unix_ms;  // empty: the system's clock
};

class Server {
 public:
  // Both ports are open when this returns. InvalidArgument: an address is malformed. Unavailable:
  // it cannot be bound. Else as OpenSqliteStore.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  virtual ~Server() = default;  // as Stop()

  virtual uint16_t port() const = 0;       // gRPC
  virtual uint16_t http_port() const = 0;  // 0: none
  // Not healthy and not ready any more, tells nodes and watchers, ends every call, within about a
  // second.
  virtual void Stop() = 0;
};

}  // namespace millrace::control
