#pragma once
// The playing half of a gateway: one bus subscription a stream however many viewers, one mux a
// lane, and on each shard one list of ready units that its viewers walk.

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "runtime/bus/client.h"
#include "runtime/loop/shards.h"
#include "runtime/metrics/registry.h"
#include "runtime/stream/viewer.h"
#include "runtime/transport/transport.h"

namespace millrace::stream {

class FeedHub {
 public:
  // `bus` belongs to shards.home(). All three outlive the hub.
  FeedHub(bus::Client& bus, loop::Shards& shards, metrics::Registry& metrics);
  ~FeedHub();  // after the shards have stopped
  FeedHub(const FeedHub&) = delete;
  FeedHub& operator=(const FeedHub&) = delete;

  // Bytes that a subscription may have under way, for those that begin from now on. Any thread; 0
  // leaves what was.
  void SetSubscriptionCredit(uint64_t bytes);

  // The configuration has changed: viewers, those that are there among them, are treated as
  // `settings` says of their stream (wait_timeout, slow_viewer_timeout, viewer_backlog). Any
  // thread; `settings` is called on the shards.
  using Settings = std::function<v1::AppSettings(std::string_view stream)>;
  void Reconfigure(const Settings& settings);

  // Starts a viewer on shard `shard`, whose io_context must be the caller's. `transport` is
  // connected and stays the session's; `observer` outlives the viewer. Waits `wait_timeout` for the
  // stream.
  std::unique_ptr<Viewer> View(size_t shard, transport::Transport& transport, ViewerOptions options,
                               std::shared_ptr<rpc::SessionRecord> record,
                               ViewerObserver& observer);

 private:
  friend class ShardFeed;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::stream
