#pragma once
// Which router endpoints there are: the topology and its term.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control-plane/store/store.h"
#include "millrace/v1/config.pb.h"

namespace millrace::control {

class Placement {
 public:
  // How long a router that is gone keeps its place, so that a restart moves no stream.
  static constexpr int64_t kKeepMs = 30'000;

  // `configured`: the endpoints of the configuration; where there are any, routers that register
  // change nothing.
  explicit Placement(std::vector<std::string> configured);

  void SetConfigured(std::vector<std::string> configured);
  // What the store held. Its routers keep their places as if they had just gone.
  void Restore(const StoredTopology& stored, int64_t now_ms);
  // A node with another endpoint than before gives the old one up at once.
  void RouterAttached(const std::string& node, const std::string& endpoint);
  void RouterDetached(const std::string& node, int64_t now_ms);

  // The topology that should follow the current one, if it is another; not in force before Commit.
  // The last endpoint is never taken away: streams would have nowhere to be, and a router that
  // returns is most likely the same one. Terms rise with the clock too, so that a lost store cannot
  // take them back.
  std::optional<StoredTopology> Next(int64_t now_ms);
  void Commit(const StoredTopology& next) { current_ = next.topology; }

  const v1::Topology& current() const { return current_; }

 private:
  struct Router {
    std::string endpoint;
    std::optional<int64_t> leaves_ms;  // unset while it is attached
  };

  std::vector<std::string> configured_;    // sorted
  std::map<std::string, Router> routers_;  // by node name
  v1::Topology current_;
};

}  // namespace millrace::control
