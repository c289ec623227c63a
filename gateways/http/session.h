#pragma once
// One client connection: requests in, short responses or a stream out.

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>

#include "runtime/log/rate_limit.h"
#include "runtime/node/client_limits.h"
#include "runtime/node/node.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace millrace::http {

// What the sessions of a server share. Any thread.
struct SessionContext {
  explicit SessionContext(node::Node& owner) : node(owner) {}

  node::Node& node;
  std::atomic<size_t> connections{0};
  std::atomic<bool> draining{false};  // no new viewers; connections are not kept
  log::RateLimit bad_requests;        // lines about them
  node::ClientLimits limits;
};

// Serves `socket`, which belongs to shard `shard`, until it is closed; any thread. `certificate`:
// by TLS; unset: plainly. `full`: the answer to whatever is asked is that this node has too many
// connections. `context` outlives the shards' last run.
void StartSession(SessionContext& context, size_t shard, boost::asio::ip::tcp::socket socket,
                  std::shared_ptr<ssl_ctx_st> certificate, bool full);

}  // namespace millrace::http
