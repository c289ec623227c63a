#pragma once
// The subscriber's side of one stream: asks for it, delivers each frame once and in order, notices
// what is missing, grants credit. No I/O: the owner attaches it to a port and hands it what
// arrives.

#include <cstdint>
#include <string>

#include "media/frame/batch.h"
#include "media/frame/track.h"
#include "runtime/bus/client.h"
#include "runtime/bus/port.h"

namespace millrace::bus {

inline constexpr int64_t kCreditKeepAliveNs = 5 * kSecond;
inline constexpr int64_t kResubscribeMinNs =
    kSecond / 10;  // between two re-subscriptions for a gap

class SubscriptionCore {
 public:
  // `number` is unique in this process. `observer` outlives the core or the call of Forget().
  SubscriptionCore(uint64_t number, std::string stream, SubscribeOptions options,
                   SubscriptionObserver& observer, ClientStats& stats);
  SubscriptionCore(const SubscriptionCore&) = delete;
  SubscriptionCore& operator=(const SubscriptionCore&) = delete;

  // The observer is gone: unsubscribes.
  void Forget();
  // Lets go of everything without a word to anybody.
  void Abandon();

  // The router that owns the stream has welcomed this node. `port` stays valid until Detach.
  void Attach(Port& port, Instant now);
  void Detach();
  // The stream moves away from the port: unsubscribes there, as far as that arrives.
  void LeaveOwner();

  // True where this is the answer to the current request.
  bool OnGrant(const v1::SubscribeGrant& grant, Instant now);
  void OnTrackSet(const v1::TrackSetUpdate& update, Instant now);
  // `message` is the whole batch and `header` what it starts with.
  void OnBatch(const media::BatchHeader& header, const media::Payload& message, Instant now);
  void OnSkipped(const v1::Skipped& skipped, Instant now);
  void OnEnded(const v1::StreamEnded& ended, Instant now);
  // Another subscription of the same stream and node took its place: final.
  void OnReplaced();
  void OnNotOwner(Instant now);
  void OnMark(const v1::Mark& mark);
  void OnTimer(Instant now);
  int64_t NextDeadline() const;

  const std::string& stream() const { return stream_; }
  uint64_t number() const { return number_; }
  uint64_t request_id() const { return RequestOf(number_, attempt_); }
  uint64_t stream_id() const { return stream_id_; }  // 0 until granted by the present router
  bool attached() const { return port_ != nullptr; }
  bool finished() const { return state_ == State::kFinished; }

 private:
  enum class State { kIdle, kRequested, kWaiting, kGranted, kFinished };

  void Request(Instant now);
  void Repeat();
  void OnGap(Instant now);
  void RaiseCredit(Instant now);
  void SendCredit(Instant now);
  void Deliver(const media::BatchHeader& header, std::vector<media::Frame> frames);
  void Announce();
  void Skip(uint64_t to_sequence, uint64_t bytes, const std::string& reason);
  void Unsubscribe();
  // Of the next frame to deliver; 0 where this epoch has not delivered any.
  uint64_t expected() const { return last_.epoch == epoch_ ? last_.last_sequence + 1 : 0; }

  const uint64_t number_;
  const std::string stream_;
  const SubscribeOptions options_;
  SubscriptionObserver* observer_;
  ClientStats& stats_;

  State state_ = State::kIdle;
  Port* port_ = nullptr;
  uint32_t attempt_ = 0;
  int64_t retry_at_ns_ = kNever;
  int64_t resubscribed_ns_ = -kSecond;

  // Under the present grant.
  uint64_t stream_id_ = 0;
  uint64_t received_bytes_ = 0;
  uint64_t credit_limit_ = 0;
  int64_t heard_ns_ = 0;         // last media received or credit sent
  media::TrackSet wire_tracks_;  // that arriving batches refer to; version 0: none yet
  v1::Skipped early_skip_;       // in an epoch whose track set has yet to come; to_sequence 0: none

  // What the observer was told.
  uint64_t epoch_ = 0;      // newest announced by a track set
  media::TrackSet tracks_;  // version 0: none of this epoch
  Timeline last_;           // of the last frame delivered or skipped
  bool online_ = false;
  bool told_waiting_ = false;
  bool need_random_access_ = false;

  // The batch that a Mark may refer to.
  uint64_t marked_first_ = 0;
  uint64_t marked_last_ = 0;
  int64_t marked_wall_ns_ = 0;
};

}  // namespace millrace::bus
