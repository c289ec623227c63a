#pragma once
// Nodes, their sessions, and the streams that routers report, put together. No I/O, no clock: time
// is an argument.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "millrace/v1/admin.pb.h"
#include "millrace/v1/node.pb.h"

namespace millrace::control {

struct NodeRow {
  v1::Node node;                   // as ListNodes shows it; `sessions` is filled in when it is read
  std::set<std::string> sessions;  // ids
  int64_t detached_ms = 0;         // meaningful while it is not attached
  int64_t last_report_ms = 0;
};

class Directory {
 public:
  static constexpr int64_t kForgetNodeMs = 60'000;
  static constexpr int64_t kHeartbeatLostMs = 10'000;

  // `grace_ms`: how long streams of a router that is gone are still listed.
  explicit Directory(int64_t grace_ms) : grace_ms_(grace_ms) {}
  void SetGrace(int64_t grace_ms) { grace_ms_ = grace_ms; }

  void Attach(const v1::Register& registration, const std::string& address, int64_t now_ms);
  void Detach(const std::string& node, int64_t now_ms);
  // A node of which nothing is known but that it was there: shown as detached.
  void Remember(const v1::Register& registration, const std::string& address, int64_t seen_ms,
                int64_t now_ms);

  void Heartbeat(const std::string& node, const v1::Heartbeat& heartbeat, int64_t now_ms);
  // Returns the ids of sessions that were not known before, for a node that is reporting changes.
  std::vector<std::string> UpdateSessions(const std::string& node, const v1::SessionUpdate& update);
  void UpdateStreams(const std::string& node, const v1::StreamUpdate& update, int64_t now_ms);
  // Attached nodes that have not been heard of for too long.
  std::vector<std::string> Silent(int64_t now_ms) const;
  // Forgets nodes and streams whose time is over.
  void Expire(int64_t now_ms);

  const std::map<std::string, NodeRow>& nodes() const { return nodes_; }
  v1::Node DescribeNode(const NodeRow& row) const;
  const std::map<std::string, v1::Session>& sessions() const { return sessions_; }
  // By name, with viewers. Streams that ended are not among them.
  std::map<std::string, v1::Stream> streams(const std::string& prefix = "") const;
  std::optional<v1::Stream> stream(const std::string& name) const;
  uint32_t viewers(const std::string& stream) const;  // sessions, whether it is live or waited for
  bool live(const std::string& stream) const;         // it has a publisher, or may get it back
  // In the order of names, for pages: the first that is not before `name`, the first behind it.
  std::optional<v1::Stream> FirstStream(const std::string& name) const;
  std::optional<v1::Stream> NextStream(const std::string& name) const;
  // How many sessions of the stream each node has; nodes without any are left out.
  std::map<std::string, uint32_t> SessionsByNode(const std::string& stream) const;

  // What watchers are told. What comes, goes, or gets another publisher at once; the rest only with
  // `all`.
  std::vector<v1::StreamEvent> TakeEvents(bool all, int64_t now_ms);

 private:
  struct Row {
    v1::Stream stream;
    uint64_t incarnation = 0;           // of the router
    std::optional<int64_t> expires_ms;  // the router is gone, or another process of it has come
    // What the router's new process says while a publisher may still re-attach to it.
    std::optional<v1::Stream> next;
  };
  struct StreamEntry {
    std::map<std::string, Row> rows;  // by router; more than one only while a stream moves
    uint32_t viewers = 0;
  };

  void PutSession(const std::string& node, NodeRow& row, const v1::Session& session);
  void DropSession(NodeRow& row, const std::string& id);
  void DropSessions(NodeRow& row);
  void CountViewer(const v1::Session& session, int change);
  void DropRow(const std::string& router, const std::string& stream);
  static bool Better(const Row& a, const Row& b);
  static v1::Stream Merge(const std::string& name, const StreamEntry& entry);

  int64_t grace_ms_;
  std::map<std::string, NodeRow> nodes_;
  std::map<std::string, v1::Session> sessions_;
  std::map<std::string, StreamEntry> streams_;
  std::set<std::string> touched_;
  std::unordered_map<std::string, v1::Stream> published_;  // as watchers know it
};

}  // namespace millrace::control
