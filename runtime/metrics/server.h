#pragma once
// The operator's port of a process: GET and HEAD of /metrics, /healthz, /readyz and whatever else
// is given. A thread of its own, so that a busy or stuck shard still answers.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::metrics {

class Registry;

class Server {
 public:
  struct Request {
    std::string path;   // as sent, without the query
    std::string query;  // as sent, behind '?'
    std::string host;   // the Host header as sent
  };
  struct Response {
    unsigned status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
  };
  // Called on the server's thread.
  using Handler = std::function<Response(const Request&)>;

  struct Options {
    std::string listen;            // "host:port"; port 0: any free one
    Registry* registry = nullptr;  // outlives the server
    // What the process still waits for; empty: ready. Answered as JSON by /readyz.
    std::function<std::vector<std::string>()> not_ready;
    std::map<std::string, Handler> routes;  // by path
  };

  // InvalidArgument: `listen` is malformed. Unavailable: the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<Server>> Start(Options options);
  ~Server();  // closes every connection and joins the thread
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;  // as bound

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::metrics
