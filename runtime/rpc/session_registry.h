#pragma once
// The client sessions of this node: what the control plane lists and kicks, and what the session
// metrics count. Thread-safe; sessions live on their shards and are reached through their kick
// function.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "millrace/v1/node.pb.h"
#include "runtime/metrics/registry.h"
#include "runtime/rpc/ban_list.h"

namespace millrace::rpc {

// One session's row. The counters may be raised from the session's shard without a lock.
class SessionRecord {
 public:
  explicit SessionRecord(v1::Session session) : session_(std::move(session)) {}
  const std::string& id() const { return session_.id(); }

  std::atomic<uint64_t> bytes_in{0};
  std::atomic<uint64_t> bytes_out{0};
  std::atomic<uint64_t> frames_dropped{0};
  std::atomic<const char*> state{"active"};  // a literal: "waiting", "active", "lagging"

 private:
  friend class SessionRegistry;
  v1::Session session_;
  bool reported_ = false;  // the registry's, under its lock
};

struct KickOrder {
  std::string reason;
  // The stream goes, and the router ends it for everybody. A publisher's session leaves the stream
  // to the router then: a goodbye of its own could overtake the reason on its way to the viewers.
  bool whole_stream = false;
};

class SessionRegistry {
 public:
  // Called on any thread; posts to the session's shard.
  using Kick = std::function<void(const KickOrder& order)>;

  // `id_prefix`: "<kind>-<incarnation in hex>".
  // Keeps millrace_sessions{protocol,role}, millrace_sessions_total{protocol,role} and
  // millrace_session_ends_total{protocol,role,reason} in `metrics`.
  SessionRegistry(std::string node, std::string id_prefix, metrics::Registry& metrics);

  // Adds a row; fills in id, node and start time of `session`.
  std::shared_ptr<SessionRecord> Open(v1::Session session, Kick kick);
  // Changes stream, role or user of a session that is already open (RTMP learns them late).
  void Describe(SessionRecord& record, std::string_view stream, v1::Role role,
                std::string_view user);
  // `reason` is a literal from a bounded set ("client_closed", "kicked", "slow" …). Closing twice
  // does nothing.
  void Close(const SessionRecord& record, const char* reason);

  bool KickSession(const std::string& id, const std::string& reason);
  // Every session of the stream; returns how many.
  size_t KickStream(const std::string& stream, const std::string& reason);
  size_t KickAll(const std::string& reason);
  // Every session that a ban in force forbids, for the ban's reason; returns how many.
  size_t KickBanned(const BanList& bans);

  // What changed since the last call (all rows with `complete`), for the report to the control
  // plane. Without `counters` only what opened, closed or was described anew: cheap, however many
  // sessions there are.
  v1::SessionUpdate TakeUpdate(bool complete, bool counters = true);
  size_t size() const;

  // Called whenever a session opens, is described or closes, on that thread and under the
  // registry's lock: it may only signal. One listener; null removes it, and then it is not running
  // any more.
  void SetListener(std::function<void()> listener);

 private:
  struct Entry {
    std::shared_ptr<SessionRecord> record;
    Kick kick;
    uint64_t reported_activity = 0;
  };
  v1::Session Snapshot(const SessionRecord& record) const;
  prometheus::Gauge& OpenSessions(const v1::Session& session);
  void CountStart(const v1::Session& session);
  static uint64_t Activity(const SessionRecord& record);
  void MarkDirty(const std::string& id);  // with the lock held

  const std::string node_;
  const std::string id_prefix_;
  metrics::Registry& metrics_;
  mutable std::mutex mutex_;
  uint64_t next_number_ = 1;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_set<std::string> dirty_;
  std::vector<std::string> closed_;
  std::function<void()> listener_;
};

}  // namespace millrace::rpc
