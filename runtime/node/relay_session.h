#pragma once
// One attempt of a pull or a push, whatever is spoken: connects to another server, reads, writes
// what the socket takes, has a row among the node's sessions, and ends once. The counterpart of
// ClientSession, for connections that are ours. Lives and dies on its shard; kept alive by its own
// coroutine and by writes.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "media/base/bytes.h"
#include "millrace/v1/config.pb.h"
#include "runtime/net/ip_address.h"
#include "runtime/node/node.h"
#include "runtime/node/session_shard.h"
#include "runtime/relay/relay_url.h"
#include "runtime/relay/session.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/stream/viewer.h"
#include "runtime/transport/transport.h"

namespace millrace::node {

class RelaySession : public std::enable_shared_from_this<RelaySession> {
 public:
  struct Options {
    std::string stream;
    relay::RelayUrl url;
    bool insecure_tls = false;
    relay::Events events;
    std::function<bool()> draining;  // any thread
  };

  virtual ~RelaySession() = default;
  // On the shard, once.
  void Start();
  // On the shard, at any time.
  void Stop(relay::StopKind kind);

 protected:
  // Whom to connect to.
  struct Server {
    std::string host;
    uint16_t port = 0;
    bool secure = false;
  };

  RelaySession(SessionShard& shard, Options options);

  // --- what a protocol brings ---
  virtual Server server() const {
    return {options_.url.host, options_.url.port, options_.url.secure()};
  }
  // Nobody is there, or no TLS came about: a sentence for people. Ends the attempt.
  virtual void OnDialFailed(const absl::Status& status);
  // The connection is there: the first one, or another.
  virtual void OnConnected() = 0;
  // Bytes that came. They are gone when this returns.
  virtual void Receive(media::Bytes bytes) = 0;
  // Whether the connection is done with, though nobody closed it.
  virtual bool hanging_up() const { return false; }
  // It is closed, by either end. True: to be connected once more (to server()), and nothing holds
  // the transport any more; else the attempt has ended, or does so.
  virtual bool Reconnect() { return false; }
  // How long nothing more should be read.
  virtual std::chrono::nanoseconds Pause() { return {}; }
  // Often enough for its time-outs, from the first connection on.
  virtual std::chrono::milliseconds tick() const { return std::chrono::milliseconds(250); }
  virtual void OnTick(Clock::time_point now) = 0;
  // Says goodbye where that takes time, and ends by itself then. False: it does not.
  virtual bool Farewell() { return false; }
  // Writes what is said last, at the end of whatever kind.
  virtual void Leave() = 0;
  // Ends publishing or playing. `lost`: the stream here goes on, from somewhere else.
  virtual void CloseRole(bool lost) = 0;

  // --- the attempt ---
  // The server's address may not be spoken to: the attempt has ended with the ban's reason.
  bool Banned();
  // Opens the row of the session, by the configuration of now; `protocol` is a literal
  // ("rtmp-pull").
  void OpenRecord(v1::Role role, const char* protocol);
  void Running() { options_.events.on_running(record_->id()); }
  // How a pull's Ingest ended.
  void EndByRouter(v1::RefusalReason reason, const std::string& text);
  void EndByExcess(const char* name, const std::string& text);
  // How a push's Viewer ended.
  void EndByViewer(stream::ViewerEnd end, const std::string& text);
  // Takes the configuration over where it has changed; true: app_ is another one.
  bool Reconfigured();
  // `lost`: see CloseRole.
  void End(relay::End end, const std::string& reason, bool lost = true);
  void Write(media::Bytes bytes);

  Node& node() { return shard_.node(); }
  const std::string& stream() const { return options_.stream; }
  bool over() const { return over_; }
  // Whether something waits for the socket.
  bool writing() const { return is_writing_; }

  SessionShard& shard_;
  const Options options_;
  v1::AppSettings app_;  // of the stream
  const Clock::time_point since_;
  std::unique_ptr<transport::Transport> transport_;
  net::Endpoint peer_;  // whom it leads to
  std::shared_ptr<rpc::SessionRecord> record_;

 private:
  static boost::asio::awaitable<void> Run(std::shared_ptr<RelaySession> self);
  boost::asio::awaitable<void> Serve();
  // False where the attempt is over.
  boost::asio::awaitable<bool> Connect();
  boost::asio::awaitable<void> Read();
  // False where the connection is closed.
  bool ReadAvailable();
  void Tick();
  void Kick(const rpc::KickOrder& order);
  void WriteMore();

  std::shared_ptr<const v1::Configuration> configuration_;  // that app_ is from
  const char* protocol_ = "";
  boost::asio::steady_timer ticker_;
  boost::asio::steady_timer pace_;
  bool ticking_ = false;
  bool over_ = false;
  bool paced_ = false;            // reading paused once: little at a time from then on
  std::vector<uint8_t> waiting_;  // what the socket did not take at once
  bool is_writing_ = false;
  uint32_t connection_ = 0;  // how many there were: whose a write is that waits
};

using MakeRelaySession = std::function<std::shared_ptr<RelaySession>(RelaySession::Options)>;

// Begins an attempt on `shard`, from the home shard: `make` turns the options into a session. A URL
// that is none ends the attempt at once.
std::unique_ptr<relay::Session> StartRelay(SessionShard& shard, const std::string& url,
                                           RelaySession::Options options,
                                           const MakeRelaySession& make);

// The same of a v1::Pull or v1::Push.
template <class Job>
std::unique_ptr<relay::Session> StartRelay(SessionShard& shard, const Job& job,
                                           relay::Events events, std::function<bool()> draining,
                                           const MakeRelaySession& make) {
  RelaySession::Options options;
  options.stream = job.stream();
  options.insecure_tls = job.insecure_tls();
  options.events = std::move(events);
  options.draining = std::move(draining);
  return StartRelay(shard, job.url(), std::move(options), make);
}

}  // namespace millrace::node
