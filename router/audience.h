#pragma once
// The subscriptions of one stream: where each stands, what it is owed, and what it has credit for.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "router/context.h"
#include "router/feed.h"

namespace millrace::router {

struct Subscription {
  enum class Mode : uint8_t {
    kLive,     // takes each batch as it comes
    kCatchUp,  // reads the cache from `cursor` on, as credit allows
  };

  ConnectionId connection = kNoConnection;
  uint64_t request_id = 0;
  std::string node;
  uint32_t retention_ms = 0;

  Mode mode = Mode::kLive;
  bool any_start = false;  // before the first batch: a plain frame will do
  bool continues = false;  // `position` is what the subscriber has: whatever it misses is said
  bool expects = false;    // the subscriber believes an epoch to be running: its end must be said
  bool skipping = false;   // batches are dropped through to a random-access point
  uint64_t epoch = 0;      // that `position` and `version` are of
  uint64_t position = 0;   // last sequence sent, or told as skipped
  uint32_t version = 0;    // of the track set last sent
  uint64_t cursor = 0;     // in the cache

  // Credit: bytes of media under this grant.
  uint64_t sent = 0;
  uint64_t limit = 0;
  uint64_t window = 0;  // the largest credit seen at once

  // What is being skipped: from position + 1.
  uint64_t skipped_to = 0;
  uint64_t skipped_bytes = 0;
  uint64_t skipped_bytes_before_gop = 0;  // without the GOP that is being skipped at the moment
  const char* skip_reason = "";

  int64_t next_mark_ns = 0;
};

class Audience {
 public:
  Audience(Feed& feed, Context& context) : feed_(feed), context_(context) {}

  // Grants, replaces or repeats. `subscribe.after` counts where start is START_AFTER.
  void Subscribe(ConnectionId from, std::string_view node, const v1::Subscribe& subscribe,
                 Time now);
  // False where that subscription is not known.
  bool Credit(ConnectionId from, const v1::Credit& credit);
  bool Unsubscribe(ConnectionId from, uint64_t request_id);
  bool Drop(ConnectionId connection);

  // `batch` follows what was forwarded before, and is in the cache already unless that is full.
  void Forward(const CachedBatch& batch, Time now);
  // The newest track set has changed: tells those who stand right before it.
  void ForwardTracks();
  // The epoch is over.
  void End(v1::EndReason reason, const std::string& text);
  // Tells one connection's subscription that the epoch which it waits for is over.
  void EndOne(ConnectionId connection, v1::EndReason reason, const std::string& text);
  // Like End, for those alone that believe an epoch to be running which nobody came back to
  // publish.
  void EndOrphans();
  void SendNotOwner();

  bool empty() const { return subscriptions_.empty(); }
  size_t size() const { return subscriptions_.size(); }
  bool has_orphans() const;
  // Bytes that are on their way, as far as credit tells, and what may be.
  void AddOwed(uint64_t& bytes, uint64_t& limit) const;
  int64_t retention_ns() const { return retention_ns_; }

 private:
  enum class Offered { kTaken, kNoCredit };

  Subscription* Find(ConnectionId connection);
  void Start(Subscription& subscription, const v1::Subscribe& subscribe);
  void SendGrant(const Subscription& subscription);
  Offered Offer(Subscription& subscription, const CachedBatch& batch);
  void Pump(Subscription& subscription);
  void EnterEpoch(Subscription& subscription);
  void Announce(Subscription& subscription, const v1::TrackSetUpdate& tracks);
  void StartSkip(Subscription& subscription, const char* reason);
  void PassOver(Subscription& subscription, const CachedBatch& batch);
  void SendSkipped(Subscription& subscription, uint64_t to, uint64_t bytes);
  void FlushSkip(Subscription& subscription);
  void SendEnded(Subscription& subscription, v1::EndReason reason, const std::string& text);
  void UpdateRetention();

  Feed& feed_;
  Context& context_;
  std::vector<Subscription> subscriptions_;
  int64_t retention_ns_ = 0;
};

}  // namespace millrace::router
