#pragma once
// The nodes that have said Hello: their connections and their leases.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "router/context.h"

namespace millrace::router {

struct Node {
  std::string name;
  uint64_t incarnation = 0;
  ConnectionId media = kNoConnection;
  ConnectionId lease = kNoConnection;
  int64_t lease_end_ns = 0;
  int64_t scheduled_ns = kNever;
  uint64_t key = 0;  // for timers
  int64_t clock_offset_ns = 0;
};

class Nodes {
 public:
  // What the table must do when a connection is no more.
  struct Gone {
    ConnectionId connection = kNoConnection;  // media
    bool returns = false;                     // the same process, on another connection
    const char* why = "";
  };

  explicit Nodes(Context& context) : context_(context) {}

  // Takes a Hello and returns which media connections it made obsolete; nullptr in `node` where the
  // Hello is not valid or there are too many nodes.
  std::vector<Gone> Hello(ConnectionId from, const v1::Hello& hello, Time now, Node*& node);
  // Of a connection that has said Hello.
  Node* Find(ConnectionId connection) const;
  bool IsMedia(ConnectionId connection) const;
  // Renews the lease where the ping came on the lease connection.
  void Ping(ConnectionId from, Node& node, const v1::Ping& ping, Time now);
  // Forgets one connection; true where it was a media connection.
  bool Forget(ConnectionId connection);

  // By key, for timers; nullptr where it is gone.
  Node* ByKey(uint64_t key) const;
  void Remove(Node& node);
  size_t size() const { return by_name_.size(); }

 private:
  Context& context_;
  absl::flat_hash_map<std::string, std::unique_ptr<Node>> by_name_;
  absl::flat_hash_map<uint64_t, Node*> by_key_;
  absl::flat_hash_map<ConnectionId, Node*> by_connection_;
  uint64_t next_key_ = 1;
};

}  // namespace millrace::router
