#include "router/stream.h"

#include <algorithm>
#include <utility>

namespace millrace::router {
namespace {

constexpr size_t kPastRequests = 8;
constexpr int64_t kEndedCacheNs = 5 * kSecond;
// In which the nodes that a restart or a move has cut off come back, each at its own time.
constexpr int64_t kReattachNs = 5 * kSecond;
// Epochs are Unix milliseconds, give or take: what is far beyond would fence the name for ever.
constexpr uint64_t kMaxEpoch = uint64_t{1} << 62;

}  // namespace

Stream::Stream(std::string name, uint64_t id, Context& context)
    : context_(context), feed_(context.budget), audience_(feed_, context) {
  feed_.name = std::move(name);
  feed_.stream_id = id;
}

void Stream::Publish(const Sender& from, const v1::Publish& publish, Time now) {
  const bool same_node =
      publication_.node == from.node && publication_.incarnation == from.incarnation;
  const bool active = state_ == State::kLive || (state_ == State::kGrace && !unpublished_);
  if (active && same_node && publication_.request_id == publish.request_id()) {
    // Repeated because the grant was slow, or was lost with a connection.
    state_ = State::kLive;
    lost_at_ns_ = grace_end_ns_ = kNever;
    publication_.connection = from.connection;
    Grant();
    return;
  }
  for (const PastRequest& past : past_requests_) {
    if (past.request_id == publish.request_id() && past.incarnation == from.incarnation &&
        past.node == from.node) {
      Refuse(from, publish.request_id(), past.reason, "this publication is over");
      return;
    }
  }

  if (publish.has_held()) {
    const uint64_t held = publish.held().epoch();
    if (held == 0 || held > kMaxEpoch) {
      Refuse(from, publish.request_id(), v1::REFUSAL_INVALID, "held epoch out of range");
      return;
    }
    if (held <= kicked_epoch_) {
      Refuse(from, publish.request_id(), v1::REFUSAL_KICKED, end_text_);
      return;
    }
    const bool taken = state_ == State::kLive && publication_.connection != kNoConnection &&
                       !same_node && held == feed_.epoch;
    const bool said_goodbye = state_ == State::kEnded && unpublished_ && held == feed_.epoch;
    if (held < highest_epoch_ || taken || said_goodbye) {
      Refuse(from, publish.request_id(), v1::REFUSAL_FENCED, "a newer publisher has taken over");
      return;
    }
    if (held > feed_.epoch) {
      if (state_ == State::kLive) Dismiss(v1::REFUSAL_FENCED, "a newer publisher has taken over");
      BeginEpoch(held);
    } else if (state_ == State::kLive) {
      RememberRequest(v1::REFUSAL_UNKNOWN);  // of the attachment before
    }
    Learn(publish.held());
    // What is replayed now is for subscribers that come back later than their publisher.
    keep_until_ns_ = now.mono_ns + kReattachNs;
    publication_.previous.Clear();
    Attach(from, publish, now);
    Note(EventKind::kReattached);
    return;
  }

  if (now.mono_ns < context_.settled_at_ns) {
    const int64_t left = (context_.settled_at_ns - now.mono_ns) / kMillisecond + 1;
    Refuse(from, publish.request_id(), v1::REFUSAL_SETTLING, "the router has just started",
           static_cast<uint32_t>(left));
    return;
  }
  if (state_ == State::kLive) {
    if (publish.policy() == v1::PUBLISH_POLICY_REJECT) {
      Refuse(from, publish.request_id(), v1::REFUSAL_BUSY, "the stream has a publisher");
      return;
    }
    Note(EventKind::kReplaced);
    Dismiss(v1::REFUSAL_REPLACED, "another publisher has taken over");
  } else {
    RememberRequest(v1::REFUSAL_REPLACED);
  }
  BeginEpoch(
      std::max(static_cast<uint64_t>(std::max<int64_t>(now.unix_ms(), 1)), highest_epoch_ + 1));
  publication_.previous = timeline_;
  Attach(from, publish, now);
  Note(EventKind::kPublished);
}

void Stream::BeginEpoch(uint64_t epoch) {
  if (feed_.epoch != 0) {
    feed_.previous_epoch = feed_.epoch;
    feed_.previous_last_sequence = feed_.have_sequence;
  }
  feed_.epoch = epoch;
  feed_.have_sequence = 0;
  feed_.cache.Clear();
  feed_.track_sets.clear();
  highest_epoch_ = std::max(highest_epoch_, epoch);
  bytes_in_ = frames_in_ = reported_bytes = 0;
  key_dts_ns_ = INT64_MIN;
  key_interval_ns_ = 0;
  has_b_frames_ = false;
  frames_to_probe_ = 1'000;
  highest_pts_ns_ = INT64_MIN;
}

void Stream::Attach(const Sender& from, const v1::Publish& publish, Time now) {
  const int64_t started = feed_.epoch <= static_cast<uint64_t>(now.unix_ms())
                              ? static_cast<int64_t>(feed_.epoch)
                              : now.unix_ms();
  v1::Timeline previous = std::move(publication_.previous);
  publication_ = Publication{};
  publication_.connection = from.connection;
  publication_.node = from.node;
  publication_.incarnation = from.incarnation;
  publication_.request_id = publish.request_id();
  publication_.session = publish.session();
  publication_.previous = std::move(previous);
  publication_.grace_ns = int64_t{publish.grace_ms()} * kMillisecond;
  publication_.grace_after_unpublish_ns =
      int64_t{publish.grace_after_unpublish_ms()} * kMillisecond;
  publication_.started_unix_ms = started;
  publication_.credit = context_.options.publish_credit;
  publication_.acknowledged_ns = now.mono_ns;
  state_ = State::kLive;
  feed_.online = true;
  unpublished_ = false;
  lost_at_ns_ = grace_end_ns_ = cache_end_ns_ = orphans_end_ns_ = kNever;
  changed_ = true;
  Grant();
}

void Stream::Grant() {
  v1::Envelope envelope = context_.Envelope();
  v1::PublishGrant& grant = *envelope.mutable_publish_grant();
  grant.set_request_id(publication_.request_id);
  grant.set_stream_id(feed_.stream_id);
  grant.set_epoch(feed_.epoch);
  if (publication_.previous.epoch() != 0) *grant.mutable_previous() = publication_.previous;
  grant.set_have_sequence(feed_.have_sequence);
  grant.set_credit_limit(publication_.credit);
  context_.Send(publication_.connection, envelope);
}

void Stream::Refuse(const Sender& to, uint64_t request_id, v1::RefusalReason reason,
                    std::string_view text, uint32_t retry_after_ms) {
  v1::Envelope envelope = context_.Envelope();
  v1::PublishRefused& refused = *envelope.mutable_publish_refused();
  refused.set_request_id(request_id);
  refused.set_stream_id(feed_.stream_id);
  refused.set_reason(reason);
  refused.set_text(std::string(text));
  refused.set_retry_after_ms(retry_after_ms);
  context_.Send(to.connection, envelope);
  if (reason == v1::REFUSAL_SETTLING) return;
  context_.observer.OnEvent({.kind = EventKind::kPublishRefused,
                             .stream = feed_.name,
                             .node = to.node,
                             .detail = v1::RefusalReason_Name(reason)});
}

void Stream::Dismiss(v1::RefusalReason reason, const std::string& text) {
  const uint64_t request_id = publication_.request_id;
  RememberRequest(reason);
  if (publication_.connection == kNoConnection) return;
  v1::Envelope envelope = context_.Envelope();
  v1::PublishRefused& refused = *envelope.mutable_publish_refused();
  refused.set_request_id(request_id);
  refused.set_stream_id(feed_.stream_id);
  refused.set_epoch(feed_.epoch);
  refused.set_reason(reason);
  refused.set_text(text);
  context_.Send(publication_.connection, envelope);
  publication_.connection = kNoConnection;
}

void Stream::RememberRequest(v1::RefusalReason reason) {
  if (publication_.request_id == 0) return;
  if (past_requests_.size() == kPastRequests) past_requests_.pop_front();
  past_requests_.push_back(
      {publication_.node, publication_.incarnation, publication_.request_id, reason});
  publication_.request_id = 0;
}

void Stream::Unpublish(const Sender& from, const v1::Unpublish& unpublish, Time now) {
  if (state_ != State::kLive || unpublish.epoch() != feed_.epoch) return;
  const bool same_node =
      publication_.node == from.node && publication_.incarnation == from.incarnation;
  const bool owner = publication_.connection == kNoConnection
                         ? same_node
                         : publication_.connection == from.connection;
  if (!owner) return;
  RememberRequest(v1::REFUSAL_UNKNOWN);
  if (unpublish.has_grace_ms()) {
    publication_.grace_ns = int64_t{unpublish.grace_ms()} * kMillisecond;
  }
  if (unpublish.has_grace_after_unpublish_ms()) {
    publication_.grace_after_unpublish_ns =
        int64_t{unpublish.grace_after_unpublish_ms()} * kMillisecond;
  }
  if (unpublish.lost()) {
    Lose(publication_.grace_ns, v1::END_GRACE_EXPIRED, "the publisher's connection was lost", now);
    return;
  }
  Note(EventKind::kUnpublished);
  unpublished_ = true;
  Lose(publication_.grace_after_unpublish_ns, v1::END_UNPUBLISHED, "unpublished", now);
}

void Stream::Lose(int64_t grace_ns, v1::EndReason reason, const char* why, Time now) {
  publication_.connection = kNoConnection;
  lost_at_ns_ = kNever;
  end_reason_ = reason;
  if (grace_ns <= 0) {
    End(reason, why, now);
    return;
  }
  state_ = State::kGrace;
  grace_end_ns_ = now.mono_ns + grace_ns;
  end_text_ = why;
  changed_ = true;
  if (!unpublished_) Note(EventKind::kPublisherLost, why);
}

void Stream::End(v1::EndReason reason, const std::string& text, Time now) {
  RememberRequest(reason == v1::END_KICKED ? v1::REFUSAL_KICKED : v1::REFUSAL_UNKNOWN);
  publication_.connection = kNoConnection;
  state_ = State::kEnded;
  feed_.online = false;
  end_reason_ = reason;
  end_text_ = text;
  ended_ns_ = now.mono_ns;
  lost_at_ns_ = grace_end_ns_ = orphans_end_ns_ = kNever;
  cache_end_ns_ = now.mono_ns + kEndedCacheNs;
  changed_ = true;
  Note(EventKind::kEnded, v1::EndReason_Name(reason));
  audience_.End(reason, text);
}

bool Stream::Kick(const std::string& reason, Time now) {
  const bool published = state_ == State::kLive || state_ == State::kGrace;
  if (!published && audience_.empty()) return false;
  kicked_epoch_ = highest_epoch_;
  if (published) {
    Dismiss(v1::REFUSAL_KICKED, reason);
    End(v1::END_KICKED, reason, now);
    feed_.cache.Clear();
  } else {
    audience_.End(v1::END_KICKED, reason);
    orphans_end_ns_ = kNever;
  }
  end_text_ = reason;
  return true;
}

// What a node remembers of the stream; a router that was restarted knows nothing else.
void Stream::Learn(const v1::Timeline& report) {
  if (report.epoch() == 0 || report.epoch() > kMaxEpoch) return;
  highest_epoch_ = std::max(highest_epoch_, report.epoch());
  if (report.last_sequence() == 0) return;
  if (report.epoch() > timeline_.epoch() ||
      (report.epoch() == timeline_.epoch() && report.last_sequence() > timeline_.last_sequence())) {
    timeline_ = report;
  }
}

// A subscriber has seen a newer epoch than ours: our publisher is one that was replaced elsewhere.
void Stream::Fence(uint64_t epoch, Time now) {
  if (epoch <= feed_.epoch || feed_.epoch == 0 || epoch > kMaxEpoch) return;
  if (state_ != State::kLive && state_ != State::kGrace) return;
  Dismiss(v1::REFUSAL_FENCED, "a newer publisher has taken over");
  publication_.connection = kNoConnection;
  state_ = State::kEnded;
  feed_.online = false;
  ended_ns_ = now.mono_ns;
  lost_at_ns_ = grace_end_ns_ = kNever;
  cache_end_ns_ = now.mono_ns + kEndedCacheNs;
  end_reason_ = v1::END_GRACE_EXPIRED;
  end_text_ = "a newer publisher has taken over";
  changed_ = true;
}

void Stream::Subscribe(const Sender& from, const v1::Subscribe& subscribe, Time now) {
  const uint64_t after = subscribe.has_after() ? subscribe.after().epoch() : 0;
  if (after != 0) {
    Learn(subscribe.after());
    Fence(after, now);
  }
  audience_.Subscribe(from.connection, from.node, subscribe, now);
  context_.observer.OnEvent({.kind = EventKind::kSubscribed,
                             .stream = feed_.name,
                             .node = from.node,
                             .epoch = feed_.online ? feed_.epoch : 0});
  changed_ = true;
  if (state_ == State::kEnded && subscribe.start() == v1::START_AFTER && after != 0 &&
      after <= feed_.epoch) {
    audience_.EndOne(from.connection, end_reason_, end_text_);
  }
  WatchOrphans(now);
}

// Subscribers that wait for an epoch which nobody has come back to publish are told after a while.
void Stream::WatchOrphans(Time now) {
  if (feed_.online || orphans_end_ns_ != kNever || !audience_.has_orphans()) return;
  orphans_end_ns_ = std::max(context_.settled_at_ns, now.mono_ns) +
                    context_.options.orphan_grace_ms * kMillisecond;
}

void Stream::Unsubscribe(ConnectionId from, const v1::Unsubscribe& unsubscribe, Time now) {
  if (!audience_.Unsubscribe(from, unsubscribe.request_id())) return;
  changed_ = true;
  if (audience_.empty()) orphans_end_ns_ = kNever;
  if (idle() && ended_ns_ == 0) ended_ns_ = now.mono_ns;
}

void Stream::DropConnection(ConnectionId connection, bool returns, const char* why, Time now) {
  if (audience_.Drop(connection)) {
    if (returns) keep_until_ns_ = now.mono_ns + kReattachNs;
    changed_ = true;
    if (audience_.empty()) orphans_end_ns_ = kNever;
    if (idle() && ended_ns_ == 0) ended_ns_ = now.mono_ns;
  }
  if (state_ != State::kLive || publication_.connection != connection) return;
  if (!returns) {
    Lose(publication_.grace_ns, v1::END_GRACE_EXPIRED, why, now);
    return;
  }
  publication_.connection = kNoConnection;
  lost_at_ns_ = now.mono_ns + context_.options.lease_ms * kMillisecond;
}

void Stream::SendNotOwner() {
  if (state_ == State::kLive && publication_.connection != kNoConnection) {
    v1::Envelope envelope = context_.Envelope();
    envelope.mutable_not_owner()->set_request_id(publication_.request_id);
    envelope.mutable_not_owner()->set_stream(feed_.name);
    context_.Send(publication_.connection, envelope);
  }
  audience_.SendNotOwner();
}

void Stream::OnTimer(Time now) {
  if (now.mono_ns >= lost_at_ns_) {
    Lose(publication_.grace_ns, v1::END_GRACE_EXPIRED, "the publisher's node did not return", now);
  }
  if (now.mono_ns >= grace_end_ns_) {
    const std::string text = end_text_;
    End(end_reason_, text, now);
  }
  if (now.mono_ns >= cache_end_ns_) {
    cache_end_ns_ = kNever;
    feed_.cache.Clear();
  }
  if (now.mono_ns >= orphans_end_ns_) {
    orphans_end_ns_ = kNever;
    audience_.EndOrphans();
  }
}

int64_t Stream::NextDeadline() const {
  int64_t next = std::min({lost_at_ns_, grace_end_ns_, cache_end_ns_, orphans_end_ns_});
  if (idle()) next = std::min(next, ended_ns_ + context_.options.memory_ms * kMillisecond);
  return next;
}

bool Stream::idle() const {
  return (state_ == State::kWaiting || state_ == State::kEnded) && audience_.empty();
}

bool Stream::forgettable(Time now) const {
  if (!idle()) return false;
  if (highest_epoch_ == 0) return true;
  return now.mono_ns >= ended_ns_ + context_.options.memory_ms * kMillisecond;
}

void Stream::Note(EventKind kind, std::string_view detail) const {
  context_.observer.OnEvent({.kind = kind,
                             .stream = feed_.name,
                             .node = publication_.node,
                             .session = publication_.session,
                             .detail = detail,
                             .epoch = feed_.epoch,
                             .sequence = feed_.have_sequence});
}

}  // namespace millrace::router
