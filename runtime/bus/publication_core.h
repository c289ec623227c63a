#pragma once
// The publisher's side of one stream: asks for the name, keeps the replay window, sends what the
// router has not got, within its credit. No I/O: the owner attaches it to a port and hands it what
// arrives.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "media/frame/frame.h"
#include "media/frame/track.h"
#include "runtime/bus/client.h"
#include "runtime/bus/port.h"
#include "runtime/bus/replay_window.h"

namespace millrace::bus {

inline constexpr int64_t kRequestRetryNs = 1 * kSecond;  // an unanswered request is repeated
inline constexpr int64_t kOwnerRetryNs =
    kSecond / 4;                                      // after NotOwner, or a grant of an older term
inline constexpr int64_t kReplayMinNs = 5 * kSecond;  // see replay_window.h
inline constexpr int64_t kCloseTimeoutNs = 5 * kSecond;  // at least; the stream's grace if longer

class PublicationCore {
 public:
  // `number` is unique in this process. `observer` and `stats` outlive the core or, for the
  // observer, the call of Forget().
  PublicationCore(uint64_t number, std::string stream, PublishOptions options,
                  PublicationObserver& observer, ClientStats& stats);
  ~PublicationCore() { Finish(); }
  PublicationCore(const PublicationCore&) = delete;
  PublicationCore& operator=(const PublicationCore&) = delete;

  // What the gateway calls.
  void SetTracks(const media::TrackSet& tracks, Instant now);
  void Send(std::span<const media::Frame> frames, Instant now);
  void SetGrace(uint32_t grace_ms, uint32_t grace_after_unpublish_ms);
  void Unpublish(bool lost, Instant now);
  // The observer is gone. A publication that was not unpublished counts as lost.
  void Forget(Instant now);
  // Lets go of everything, `stats` included, without a word to anybody.
  void Abandon();

  // The router that owns the stream has welcomed this node: publish there, or go on there. `port`
  // stays valid until Detach.
  void Attach(Port& port, Instant now);
  void Detach();
  // The stream moves away from the port: a goodbye to its router, which need not arrive.
  void LeaveOwner(Instant now);

  // True where this is the answer to the current request.
  bool OnGrant(const v1::PublishGrant& grant, Instant now);
  // Refusals and NotOwner that bear the current request id, or this stream id and epoch.
  void OnRefused(const v1::PublishRefused& refused, Instant now);
  void OnNotOwner(Instant now);
  void OnAck(const v1::Ack& ack, Instant now);
  void OnCredit(const v1::Credit& credit, Instant now);
  void OnPong(uint64_t number);
  void OnTimer(Instant now);
  int64_t NextDeadline() const;

  const std::string& stream() const { return stream_; }
  uint64_t number() const { return number_; }
  uint64_t request_id() const { return RequestOf(number_, attempt_); }
  uint64_t stream_id() const { return stream_id_; }  // 0 until granted by the present router
  uint64_t epoch() const { return epoch_; }
  bool attached() const { return port_ != nullptr; }
  // Unpublished, and what remains to be said has not been said to a router yet: a new publication
  // of the same name has to wait, or it would cut this one's last frames off.
  bool leaving() const { return closing_ && !finished() && !goodbye_sent_; }
  // Unpublished, and not yet sure that the router knows.
  bool closing() const { return closing_ && !finished(); }
  // Nothing more will happen: drop it.
  bool finished() const { return state_ == State::kFinished; }
  const ReplayWindow& window() const { return window_; }

 private:
  enum class State { kIdle, kRequested, kWaiting, kGranted, kFinished };

  void Request(Instant now);
  void Repeat();
  void Pump();
  bool SendTracks(const TrackSetPtr& tracks, uint64_t first_sequence);
  bool SendBatch(ReplayWindow::Item& item);
  v1::Unpublish Goodbye() const;
  void SayGoodbye();
  void Finish();
  void MarkLost(uint64_t from, uint64_t to);
  void TellLost();
  void Push(std::span<const media::Frame> frames, Instant now);
  Timeline Held() const;

  const uint64_t number_;
  const std::string stream_;
  PublishOptions options_;
  PublicationObserver* observer_;
  ClientStats& stats_;

  State state_ = State::kIdle;
  Port* port_ = nullptr;
  uint32_t attempt_ = 1;
  int64_t retry_at_ns_ = kNever;

  // As the last Publish had them.
  uint32_t said_grace_ms_ = 0;
  uint32_t said_grace_after_unpublish_ms_ = 0;

  // Under the present grant.
  uint64_t stream_id_ = 0;
  uint64_t credit_limit_ = 0;
  uint64_t sent_bytes_ = 0;
  uint64_t expected_ = 0;  // what the router takes next; 0: whatever we start with
  TrackSetPtr sent_tracks_;

  // Of the epoch.
  uint64_t epoch_ = 0;
  TrackSetPtr tracks_;
  ReplayWindow window_;
  Timeline end_;                 // where the frames pushed so far end
  uint64_t sent_sequence_ = 0;   // highest ever sent to any router
  uint64_t acked_sequence_ = 0;  // highest that any router has had
  uint64_t lost_sequence_ = 0;   // highest ever counted as lost
  std::optional<ReplayWindow::Range> untold_loss_;

  // Leaving.
  bool closing_ = false;
  bool lost_ = false;  // how it ended
  bool goodbye_sent_ = false;
  uint64_t confirming_ping_ = 0;
  int64_t close_deadline_ns_ = kNever;
};

}  // namespace millrace::bus
