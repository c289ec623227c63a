#pragma once
// One attempt of a pull or a push: connects to another server and speaks RTMP with it as a client.
// Lives and dies on its shard; kept alive by its own coroutine.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateways/rtmp/protocol/client_conversation.h"
#include "media/flv/tags.h"
#include "millrace/v1/config.pb.h"
#include "runtime/net/ip_address.h"
#include "runtime/node/node.h"
#include "runtime/node/session_shard.h"
#include "runtime/relay/relay_url.h"
#include "runtime/relay/session.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/transport/transport.h"

namespace millrace::rtmp {

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
  RelaySession(node::SessionShard& shard, Options options, ClientOptions::Purpose purpose);

  // The server lets us: media may flow.
  virtual void OnAccepted(const ServerAccepts& accepted) = 0;
  virtual void OnMedia(media::flv::TagType /*type*/, int64_t /*timestamp_ms*/,
                       const media::Payload& /*body*/) {}
  // Every 250 ms, once accepted.
  virtual void OnTick(node::Clock::time_point /*now*/) {}
  // How long nothing more should be read.
  virtual std::chrono::nanoseconds Pause() { return {}; }
  // Says goodbye where that takes time, and ends by itself then. False: it does not.
  virtual bool Farewell() { return false; }
  // Ends publishing or playing. `lost`: the stream here goes on, from somewhere else.
  virtual void CloseRole(bool lost) = 0;
  // Sends what the conversation has to say.
  virtual void Flush();

  // Opens the row of the session, or refuses where a ban is in force: false, and it has ended.
  bool OpenRecord(v1::Role role, const char* protocol);
  void Running();
  void End(relay::End end, const std::string& reason, bool lost = true);

  node::Node& node() { return shard_.node(); }
  const std::string& stream() const { return options_.stream; }
  // Whether something waits for the socket.
  bool writing() const { return is_writing_; }

  node::SessionShard& shard_;
  const Options options_;
  const v1::RtmpSettings settings_;
  ClientConversation conversation_;
  std::unique_ptr<transport::Transport> transport_;
  std::shared_ptr<rpc::SessionRecord> record_;
  v1::AppSettings app_;  // of the stream, since the record was opened

 private:
  static boost::asio::awaitable<void> Run(std::shared_ptr<RelaySession> self);
  boost::asio::awaitable<void> Serve();
  // False where it is over.
  bool ReadAvailable();
  void Process(media::Bytes bytes);
  void Act(ClientEvent& event);
  void Tick();
  void Kick(const rpc::KickOrder& order);
  void Write(std::vector<uint8_t> bytes);
  void WriteMore();

  boost::asio::steady_timer ticker_;
  boost::asio::steady_timer pace_;
  node::Clock::time_point since_;
  bool accepted_ = false;
  bool over_ = false;
  bool paced_ = false;            // reading paused once: little at a time from then on
  net::Endpoint server_;          // as dialed
  std::vector<uint8_t> waiting_;  // what the socket did not take at once
  bool is_writing_ = false;
};

}  // namespace millrace::rtmp
