#pragma once
// One client's connection, whatever is spoken on it: reads, holds a publisher back that is ahead of
// its time, writes what the socket takes, hangs up gently or at once, and has a row among the
// node's sessions. Lives and dies on its shard; kept alive by its own coroutine and by writes.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/base/bytes.h"
#include "runtime/log/log.h"
#include "runtime/net/ip_address.h"
#include "runtime/node/client_limits.h"
#include "runtime/node/session_shard.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/stream/ingest.h"
#include "runtime/transport/transport.h"

namespace millrace::node {

class ClientSession : public std::enable_shared_from_this<ClientSession> {
 public:
  struct Options {
    std::string refusal;  // the server is full: what whoever connects is told
    ClientLimits* limits = nullptr;
    net::Endpoint client;  // the other end of the connection, or whom a balancer speaks for
    bool behind_balancer = false;
    // Publishers are cut to move elsewhere, so that their streams keep their viewers.
    std::function<bool()> draining;
    std::function<void()> on_end;  // once, on the shard
  };

  virtual ~ClientSession();

  void Start();
  // Every 250 ms while it is watched.
  void Tick(Clock::time_point now);

 protected:
  enum class Phase {
    kOpen,
    kClosing,  // the last bytes are on their way; waits for the peer to hang up, a second at most
    kDone,
  };

  ClientSession(SessionShard& shard, std::unique_ptr<transport::Transport> transport,
                Options options);

  // --- what a protocol brings ---
  // Of an open connection.
  virtual void OnTick(Clock::time_point now) = 0;
  // Bytes of an open connection. They are gone when this returns.
  virtual void Receive(media::Bytes bytes) = 0;
  // Sends what there is to say, by the viewer where there is one.
  virtual void Flush() = 0;
  // Nothing waits for the socket any more, of an open connection.
  virtual void OnDrained() = 0;
  // Ends publishing or playing. `lost`: a publisher may come back.
  virtual void LeaveRole(bool lost) = 0;
  // Of an open connection.
  virtual void Kick(const rpc::KickOrder& order) = 0;
  virtual bool publishing() const = 0;
  // Of a publisher: stream::Ingest::Wait.
  virtual std::chrono::nanoseconds HoldBack() = 0;
  // Of a publisher: in percent of real time.
  virtual uint32_t SpeedLimit() const = 0;
  // It was not read for a while: that nothing came was our doing.
  virtual void Excuse(Clock::time_point now) = 0;

  // --- the connection ---
  void Write(std::vector<uint8_t> bytes);
  // Ends publishing or playing, sends what is left to say, and hangs up.
  void CloseGently(const char* reason, bool lost = false);
  void Abort(const char* reason);
  void EndRole(const char* reason, bool lost);
  // What a peer that never got as far as a session did wrong: counted by name, now and then logged.
  void Reproach(const std::string& name);
  // Who may not be here has been told so.
  void TurnAway();
  // Adds to the record's bytes; false where there is none.
  bool CountRead(size_t size);

  // --- the session ---
  void OpenRecord(const std::string& stream, std::string_view user, std::string_view user_agent,
                  v1::Role role);
  void CloseRecord(const char* reason);
  // A kick of the stream, or of a node that drains: the publisher may come back.
  bool IsLostBy(const rpc::KickOrder& order) const;
  // Counts one more publisher of `stream`, or returns why there is no room; nothing: there is.
  std::optional<std::string> TakePublisherShares(const std::string& stream);
  // Says in the log that the router ended the publication; returns the session's end.
  const char* LogClosed(v1::RefusalReason reason, const std::string& text);
  void CountExcess(const char* name, const std::string& text);
  void LogRole(const char* role, std::string_view user_agent);

  Node& node() { return shard_.node(); }
  const Node& node() const { return shard_.node(); }

  SessionShard& shard_;
  const std::unique_ptr<transport::Transport> transport_;
  const std::function<bool()> draining_;
  const bool behind_balancer_;
  const std::string address_;  // "ip"
  const std::string peer_;     // "ip:port"
  std::string refusal_;        // why nothing is served; set by what makes the shares
  Phase phase_ = Phase::kOpen;
  Clock::time_point since_;  // of the state that time-outs count from
  std::shared_ptr<rpc::SessionRecord> record_;
  std::string stream_;                 // of the record
  std::chrono::nanoseconds pause_{0};  // in reading a publisher, now
  bool paced_ = false;                 // it was held back, and has not been read dry since
  bool is_writing_ = false;            // something waits for the socket

 private:
  static boost::asio::awaitable<void> Run(std::shared_ptr<ClientSession> self);
  boost::asio::awaitable<void> Serve();
  bool ReadAvailable();
  // Whether the publisher is ahead of what it may be; sets pause_.
  bool TooFast();
  void WriteMore();
  void Writable(const boost::system::error_code& error);
  void Drained();
  // How a connection that breaks ends.
  const char* BreakName() const { return publishing() ? "connection_lost" : "client_closed"; }

  ClientLimits* const limits_;
  const std::function<void()> on_end_;
  ClientLimits::Shares connection_shares_;
  ClientLimits::Shares publisher_shares_;
  // While a publisher is ahead of its time: made when that first happens.
  std::optional<boost::asio::steady_timer> pace_timer_;
  bool pace_told_ = false;
  std::vector<uint8_t> waiting_;  // what the socket did not take at once
};

}  // namespace millrace::node
