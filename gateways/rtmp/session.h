#pragma once
// One RTMP connection: reads the socket, lets the conversation speak, and joins a publisher to an
// Ingest or a player to a Viewer. Lives and dies on its shard; kept alive by its own coroutine and
// by writes.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateways/rtmp/media_intake.h"
#include "gateways/rtmp/protocol/conversation.h"
#include "gateways/rtmp/session_shard.h"
#include "millrace/v1/config.pb.h"
#include "runtime/log/log.h"
#include "runtime/net/ip_address.h"
#include "runtime/node/client_limits.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/stream/ingest.h"
#include "runtime/stream/viewer.h"
#include "runtime/transport/transport.h"

namespace millrace::rtmp {

class Session final : public std::enable_shared_from_this<Session>,
                      private stream::IngestObserver,
                      private stream::ViewerObserver {
 public:
  struct Options {
    v1::RtmpSettings settings;
    std::string refusal;  // the server is full: what whoever connects is told
    node::ClientLimits* limits = nullptr;
    const Login* login = nullptr;  // outlives the session
    net::Endpoint client;          // the other end of the connection, or whom a balancer speaks for
    // Publishers are cut to move elsewhere, so that their streams keep their viewers.
    std::function<bool()> draining;
    std::function<void()> on_end;  // once, on the shard
  };

  Session(SessionShard& shard, std::unique_ptr<transport::Transport> transport, Options options);
  ~Session() override;

  void Start();
  void Tick(Clock::time_point now);

 private:
  enum class Phase {
    kOpen,
    kClosing,  // the last bytes are on their way; waits for the peer to hang up, a second at most
    kDone,
  };

  static boost::asio::awaitable<void> Run(std::shared_ptr<Session> self);
  boost::asio::awaitable<void> Serve();
  bool ReadAvailable();
  // Whether the publisher is ahead of what it may be; sets pause_.
  bool TooFast();
  // Adds to the record's bytes; false where there is none.
  bool CountRead(size_t size);
  void Process(media::Bytes bytes);
  void Reproach(const std::string& name);

  void On(Connected& event);
  void On(ConnectRefused& event);
  void On(PublishRequest& event);
  void On(PlayRequest& event);
  void On(LoginRefused& event);
  void On(UnpublishRequest& event);
  void On(StopRequest& event);
  void On(VideoData& event);
  void On(AudioData& event);
  void On(Metadata& event);
  void On(Ignored& event);
  void On(ScriptData& event);
  void OnMedia(media::flv::TagType type, int64_t timestamp_ms, const media::Payload& body);
  void BeginPlay();

  // stream::IngestObserver
  void OnAccepted() override;
  void OnClosed(v1::RefusalReason reason, const std::string& text) override;
  void OnExcess(const char* name, const std::string& text) override;
  // stream::ViewerObserver
  std::vector<uint8_t> OnStart(const media::TrackSet& tracks) override;
  std::vector<uint8_t> OnEnding(stream::ViewerEnd end, const std::string& text) override;
  void OnEnded(stream::ViewerEnd end, const std::string& text) override;

  // The reason why `target` may not be published or played, or nothing.
  std::optional<std::string> WhyNot(const Target& target, std::string_view user,
                                    bool& banned) const;
  // Whether there is room for one more publisher; else it has been told.
  bool TakePublisherShares(const Target& target);
  // `user`: who logged in, or who is said to be there.
  void OpenRecord(const Target& target, std::string_view user, v1::Role role);
  void CloseRecord(const char* reason);
  void TakeSettings();
  void Kick(const rpc::KickOrder& order);

  // Sends what the conversation has to say, by the viewer where there is one.
  void Flush();
  void Write(std::vector<uint8_t> bytes);
  void WriteMore();
  void Writable(const boost::system::error_code& error);
  void Drained();
  // Ends publishing or playing, sends what is left to say, and hangs up. `lost`: a publisher may
  // come back.
  void CloseGently(const char* reason, bool lost = false);
  void Abort(const char* reason);
  void EndRole(const char* reason, bool lost);

  SessionShard& shard_;
  node::Node& node_;
  const std::unique_ptr<transport::Transport> transport_;
  const Options options_;
  const std::string address_;  // "ip"
  const std::string peer_;     // "ip:port"
  std::string refusal_;        // why nothing is served; set by what makes the shares
  node::ClientLimits::Shares connection_shares_;
  ServerConversation conversation_;
  Phase phase_ = Phase::kOpen;
  std::string user_agent_;
  EnhancedClient enhanced_;
  Clock::time_point since_;  // of the state that time-outs count from
  Clock::time_point last_media_;

  std::shared_ptr<rpc::SessionRecord> record_;
  std::string stream_;
  // Publishing.
  std::unique_ptr<stream::Ingest> ingest_;
  std::unique_ptr<MediaIntake> intake_;
  std::shared_ptr<const v1::Configuration> configuration_;  // that app_ is from
  v1::AppSettings app_;
  bool accepted_ = false;
  bool audio_refused_ = false;
  node::ClientLimits::Shares publisher_shares_;
  // While a publisher is ahead of its time: made when that first happens.
  std::optional<boost::asio::steady_timer> pace_timer_;
  std::chrono::nanoseconds pause_{0};
  bool paced_ = false;
  bool pace_told_ = false;
  // Playing.
  std::unique_ptr<stream::Viewer> viewer_;
  bool viewer_ending_ = false;
  bool kicked_ = false;
  std::optional<Target> pending_play_;  // until the socket is ours, and free

  std::vector<uint8_t> waiting_;  // what the socket did not take at once
  bool is_writing_ = false;
};

}  // namespace millrace::rtmp
