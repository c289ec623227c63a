#include "runtime/bus/publication_core.h"

#include <algorithm>
#include <utility>

#include "runtime/bus/convert.h"

namespace millrace::bus {

PublicationCore::PublicationCore(uint64_t number, std::string stream, PublishOptions options,
                                 PublicationObserver& observer, ClientStats& stats)
    : number_(number),
      stream_(std::move(stream)),
      options_(std::move(options)),
      observer_(&observer),
      stats_(stats),
      window_(options_.replay_limit_bytes, kReplayMinNs) {
  stats_.replay_limit += window_.limit();
}

void PublicationCore::SetTracks(const media::TrackSet& tracks, Instant now) {
  if (finished() || closing_) return;
  tracks_ = std::make_shared<const media::TrackSet>(tracks);
  Pump();
}

void PublicationCore::Send(std::span<const media::Frame> frames, Instant now) {
  if (finished() || closing_ || epoch_ == 0 || tracks_ == nullptr) return;
  Push(frames, now);
  Pump();
}

void PublicationCore::Push(std::span<const media::Frame> frames, Instant now) {
  if (frames.empty() || frames.front().sequence < window_.next_sequence()) return;
  const size_t size = media::EncodedBatchSize(frames);
  if (frames.size() > media::kMaxBatchFrames || size > media::kMaxBatchBytes) {
    // One frame that no batch can hold leaves a gap, which is then treated like any lost frame.
    if (frames.size() == 1) return MarkLost(frames.front().sequence, frames.front().sequence);
    Push(frames.first(frames.size() / 2), now);
    return Push(frames.subspan(frames.size() / 2), now);
  }
  const bool random_access = media::StartsAtRandomAccess(*tracks_, frames.front());
  media::BatchHeader header;
  header.stream_id = stream_id_;
  header.epoch = epoch_;
  header.term = port_ == nullptr ? 0 : port_->term();
  header.flags = random_access ? media::kBatchRandomAccess : 0;
  header.track_set_version = tracks_->version;
  BatchRef batch = BatchRef::Allocate(size);
  media::EncodeBatch(header, frames, batch.writable());

  end_.Follow(frames);

  stats_.replay_bytes -= window_.bytes();
  const std::optional<ReplayWindow::Range> lost =
      window_.Push({.batch = std::move(batch),
                    .tracks = tracks_,
                    .first_sequence = frames.front().sequence,
                    .last_sequence = frames.back().sequence,
                    .stream_id = header.stream_id,
                    .term = header.term,
                    .pushed_ns = now.mono_ns,
                    .random_access = random_access});
  stats_.replay_bytes += window_.bytes();
  if (lost.has_value()) MarkLost(std::max(lost->from, sent_sequence_ + 1), lost->to);
}

void PublicationCore::SetGrace(uint32_t grace_ms, uint32_t grace_after_unpublish_ms) {
  options_.grace_ms = grace_ms;
  options_.grace_after_unpublish_ms = grace_after_unpublish_ms;
}

void PublicationCore::Unpublish(bool lost, Instant now) {
  if (finished() || closing_) return;
  closing_ = true;
  lost_ = lost;
  const int64_t grace_ns = int64_t{options_.grace_ms} * kMillisecond;
  close_deadline_ns_ = now.mono_ns + std::max(kCloseTimeoutNs, grace_ns);
  // Without an epoch there is nothing to say: a grant that comes late is given back by the client.
  if (epoch_ == 0) return Finish();
  Pump();
}

void PublicationCore::Forget(Instant now) {
  observer_ = nullptr;
  Unpublish(/*lost=*/true, now);
}

void PublicationCore::Abandon() {
  observer_ = nullptr;
  Finish();
}

void PublicationCore::Attach(Port& port, Instant now) {
  if (finished()) return;
  port_ = &port;
  // A first request that may have been granted without our hearing of it is repeated, not doubled:
  // as a new one it would find the stream taken, by itself.
  if (epoch_ != 0) ++attempt_;
  Request(now);
}

void PublicationCore::Detach() {
  if (finished()) return;
  port_ = nullptr;
  state_ = State::kIdle;
  retry_at_ns_ = kNever;
  stream_id_ = 0;
  goodbye_sent_ = false;
  confirming_ping_ = 0;
}

void PublicationCore::LeaveOwner(Instant now) {
  if (port_ != nullptr && state_ == State::kGranted && !goodbye_sent_) {
    v1::Envelope message;
    *message.mutable_unpublish() = Goodbye();
    message.mutable_unpublish()->set_lost(true);
    port_->SendControl(message);
  }
  Detach();
}

void PublicationCore::Request(Instant now) {
  state_ = State::kRequested;
  stream_id_ = 0;
  retry_at_ns_ = now.mono_ns + kRequestRetryNs;
  Repeat();
}

void PublicationCore::Repeat() {
  v1::Envelope message;
  v1::Publish& publish = *message.mutable_publish();
  publish.set_request_id(request_id());
  publish.set_stream(stream_);
  publish.set_policy(options_.policy);
  publish.set_grace_ms(options_.grace_ms);
  publish.set_grace_after_unpublish_ms(options_.grace_after_unpublish_ms);
  said_grace_ms_ = options_.grace_ms;
  said_grace_after_unpublish_ms_ = options_.grace_after_unpublish_ms;
  publish.set_session(options_.session);
  if (epoch_ != 0) *publish.mutable_held() = ToProto(Held());
  port_->SendControl(message);
}

Timeline PublicationCore::Held() const {
  Timeline held = end_;
  held.epoch = epoch_;
  return held;
}

bool PublicationCore::OnGrant(const v1::PublishGrant& grant, Instant now) {
  if (state_ != State::kRequested || grant.request_id() != request_id()) return false;
  if (epoch_ != 0 && grant.epoch() != epoch_) return false;
  state_ = State::kGranted;
  retry_at_ns_ = kNever;
  stream_id_ = grant.stream_id();
  credit_limit_ = grant.credit_limit();
  sent_bytes_ = 0;
  sent_tracks_ = nullptr;
  const uint64_t have = grant.have_sequence();
  acked_sequence_ = std::max(acked_sequence_, have);
  // A router that has nothing takes the window from its beginning, wherever that is.
  expected_ = have == 0 ? 0 : have + 1;
  window_.SeekBehind(have);
  if (epoch_ == 0) {
    epoch_ = grant.epoch();
    expected_ = 1;
    Grant granted{.epoch = epoch_, .previous = std::nullopt};
    if (grant.has_previous()) {
      granted.previous = FromProto(grant.previous());
      end_ = *granted.previous;
      end_.last_sequence = 0;
    }
    if (observer_ != nullptr) observer_->OnGranted(granted);
  }
  Pump();
  TellLost();
  return true;
}

void PublicationCore::OnRefused(const v1::PublishRefused& refused, Instant now) {
  if (finished() || port_ == nullptr) return;
  switch (refused.reason()) {
    case v1::REFUSAL_SETTLING:
    case v1::REFUSAL_UNKNOWN: {
      // The router will know us in a moment; nobody else need hear of it.
      ++attempt_;
      if (refused.reason() == v1::REFUSAL_UNKNOWN && refused.retry_after_ms() == 0) {
        return Request(now);
      }
      state_ = State::kWaiting;
      stream_id_ = 0;
      const int64_t wait_ms = std::clamp<int64_t>(refused.retry_after_ms(), 10, 5'000);
      retry_at_ns_ = now.mono_ns + wait_ms * kMillisecond;
      return;
    }
    default: {
      PublicationObserver* observer = closing_ ? nullptr : observer_;
      Finish();
      if (observer != nullptr) observer->OnRefused(refused.reason(), refused.text());
    }
  }
}

void PublicationCore::OnNotOwner(Instant now) {
  if (finished() || port_ == nullptr) return;
  if (epoch_ != 0) ++attempt_;
  state_ = State::kWaiting;
  stream_id_ = 0;
  goodbye_sent_ = false;
  retry_at_ns_ = now.mono_ns + kOwnerRetryNs;
}

void PublicationCore::OnAck(const v1::Ack& ack, Instant now) {
  if (state_ != State::kGranted || ack.epoch() != epoch_) return;
  acked_sequence_ = std::max(acked_sequence_, ack.sequence());
  if (!ack.resend()) return;
  window_.SeekBehind(ack.sequence());
  expected_ = ack.sequence() + 1;
  sent_tracks_ = nullptr;
  Pump();
  TellLost();
}

void PublicationCore::OnCredit(const v1::Credit& credit, Instant now) {
  if (state_ != State::kGranted || credit.request_id() != request_id()) return;
  credit_limit_ = std::max(credit_limit_, credit.limit());
  Pump();
  TellLost();
}

void PublicationCore::OnPong(uint64_t number) {
  if (goodbye_sent_ && confirming_ping_ != 0 && number >= confirming_ping_) Finish();
}

void PublicationCore::OnTimer(Instant now) {
  if (finished()) return;
  TellLost();
  if (now.mono_ns >= close_deadline_ns_) return Finish();
  if (now.mono_ns < retry_at_ns_ || port_ == nullptr) return;
  if (state_ == State::kWaiting) return Request(now);
  retry_at_ns_ = now.mono_ns + kRequestRetryNs;
  Repeat();
}

int64_t PublicationCore::NextDeadline() const {
  if (finished()) return kNever;
  if (untold_loss_.has_value()) return 0;
  return std::min(retry_at_ns_, close_deadline_ns_);
}

void PublicationCore::Pump() {
  if (state_ != State::kGranted || goodbye_sent_) return;
  while (ReplayWindow::Item* item = window_.Next()) {
    if (expected_ != 0 && item->first_sequence > expected_) {
      // What is missing is missing for good, so subscribers can only go on at a random-access
      // point.
      if (!item->random_access) {
        window_.Advance();
        continue;
      }
      MarkLost(expected_, item->first_sequence - 1);
      sent_tracks_ = nullptr;
    }
    // One batch may go beyond the limit, or one that is larger than the router's window would never
    // go.
    if (sent_bytes_ >= credit_limit_) return;
    if (item->tracks != sent_tracks_ && !SendTracks(item->tracks, item->first_sequence)) return;
    if (!SendBatch(*item)) return;
    window_.Advance();
  }
  // Frames that were passed over wait for the next random-access point: tracks would resynchronise
  // too early.
  const bool at_end = expected_ == 0 || expected_ >= window_.next_sequence();
  if (tracks_ != nullptr && tracks_ != sent_tracks_ && at_end) {
    if (!SendTracks(tracks_, window_.next_sequence())) return;
  }
  if (closing_) SayGoodbye();
}

bool PublicationCore::SendTracks(const TrackSetPtr& tracks, uint64_t first_sequence) {
  v1::Envelope message;
  v1::TrackSetUpdate& update = *message.mutable_track_set();
  update.set_stream_id(stream_id_);
  update.set_epoch(epoch_);
  update.set_first_sequence(first_sequence);
  update.set_segment_target_ms(options_.segment_target_ms);
  update.set_part_target_ms(options_.part_target_ms);
  bus::SetTracks(*tracks, update);
  if (!port_->SendControl(message)) return false;
  sent_tracks_ = tracks;
  expected_ = first_sequence;
  return true;
}

bool PublicationCore::SendBatch(ReplayWindow::Item& item) {
  const uint64_t term = port_->term();
  if (item.stream_id != stream_id_ || item.term != term) {
    if (!item.batch.unique()) {
      BatchRef copy = BatchRef::Allocate(item.batch.size());
      std::copy_n(item.batch.data(), item.batch.size(), copy.data());
      item.batch = std::move(copy);
    }
    media::RestampBatch(item.batch.writable(), stream_id_, term);
    item.stream_id = stream_id_;
    item.term = term;
  }
  if (!port_->SendMedia(item.batch)) return false;
  sent_bytes_ += item.batch.size();
  sent_sequence_ = std::max(sent_sequence_, item.last_sequence);
  expected_ = item.last_sequence + 1;
  return true;
}

v1::Unpublish PublicationCore::Goodbye() const {
  v1::Unpublish unpublish;
  unpublish.set_stream_id(stream_id_);
  unpublish.set_epoch(epoch_);
  unpublish.set_request_id(request_id());
  unpublish.set_lost(lost_);
  unpublish.set_last_sequence(end_.last_sequence);
  if (options_.grace_ms != said_grace_ms_) unpublish.set_grace_ms(options_.grace_ms);
  if (options_.grace_after_unpublish_ms != said_grace_after_unpublish_ms_) {
    unpublish.set_grace_after_unpublish_ms(options_.grace_after_unpublish_ms);
  }
  return unpublish;
}

void PublicationCore::SayGoodbye() {
  v1::Envelope message;
  *message.mutable_unpublish() = Goodbye();
  if (!port_->SendControl(message)) return;
  // Sent is not arrived: what was sent stays until the router has answered something behind it.
  confirming_ping_ = port_->SendPing();
  goodbye_sent_ = confirming_ping_ != 0;
}

void PublicationCore::Finish() {
  if (finished()) return;
  state_ = State::kFinished;
  port_ = nullptr;
  stream_id_ = 0;
  stats_.replay_bytes -= window_.bytes();
  stats_.replay_limit -= window_.limit();
  window_.Clear();
}

void PublicationCore::MarkLost(uint64_t from, uint64_t to) {
  // A router that came later may lack what an earlier one had and has passed on.
  from = std::max({from, lost_sequence_ + 1, acked_sequence_ + 1});
  if (from > to) return;
  lost_sequence_ = to;
  stats_.lost_frames += to - from + 1;
  // Adjoining losses are told as one.
  if (!untold_loss_.has_value()) untold_loss_ = ReplayWindow::Range{from, to};
  untold_loss_->to = to;
}

void PublicationCore::TellLost() {
  const std::optional<ReplayWindow::Range> loss = std::exchange(untold_loss_, std::nullopt);
  if (loss.has_value() && observer_ != nullptr) observer_->OnLost(loss->from, loss->to);
}

}  // namespace millrace::bus
