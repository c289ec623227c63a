#include "runtime/bus/subscription_core.h"

#include <algorithm>
#include <utility>

#include "runtime/bus/convert.h"
#include "runtime/bus/publication_core.h"

namespace millrace::bus {
namespace {

constexpr size_t kMaxDelaySamples = 1024;

}  // namespace

SubscriptionCore::SubscriptionCore(uint64_t number, std::string stream, SubscribeOptions options,
                                   SubscriptionObserver& observer, ClientStats& stats)
    : number_(number),
      stream_(std::move(stream)),
      options_(options),
      observer_(&observer),
      stats_(stats) {}

void SubscriptionCore::Forget() {
  Unsubscribe();
  Abandon();
}

void SubscriptionCore::Abandon() {
  observer_ = nullptr;
  port_ = nullptr;
  state_ = State::kFinished;
}

void SubscriptionCore::Attach(Port& port, Instant now) {
  if (finished()) return;
  port_ = &port;
  Request(now);
}

void SubscriptionCore::Detach() {
  if (finished()) return;
  port_ = nullptr;
  state_ = State::kIdle;
  retry_at_ns_ = kNever;
  stream_id_ = 0;
}

void SubscriptionCore::LeaveOwner() {
  Unsubscribe();
  Detach();
}

void SubscriptionCore::Unsubscribe() {
  // Not granted yet: the grant, if it comes, is given back by the client.
  if (port_ == nullptr || state_ != State::kGranted) return;
  v1::Envelope message;
  message.mutable_unsubscribe()->set_stream_id(stream_id_);
  message.mutable_unsubscribe()->set_request_id(request_id());
  port_->SendControl(message);
}

void SubscriptionCore::Request(Instant now) {
  // Always a new id: whatever the last one brought ends here, and media starts again where we say.
  ++attempt_;
  state_ = State::kRequested;
  stream_id_ = 0;
  retry_at_ns_ = now.mono_ns + kRequestRetryNs;
  resubscribed_ns_ = now.mono_ns;
  Repeat();
}

void SubscriptionCore::Repeat() {
  v1::Envelope message;
  v1::Subscribe& subscribe = *message.mutable_subscribe();
  subscribe.set_request_id(request_id());
  subscribe.set_stream(stream_);
  subscribe.set_start(options_.start);
  subscribe.set_retention_ms(options_.retention_ms);
  subscribe.set_credit_limit(options_.credit_bytes);
  if (last_.epoch != 0) {
    subscribe.set_start(v1::START_AFTER);
    *subscribe.mutable_after() = ToProto(last_);
  }
  port_->SendControl(message);
}

bool SubscriptionCore::OnGrant(const v1::SubscribeGrant& grant, Instant now) {
  if (state_ != State::kRequested || grant.request_id() != request_id()) return false;
  state_ = State::kGranted;
  retry_at_ns_ = kNever;
  stream_id_ = grant.stream_id();
  received_bytes_ = 0;
  credit_limit_ = options_.credit_bytes;
  heard_ns_ = now.mono_ns;
  wire_tracks_ = {};
  early_skip_.Clear();
  if (!grant.online() && !online_ && !told_waiting_) {
    told_waiting_ = true;
    if (observer_ != nullptr) observer_->OnWaiting();
  }
  return true;
}

void SubscriptionCore::OnTrackSet(const v1::TrackSetUpdate& update, Instant now) {
  if (state_ != State::kGranted || update.epoch() < epoch_) return;
  absl::StatusOr<media::TrackSet> tracks = TracksOf(update);
  if (!tracks.ok()) return OnGap(now);
  wire_tracks_ = *std::move(tracks);
  if (update.epoch() == epoch_) return;  // a change of format is told right before its first frames
  // What a publisher has is worth knowing before its first frame.
  epoch_ = update.epoch();
  Announce();
  if (early_skip_.epoch() == epoch_ && early_skip_.to_sequence() != 0) OnSkipped(early_skip_, now);
}

void SubscriptionCore::Announce() {
  // After a re-attachment a skip may come before any track set: then what was told last still
  // holds.
  if (wire_tracks_.version != 0) tracks_ = wire_tracks_;
  online_ = true;
  told_waiting_ = false;
  if (observer_ != nullptr) observer_->OnTracks(epoch_, tracks_);
}

void SubscriptionCore::OnBatch(const media::BatchHeader& header, const media::Payload& message,
                               Instant now) {
  if (state_ != State::kGranted) return;
  heard_ns_ = now.mono_ns;
  received_bytes_ += message.size();
  marked_first_ = header.first_sequence;
  marked_last_ = header.last_sequence();
  marked_wall_ns_ = now.wall_ns;
  RaiseCredit(now);
  if (header.epoch < epoch_) return;
  if (header.epoch > epoch_ || header.track_set_version != wire_tracks_.version) return OnGap(now);

  const bool random_access = (header.flags & media::kBatchRandomAccess) != 0;
  if (expected() != 0) {
    if (header.last_sequence() < expected()) return;
    if (header.first_sequence > expected()) return OnGap(now);
    if (need_random_access_ && !random_access) return OnGap(now);
  } else if (wire_tracks_.version < tracks_.version) {
    // A restarted router is replayed what was before the track set that we were told of: not for
    // us, who have had nothing before it.
    return;
  } else if (!random_access && header.first_sequence != 1 && options_.start != v1::START_LIVE) {
    return;
  }
  absl::StatusOr<std::vector<media::Frame>> frames = media::DecodeBatch(message);
  if (!frames.ok()) return OnGap(now);
  Deliver(header, *std::move(frames));
}

void SubscriptionCore::Deliver(const media::BatchHeader& header, std::vector<media::Frame> frames) {
  bool random_access = (header.flags & media::kBatchRandomAccess) != 0;
  if (header.first_sequence < expected()) {
    const auto have = static_cast<ptrdiff_t>(expected() - header.first_sequence);
    frames.erase(frames.begin(), frames.begin() + have);
    random_access = false;
  }
  last_.epoch = header.epoch;
  last_.Follow(frames);
  need_random_access_ = false;
  // A stream that ended and whose publisher goes on with its epoch is back when a frame is.
  if (!online_ || wire_tracks_.version != tracks_.version) Announce();
  if (observer_ != nullptr) observer_->OnFrames(header.epoch, random_access, std::move(frames));
}

void SubscriptionCore::OnSkipped(const v1::Skipped& skipped, Instant now) {
  if (state_ != State::kGranted || skipped.epoch() < epoch_) return;
  if (skipped.epoch() > epoch_) {
    early_skip_ = skipped;
    return;
  }
  if (expected() != 0) {
    if (skipped.to_sequence() < expected()) return;
    if (skipped.from_sequence() > expected()) return OnGap(now);
  }
  if (!online_) Announce();
  if (expected() == 0) {
    last_.epoch = epoch_;
    last_.last_sequence = skipped.from_sequence() - (skipped.from_sequence() > 0 ? 1 : 0);
  }
  Skip(skipped.to_sequence(), skipped.bytes(), skipped.reason());
}

void SubscriptionCore::Skip(uint64_t to_sequence, uint64_t bytes, const std::string& reason) {
  const bus::Skip skip{.epoch = epoch_,
                       .from_sequence = expected(),
                       .to_sequence = to_sequence,
                       .bytes = bytes,
                       .reason = reason};
  last_.last_sequence = to_sequence;
  need_random_access_ = true;
  if (observer_ != nullptr) observer_->OnSkipped(skip);
}

void SubscriptionCore::OnEnded(const v1::StreamEnded& ended, Instant now) {
  if (state_ != State::kGranted) return;
  if (ended.request_id() != 0 && ended.request_id() != request_id()) return;
  if (ended.reason() == v1::END_UNKNOWN_SUBSCRIPTION) return Request(now);
  // An end that a newer epoch has overtaken is no end.
  if (ended.epoch() != 0 && ended.epoch() < epoch_) return;
  if (!online_ && ended.reason() != v1::END_KICKED) return;
  if (online_ && ended.epoch() == epoch_ && expected() != 0 &&
      ended.last_sequence() >= expected()) {
    Skip(ended.last_sequence(), 0, "late");
  }
  online_ = false;
  told_waiting_ = true;
  if (observer_ != nullptr) observer_->OnEnded(ended.reason(), ended.text());
}

void SubscriptionCore::OnReplaced() {
  if (finished()) return;
  SubscriptionObserver* observer = std::exchange(observer_, nullptr);
  port_ = nullptr;
  state_ = State::kFinished;
  if (observer != nullptr) {
    observer->OnEnded(v1::END_UNKNOWN_SUBSCRIPTION, "another subscription of the stream took over");
  }
}

void SubscriptionCore::OnNotOwner(Instant now) {
  if (finished() || port_ == nullptr) return;
  state_ = State::kWaiting;
  stream_id_ = 0;
  retry_at_ns_ = now.mono_ns + kOwnerRetryNs;
}

void SubscriptionCore::OnGap(Instant now) {
  ++stats_.sequence_gaps;
  if (now.mono_ns - resubscribed_ns_ >= kResubscribeMinNs) return Request(now);
  state_ = State::kWaiting;
  stream_id_ = 0;
  retry_at_ns_ = resubscribed_ns_ + kResubscribeMinNs;
}

void SubscriptionCore::OnMark(const v1::Mark& mark) {
  if (state_ != State::kGranted || mark.sequence() < marked_first_ ||
      mark.sequence() > marked_last_ || stats_.router_delay_seconds.size() >= kMaxDelaySamples) {
    return;
  }
  const int64_t delay_ns = marked_wall_ns_ + port_->clock_offset_ns() - mark.router_wall_ns();
  stats_.router_delay_seconds.push_back(std::max(0.0, static_cast<double>(delay_ns) * 1e-9));
}

void SubscriptionCore::RaiseCredit(Instant now) {
  if (credit_limit_ - std::min(credit_limit_, received_bytes_) <= options_.credit_bytes / 4 * 3) {
    SendCredit(now);
  }
}

void SubscriptionCore::SendCredit(Instant now) {
  credit_limit_ = received_bytes_ + options_.credit_bytes;
  heard_ns_ = now.mono_ns;
  v1::Envelope message;
  v1::Credit& credit = *message.mutable_credit();
  credit.set_stream_id(stream_id_);
  credit.set_request_id(request_id());
  credit.set_limit(credit_limit_);
  port_->SendControl(message);
}

void SubscriptionCore::OnTimer(Instant now) {
  if (finished() || port_ == nullptr) return;
  switch (state_) {
    case State::kRequested:
      if (now.mono_ns < retry_at_ns_) return;
      retry_at_ns_ = now.mono_ns + kRequestRetryNs;
      return Repeat();
    case State::kWaiting:
      if (now.mono_ns >= retry_at_ns_) Request(now);
      return;
    case State::kGranted:
      if (now.mono_ns - heard_ns_ >= kCreditKeepAliveNs) SendCredit(now);
      return;
    case State::kIdle:
    case State::kFinished:
      return;
  }
}

int64_t SubscriptionCore::NextDeadline() const {
  if (finished() || port_ == nullptr) return kNever;
  if (state_ != State::kGranted) return retry_at_ns_;
  // On the grid of the pings: thousands of idle subscriptions share one wake-up.
  return (heard_ns_ + kCreditKeepAliveNs + kTickNs - 1) / kTickNs * kTickNs;
}

}  // namespace millrace::bus
