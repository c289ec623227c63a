#pragma once
// The router process without its flags: table, bus socket, poll loop, metrics, control plane. A
// test starts it in its own process.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/log/log.h"

namespace millrace::router {

struct ServerOptions {
  std::string node = "router";
  std::string listen = "tcp://0.0.0.0:5555";
  std::string advertise;      // as the topology is to list it; empty: "tcp://*:port"
  std::string control_plane;  // empty: none
  std::string state_file;     // of the last NodeState; empty: nowhere
  std::string metrics;        // "host:port"; empty: none
  int64_t drain_ms = 10'000;
};

class Server {
 public:
  // Binds everything; the poll loop and the control-plane agent have threads of their own from here
  // on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       log::Logger logger);
  ~Server();  // stops at once
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Not ready any more; stops when nobody publishes or subscribes, or when the time for it is over.
  // Any thread.
  void Drain();
  // Any thread.
  void Stop();
  // Returns when the loop has ended.
  void Join();

  uint16_t port() const;          // of the bus
  uint16_t metrics_port() const;  // 0 where there is none

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::router
