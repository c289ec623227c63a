#pragma once
// One stream of the table: who publishes it, in which epoch, and where its timeline stands.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "router/audience.h"
#include "router/context.h"
#include "router/feed.h"

namespace millrace::router {

// Who says something: the node behind a connection.
struct Sender {
  ConnectionId connection = kNoConnection;
  std::string_view node;
  uint64_t incarnation = 0;
};

class Stream {
 public:
  enum class State {
    kWaiting,  // nobody has published it since the table knows it
    kLive,     // has a publisher; or had one a moment ago, whose node is reconnecting
    kGrace,    // its publisher is lost and may come back, or said goodbye a moment ago
    kEnded,    // remembered
  };

  Stream(std::string name, uint64_t id, Context& context);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // From publishers.
  void Publish(const Sender& from, const v1::Publish& publish, Time now);
  void SetTracks(ConnectionId from, const v1::TrackSetUpdate& tracks);
  // kUnknown: the sender believes in a publication that is not there and should be told.
  enum class Taken { kForwarded, kDropped, kUnknown };
  Taken Take(ConnectionId from, const media::BatchHeader& header, const SharedBatch& batch,
             Time now);
  void Unpublish(const Sender& from, const v1::Unpublish& unpublish, Time now);

  // From subscribers.
  void Subscribe(const Sender& from, const v1::Subscribe& subscribe, Time now);
  void Unsubscribe(ConnectionId from, const v1::Unsubscribe& unsubscribe, Time now);
  bool Credit(ConnectionId from, const v1::Credit& credit) {
    return audience_.Credit(from, credit);
  }
  void Fetch(ConnectionId from, const v1::Fetch& fetch);

  // The connection is gone. `returns`: the same process is on its way back on another one.
  void DropConnection(ConnectionId connection, bool returns, const char* why, Time now);
  bool Kick(const std::string& reason, Time now);
  void SendNotOwner();
  void OnTimer(Time now);
  int64_t NextDeadline() const;

  const std::string& name() const { return feed_.name; }
  uint64_t id() const { return feed_.stream_id; }
  State state() const { return state_; }
  size_t subscriptions() const { return audience_.size(); }
  void AddOwed(uint64_t& bytes, uint64_t& limit) const { audience_.AddOwed(bytes, limit); }
  // Nobody publishes it or waits for it.
  bool idle() const;
  // Nothing about it needs to be remembered any more.
  bool forgettable(Time now) const;
  int64_t ended_ns() const { return ended_ns_; }
  Cache& cache() { return feed_.cache; }
  uint64_t bytes_in() const { return bytes_in_; }
  void Describe(v1::Stream& row) const;
  // True once after state or tracks changed.
  bool TakeChanged() { return std::exchange(changed_, false); }

  // Bookkeeping of the table.
  size_t index = 0;
  int64_t scheduled_ns = kNever;
  bool counted_idle = false;
  bool listed = false;
  bool in_active_list = false;
  uint64_t reported_bytes = 0;

 private:
  struct Publication {
    ConnectionId connection = kNoConnection;  // none: waits for re-attachment
    std::string node;
    uint64_t incarnation = 0;
    uint64_t request_id = 0;
    std::string session;
    v1::Timeline previous;  // epoch 0: none
    int64_t grace_ns = 0;
    int64_t grace_after_unpublish_ns = 0;
    int64_t started_unix_ms = 0;
    uint64_t taken = 0;  // bytes since the grant
    uint64_t credit = 0;
    uint32_t unacknowledged = 0;
    int64_t acknowledged_ns = 0;
    int64_t resend_asked_ns = INT64_MIN / 2;
    bool in_gap = false;
  };
  // A request that is over, so that its repetition is not taken for a new one.
  struct PastRequest {
    std::string node;
    uint64_t incarnation = 0;
    uint64_t request_id = 0;
    v1::RefusalReason reason = v1::REFUSAL_UNSPECIFIED;
  };

  void Attach(const Sender& from, const v1::Publish& publish, Time now);
  void BeginEpoch(uint64_t epoch);
  void Grant();
  void Refuse(const Sender& to, uint64_t request_id, v1::RefusalReason reason,
              std::string_view text, uint32_t retry_after_ms = 0);
  // The publication ends for its publisher, who is told where it can be reached.
  void Dismiss(v1::RefusalReason reason, const std::string& text);
  void RememberRequest(v1::RefusalReason reason);
  void Lose(int64_t grace_ns, v1::EndReason reason, const char* why, Time now);
  void End(v1::EndReason reason, const std::string& text, Time now);
  void Learn(const v1::Timeline& report);
  void Fence(uint64_t epoch, Time now);
  bool KeepTracks(const v1::TrackSetUpdate& tracks);
  void AskAgain(Time now);
  void Acknowledge(bool resend, Time now);
  void RaiseCredit();
  int64_t Retention(Time now) const;
  void Follow(const media::BatchHeader& header, media::Bytes message);
  void Note(EventKind kind, std::string_view detail = {}) const;
  void WatchOrphans(Time now);

  Context& context_;
  Feed feed_;
  Audience audience_;
  State state_ = State::kWaiting;
  Publication publication_;
  std::deque<PastRequest> past_requests_;
  v1::Timeline timeline_;       // of the last epoch that had frames, from wherever it is known
  uint64_t highest_epoch_ = 0;  // from any report
  uint64_t kicked_epoch_ = 0;   // this and older ones do not come back
  bool unpublished_ = false;    // the last epoch ended with a goodbye
  v1::EndReason end_reason_ = v1::END_UNSPECIFIED;
  std::string end_text_;
  // Deadlines, mono.
  int64_t lost_at_ns_ = kNever;    // kLive, reconnecting
  int64_t grace_end_ns_ = kNever;  // kGrace
  int64_t cache_end_ns_ = kNever;  // kEnded: late re-subscribers still get the tail
  int64_t keep_until_ns_ = 0;      // subscribers may have yet to re-attach for what is cached
  int64_t orphans_end_ns_ = kNever;
  int64_t ended_ns_ = 0;
  // Since the epoch began here.
  uint64_t bytes_in_ = 0;
  uint64_t frames_in_ = 0;
  int64_t key_dts_ns_ = INT64_MIN;  // of the last random-access batch
  int64_t key_interval_ns_ = 0;     // between the last two of them; 0 unknown
  bool has_b_frames_ = false;
  uint32_t frames_to_probe_ = 0;
  int64_t highest_pts_ns_ = INT64_MIN;
  uint32_t probed_track_ = 0;
  bool changed_ = false;
};

}  // namespace millrace::router
