#pragma once
// What the sessions of one shard share: a buffer to read into and one coarse timer. Belongs to its
// shard.

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_set>

#include "runtime/log/rate_limit.h"
#include "runtime/node/node.h"

namespace millrace::node {

class ClientSession;
using Clock = std::chrono::steady_clock;
// As the parts without a clock take it.
inline int64_t NanosecondsOf(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

class SessionShard {
 public:
  // `protocol`: a literal, the metric label.
  SessionShard(Node& node, size_t index, const char* protocol)
      : node_(node), index_(index), protocol_(protocol), timer_(node.shards().at(index)) {}

  Node& node() { return node_; }
  size_t index() const { return index_; }
  const char* protocol() const { return protocol_; }
  boost::asio::io_context& context() { return node_.shards().at(index_); }
  // Free whenever nothing of a session runs: what is read is used up before the session yields. So
  // a connection that only plays costs no buffer.
  std::span<uint8_t> buffer() { return buffer_; }

  // Sessions that want Tick() every 250 ms.
  void Watch(ClientSession& session);
  void Unwatch(ClientSession& session) { watched_.erase(&session); }

  // Counts a breach of protocol; true (now and then) where it should be logged.
  bool CountError(const std::string& name);
  // True now and then: whether a line about a stranger should be written.
  bool MayLog() { return error_lines_.Allow(Clock::now()).has_value(); }

 private:
  void Arm();

  Node& node_;
  const size_t index_;
  const char* const protocol_;
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  std::unordered_set<ClientSession*> watched_;
  log::RateLimit error_lines_;
  std::array<uint8_t, 128 * 1024> buffer_{};
};

}  // namespace millrace::node
