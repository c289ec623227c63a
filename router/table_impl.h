#pragma once
// The table behind its interface: who a message is from, which stream it is about, and what is due
// when.

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "router/context.h"
#include "router/deadlines.h"
#include "router/nodes.h"
#include "router/stream.h"
#include "router/table.h"

namespace millrace::router {

class Table::Impl {
 public:
  Impl(Options options, Outbox& outbox, Time now, Observer* observer);

  void OnControl(ConnectionId from, const v1::Envelope& envelope, Time now);
  void OnMedia(ConnectionId from, const SharedBatch& batch, Time now);
  void OnConnectionUnreachable(ConnectionId connection, Time now);
  void OnTimer(Time now);
  int64_t NextDeadline() const { return deadlines_.Next(); }
  void SetTopology(const v1::Topology& topology);
  void SetSettings(const v1::RouterSettings& settings);
  bool KickStream(const std::string& name, const std::string& reason, Time now);

  Context& context() { return context_; }
  Usage usage() const;
  bool Describe(const std::string& name, v1::Stream& row) const;
  void ForEachStream(const std::function<void(const v1::Stream&)>& visit) const;
  void TakeActive(Time now, const std::function<void(const v1::Stream&)>& visit);

 private:
  void OnHello(ConnectionId from, const v1::Hello& hello, Time now);
  void OnPing(ConnectionId from, Node& node, const v1::Ping& ping, Time now);
  void OnPublish(const Sender& from, const v1::Publish& publish, Time now);
  void OnSubscribe(const Sender& from, const v1::Subscribe& subscribe, Time now);
  void OnCredit(ConnectionId from, const v1::Credit& credit);
  void OnFetch(ConnectionId from, const v1::Fetch& fetch);
  void RequireHello(ConnectionId from, Time now);
  void RefuseUnknown(ConnectionId from, uint64_t stream_id, uint64_t epoch, Time now);
  // True where NotOwner was answered.
  bool BelongsElsewhere(ConnectionId from, uint64_t request_id, const std::string& stream);
  bool Owns(const std::string& stream) const;
  void DropConnection(const Nodes::Gone& gone, Time now);

  Stream* FindStream(uint64_t id) const;
  // nullptr where the table is full.
  Stream* FindOrAdd(const std::string& name);
  void Remove(Stream& stream);
  // After each message to `stream`: timers, counts, reports; forgets it where nothing is left.
  void Settle(Stream& stream, Time now);
  void ForgetOldest();
  void RelieveCache(Stream& busiest);
  void CountDelay(const Node& node, media::Bytes message, Time now);
  // False where the same was said to the same a moment ago.
  bool MaySay(uint64_t what, ConnectionId to, Time now);

  Observer silent_;
  Context context_;
  Nodes nodes_;
  Deadlines deadlines_;
  std::vector<std::unique_ptr<Stream>> streams_;
  absl::flat_hash_map<uint64_t, Stream*> by_id_;
  absl::flat_hash_map<std::string, Stream*> by_name_;
  std::deque<uint64_t>
      remembered_;   // ids in the order in which they fell idle; some are in use again
  size_t idle_ = 0;  // of streams_: ended and remembered
  std::vector<uint64_t> active_;
  int64_t active_since_ns_ = 0;
  size_t relieve_next_ = 0;
  std::vector<std::string> endpoints_;
  size_t own_endpoint_ = 0;  // in endpoints_; beyond it where it is not listed
  bool was_listed_ = false;
  uint64_t next_stream_id_ = 0;
  struct Said {
    uint64_t what = 0;
    ConnectionId to = kNoConnection;
    int64_t at_ns = INT64_MIN / 2;
  };
  std::array<Said, 256> said_{};
};

}  // namespace millrace::router
