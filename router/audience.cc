#include "router/audience.h"

#include <algorithm>
#include <utility>

namespace millrace::router {
namespace {

constexpr int64_t kMarkEveryNs = kSecond;

// A batch larger than half of the window must not wait for more credit than can ever be given at
// once.
bool HasCredit(const Subscription& subscription, size_t size) {
  if (subscription.sent >= subscription.limit) return false;
  return subscription.limit - subscription.sent >=
         std::min<uint64_t>(size, std::max<uint64_t>(subscription.window / 2, 1));
}

}  // namespace

void Audience::Subscribe(ConnectionId from, std::string_view node, const v1::Subscribe& subscribe,
                         Time now) {
  Subscription* known = Find(from);
  if (known != nullptr && known->request_id == subscribe.request_id()) {
    // Repeated because the grant was slow: nothing starts again.
    known->limit = std::max(known->limit, subscribe.credit_limit());
    SendGrant(*known);
    Pump(*known);
    return;
  }
  Subscription subscription;
  subscription.connection = from;
  subscription.request_id = subscribe.request_id();
  subscription.node = node;
  subscription.retention_ms = subscribe.retention_ms();
  subscription.limit = subscribe.credit_limit();
  subscription.window = subscribe.credit_limit();
  subscription.next_mark_ns = now.mono_ns;
  if (known != nullptr) {
    *known = std::move(subscription);
  } else {
    subscriptions_.push_back(std::move(subscription));
    known = &subscriptions_.back();
  }
  UpdateRetention();
  SendGrant(*known);
  Start(*known, subscribe);
}

void Audience::SendGrant(const Subscription& subscription) {
  v1::Envelope envelope = context_.Envelope();
  v1::SubscribeGrant& grant = *envelope.mutable_subscribe_grant();
  grant.set_request_id(subscription.request_id);
  grant.set_stream_id(feed_.stream_id);
  grant.set_online(feed_.online);
  if (feed_.online) grant.set_epoch(feed_.epoch);
  context_.Send(subscription.connection, envelope);
}

void Audience::Start(Subscription& subscription, const v1::Subscribe& subscribe) {
  Cache& cache = feed_.cache;
  const v1::Timeline& after = subscribe.after();
  if (subscribe.start() == v1::START_AFTER && after.epoch() != 0) {
    subscription.epoch = after.epoch();
    subscription.position = after.last_sequence();
    subscription.continues = true;
    subscription.expects = true;
    // Ahead of us: what comes up to `after` is passed over.
    if (after.epoch() > feed_.epoch || cache.empty()) return;
    if (after.epoch() == feed_.epoch) {
      subscription.cursor = cache.Find(after.last_sequence() + 1);
    } else if (cache.at(cache.begin()).first_sequence == 1) {
      subscription.cursor = cache.begin();
    } else {
      subscription.cursor = cache.LastRandomAccess().value_or(cache.begin());
    }
    subscription.mode = Subscription::Mode::kCatchUp;
  } else if (subscribe.start() == v1::START_LIVE) {
    subscription.any_start = true;
  } else if (const auto last = cache.LastRandomAccess(); last.has_value() && feed_.online) {
    subscription.cursor = *last;
    subscription.mode = Subscription::Mode::kCatchUp;
  }
  if (feed_.online && subscription.mode == Subscription::Mode::kLive && !feed_.track_sets.empty() &&
      !subscription.continues) {
    EnterEpoch(subscription);
    Announce(subscription, feed_.track_sets.back());
  }
  Pump(subscription);
}

bool Audience::Credit(ConnectionId from, const v1::Credit& credit) {
  Subscription* subscription = Find(from);
  if (subscription == nullptr || subscription->request_id != credit.request_id()) return false;
  if (credit.limit() <= subscription->limit) return true;
  subscription->limit = credit.limit();
  subscription->window =
      std::max(subscription->window,
               subscription->limit - std::min(subscription->limit, subscription->sent));
  const bool waits = subscription->continues ? subscription->skipping : !subscription->any_start;
  if (subscription->mode == Subscription::Mode::kLive && waits && feed_.online &&
      subscription->epoch == feed_.epoch) {
    // The current GOP starts behind what was sent: no need to wait for the next one.
    const auto last = feed_.cache.LastRandomAccess();
    if (last.has_value() && feed_.cache.at(*last).first_sequence > subscription->position &&
        HasCredit(*subscription, feed_.cache.at(*last).size())) {
      subscription->mode = Subscription::Mode::kCatchUp;
      subscription->cursor = *last;
      subscription->skipped_bytes = subscription->skipped_bytes_before_gop;
    }
  }
  Pump(*subscription);
  return true;
}

bool Audience::Unsubscribe(ConnectionId from, uint64_t request_id) {
  Subscription* subscription = Find(from);
  if (subscription == nullptr) return false;
  if (request_id != 0 && request_id != subscription->request_id) return false;
  return Drop(from);
}

bool Audience::Drop(ConnectionId connection) {
  Subscription* subscription = Find(connection);
  if (subscription == nullptr) return false;
  if (subscription != &subscriptions_.back()) *subscription = std::move(subscriptions_.back());
  subscriptions_.pop_back();
  UpdateRetention();
  return true;
}

void Audience::Forward(const CachedBatch& batch, Time now) {
  for (Subscription& subscription : subscriptions_) {
    if (subscription.mode != Subscription::Mode::kLive) continue;
    const uint64_t sent = subscription.sent;
    if (Offer(subscription, batch) == Offered::kNoCredit) {
      if (subscription.continues) StartSkip(subscription, "credit");
      PassOver(subscription, batch);
      continue;
    }
    if (subscription.sent != sent && now.mono_ns >= subscription.next_mark_ns) {
      subscription.next_mark_ns = now.mono_ns + kMarkEveryNs;
      v1::Envelope envelope = context_.Envelope();
      v1::Mark& mark = *envelope.mutable_mark();
      mark.set_stream_id(feed_.stream_id);
      mark.set_sequence(batch.last_sequence);
      mark.set_router_wall_ns(now.wall_ns);
      context_.Send(subscription.connection, envelope);
    }
  }
}

void Audience::ForwardTracks() {
  const v1::TrackSetUpdate& tracks = feed_.track_sets.back();
  for (Subscription& subscription : subscriptions_) {
    if (subscription.mode != Subscription::Mode::kLive) continue;
    if (subscription.epoch > feed_.epoch) continue;
    if (subscription.epoch == feed_.epoch) {
      // What is skipped or ahead of us is told with the first batch that it will get.
      if (subscription.skipping || subscription.version == tracks.version()) continue;
      if (subscription.continues && subscription.position != feed_.have_sequence) continue;
    } else {
      EnterEpoch(subscription);
    }
    Announce(subscription, tracks);
  }
}

// Sends `batch` to a subscription that is owed it, with whatever must come before it. Takes it
// silently where the subscription has it already or is being dropped through to a random-access
// point.
Audience::Offered Audience::Offer(Subscription& subscription, const CachedBatch& batch) {
  if (subscription.epoch != feed_.epoch) {
    if (subscription.epoch > feed_.epoch) return Offered::kTaken;
    EnterEpoch(subscription);
  }
  if (subscription.continues) {
    if (batch.last_sequence <= subscription.position) return Offered::kTaken;
    if (!subscription.skipping && batch.first_sequence > subscription.position + 1) {
      StartSkip(subscription, subscription.mode == Subscription::Mode::kLive ? "lost" : "late");
    }
    if (subscription.skipping && (!batch.random_access || !HasCredit(subscription, batch.size()))) {
      PassOver(subscription, batch);
      return Offered::kTaken;
    }
  } else if (!batch.random_access && !subscription.any_start) {
    return Offered::kTaken;
  }
  if (!HasCredit(subscription, batch.size())) return Offered::kNoCredit;
  if (subscription.version != batch.track_set_version || subscription.skipping) {
    const v1::TrackSetUpdate* tracks = feed_.FindTrackSet(batch.track_set_version);
    if (tracks == nullptr) {
      // Only where more versions came than are kept: like a batch that is not there.
      if (subscription.continues && !subscription.skipping) StartSkip(subscription, "late");
      if (subscription.skipping) PassOver(subscription, batch);
      return Offered::kTaken;
    }
    if (subscription.skipping) {
      SendSkipped(subscription, batch.first_sequence - 1, subscription.skipped_bytes);
      subscription.skipping = false;
    }
    if (subscription.version != batch.track_set_version) Announce(subscription, *tracks);
  }
  subscription.continues = true;
  subscription.position = batch.last_sequence;
  subscription.sent += batch.size();
  context_.Send(subscription.connection, batch.batch);
  return Offered::kTaken;
}

void Audience::Pump(Subscription& subscription) {
  Cache& cache = feed_.cache;
  while (subscription.mode == Subscription::Mode::kCatchUp) {
    if (subscription.cursor >= cache.end()) {
      subscription.mode = Subscription::Mode::kLive;
      return;
    }
    if (subscription.cursor < cache.begin()) {
      // What it waited to get credit for has been let go.
      const auto last = cache.LastRandomAccess();
      if (!last.has_value()) {
        subscription.mode = Subscription::Mode::kLive;
        if (subscription.continues && !subscription.skipping) StartSkip(subscription, "late");
        return;
      }
      subscription.cursor = *last;
    }
    const CachedBatch& batch = cache.at(subscription.cursor);
    if (Offer(subscription, batch) == Offered::kNoCredit) return;
    ++subscription.cursor;
  }
}

// The subscription leaves the epoch that it was in for the current one.
void Audience::EnterEpoch(Subscription& subscription) {
  FlushSkip(subscription);
  if (subscription.continues && subscription.epoch != 0 &&
      subscription.epoch == feed_.previous_epoch &&
      subscription.position < feed_.previous_last_sequence) {
    StartSkip(subscription, "late");
    SendSkipped(subscription, feed_.previous_last_sequence, 0);
    subscription.skipping = false;
  }
  subscription.epoch = feed_.epoch;
  subscription.position = 0;
  subscription.version = 0;
}

void Audience::Announce(Subscription& subscription, const v1::TrackSetUpdate& tracks) {
  v1::Envelope envelope = context_.Envelope();
  *envelope.mutable_track_set() = tracks;
  context_.Send(subscription.connection, envelope);
  subscription.version = tracks.version();
  subscription.expects = true;
}

void Audience::StartSkip(Subscription& subscription, const char* reason) {
  if (subscription.skipping) return;
  subscription.skipping = true;
  subscription.skip_reason = reason;
  subscription.skipped_to = subscription.position;
  subscription.skipped_bytes = 0;
  subscription.skipped_bytes_before_gop = 0;
}

void Audience::PassOver(Subscription& subscription, const CachedBatch& batch) {
  if (!subscription.skipping) return;
  if (batch.random_access) subscription.skipped_bytes_before_gop = subscription.skipped_bytes;
  subscription.skipped_bytes += batch.size();
  subscription.skipped_to = std::max(subscription.skipped_to, batch.last_sequence);
}

void Audience::SendSkipped(Subscription& subscription, uint64_t to, uint64_t bytes) {
  if (to <= subscription.position) return;
  const std::string_view reason = subscription.skip_reason;
  v1::Envelope envelope = context_.Envelope();
  v1::Skipped& skipped = *envelope.mutable_skipped();
  skipped.set_stream_id(feed_.stream_id);
  skipped.set_epoch(subscription.epoch);
  skipped.set_from_sequence(subscription.position + 1);
  skipped.set_to_sequence(to);
  skipped.set_bytes(bytes);
  skipped.set_reason(std::string(reason));
  context_.Send(subscription.connection, envelope);
  // What was lost on the way here is counted once, at the publication.
  if (reason == "credit") context_.CountDropped(Drop::kCredit, to - subscription.position);
  if (reason == "late") context_.CountDropped(Drop::kLate, to - subscription.position);
  context_.observer.OnEvent({.kind = EventKind::kSkipped,
                             .stream = feed_.name,
                             .node = subscription.node,
                             .detail = reason,
                             .epoch = subscription.epoch,
                             .sequence = to});
  subscription.position = to;
}

// Nothing more of this epoch will come: what was being skipped is skipped.
void Audience::FlushSkip(Subscription& subscription) {
  if (!subscription.skipping) return;
  SendSkipped(subscription, subscription.skipped_to, subscription.skipped_bytes);
  subscription.skipping = false;
}

void Audience::End(v1::EndReason reason, const std::string& text) {
  for (Subscription& subscription : subscriptions_) SendEnded(subscription, reason, text);
}

void Audience::EndOne(ConnectionId connection, v1::EndReason reason, const std::string& text) {
  if (Subscription* subscription = Find(connection)) SendEnded(*subscription, reason, text);
}

void Audience::EndOrphans() {
  for (Subscription& subscription : subscriptions_) {
    if (subscription.expects) SendEnded(subscription, v1::END_GRACE_EXPIRED, "publisher lost");
  }
}

void Audience::SendEnded(Subscription& subscription, v1::EndReason reason,
                         const std::string& text) {
  FlushSkip(subscription);
  if (subscription.continues && subscription.epoch == feed_.epoch &&
      subscription.position < feed_.have_sequence) {
    StartSkip(subscription, "late");
    SendSkipped(subscription, feed_.have_sequence, 0);
    subscription.skipping = false;
  }
  subscription.mode = Subscription::Mode::kLive;
  subscription.expects = false;
  v1::Envelope envelope = context_.Envelope();
  v1::StreamEnded& ended = *envelope.mutable_stream_ended();
  ended.set_stream_id(feed_.stream_id);
  ended.set_request_id(subscription.request_id);
  const bool other = subscription.epoch > feed_.epoch;
  ended.set_epoch(other ? subscription.epoch : feed_.epoch);
  ended.set_last_sequence(other ? subscription.position : feed_.have_sequence);
  ended.set_reason(reason);
  ended.set_text(text);
  context_.Send(subscription.connection, envelope);
}

void Audience::SendNotOwner() {
  for (const Subscription& subscription : subscriptions_) {
    v1::Envelope envelope = context_.Envelope();
    envelope.mutable_not_owner()->set_request_id(subscription.request_id);
    envelope.mutable_not_owner()->set_stream(feed_.name);
    context_.Send(subscription.connection, envelope);
  }
}

bool Audience::has_orphans() const {
  return std::any_of(subscriptions_.begin(), subscriptions_.end(),
                     [](const Subscription& subscription) { return subscription.expects; });
}

void Audience::AddOwed(uint64_t& bytes, uint64_t& limit) const {
  for (const Subscription& subscription : subscriptions_) {
    const uint64_t returned =
        subscription.limit - std::min(subscription.limit, subscription.window);
    bytes += subscription.sent - std::min(subscription.sent, returned);
    limit += subscription.window;
  }
}

Subscription* Audience::Find(ConnectionId connection) {
  for (Subscription& subscription : subscriptions_) {
    if (subscription.connection == connection) return &subscription;
  }
  return nullptr;
}

void Audience::UpdateRetention() {
  uint32_t longest = 0;
  for (const Subscription& subscription : subscriptions_) {
    longest = std::max(longest, subscription.retention_ms);
  }
  retention_ns_ = int64_t{longest} * kMillisecond;
}

}  // namespace millrace::router
