#pragma once
// One RTSP connection: reads the socket, lets the conversation speak, and joins a publisher to an
// Ingest or a player to a Viewer. Lives and dies on its shard; kept alive by its own coroutine and
// by writes.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateways/rtsp/protocol/server_conversation.h"
#include "gateways/rtsp/receiver.h"
#include "gateways/rtsp/session_shard.h"
#include "media/frame/track.h"
#include "runtime/log/log.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/stream/ingest.h"
#include "runtime/stream/viewer.h"

namespace millrace::rtsp {

class Session final : public std::enable_shared_from_this<Session>,
                      private stream::IngestObserver,
                      private stream::ViewerObserver {
 public:
  struct Options {
    // Publishers are cut to move elsewhere, so that their streams keep their viewers.
    std::function<bool()> draining;
    std::function<void()> on_end;  // once, on the shard
  };

  Session(SessionShard& shard, boost::asio::ip::tcp::socket socket, Options options);
  ~Session() override;

  void Start();
  void Tick(Clock::time_point now);

 private:
  enum class Phase {
    kOpen,
    kClosing,  // the last bytes are on their way; waits for the peer to hang up, a second at most
    kDone,
  };
  // What the viewer is there for.
  enum class Viewing { kNothing, kDescription, kMedia };
  // The tracks of a stream, as the home shard saw them.
  struct Seen {
    media::TrackSet tracks;
  };

  static boost::asio::awaitable<void> Run(std::shared_ptr<Session> self);
  boost::asio::awaitable<void> Serve();
  bool ReadAvailable();
  void Process(media::Bytes bytes);
  void Work();

  void On(DescribeRequest& event);
  void On(AnnounceRequest& event);
  void On(UdpSetupRequest& event);
  void On(PlayRequest& event);
  void On(RecordRequest& event);
  void On(PauseRequest& event);
  void On(TeardownRequest& event);
  void On(MediaPacket& event);
  void BeginView();

  // stream::IngestObserver
  void OnAccepted() override;
  void OnClosed(v1::RefusalReason reason, const std::string& text) override;
  // stream::ViewerObserver
  std::vector<uint8_t> OnStart(const media::TrackSet& tracks) override;
  std::vector<uint8_t> OnEnding(stream::ViewerEnd end, const std::string& text) override;
  void OnEnded(stream::ViewerEnd end, const std::string& text) override;
  void OnDescriptionEnded(stream::ViewerEnd end, const std::string& text);

  // Refuses the waiting request where `target` may not be published or played by `user`.
  bool Refused(const Target& target, std::string_view user);
  // Whether who publishes `target` said who it is, where it must; else the request is answered.
  bool LoggedIn(const Target& target);
  void OpenRecord(const Target& target, v1::Role role);
  void CloseRecord(const char* reason);
  void Kick(const rpc::KickOrder& order);

  // Sends what the conversation has to say, by the viewer where there is one.
  void Flush();
  void Write(std::vector<uint8_t> bytes);
  void WriteMore();
  void Drained();
  // Ends publishing or playing, sends what is left to say, and hangs up. `lost`: a publisher may
  // come back.
  void CloseGently(const char* reason, bool lost = false);
  void Abort(const char* reason);
  void EndRole(const char* reason, bool lost);

  SessionShard& shard_;
  node::Node& node_;
  boost::asio::ip::tcp::socket socket_;
  const Options options_;
  const std::string address_;  // "ip"
  const std::string peer_;     // "ip:port"
  ServerConversation conversation_;
  Phase phase_ = Phase::kOpen;
  Clock::time_point since_;  // of the state that time-outs count from
  Clock::time_point last_media_;

  std::shared_ptr<rpc::SessionRecord> record_;
  Target target_;
  std::string user_;
  v1::AppSettings app_;
  // Publishing.
  std::optional<ServerAuth> auth_;
  int logins_refused_ = 0;
  std::vector<media::sdp::Source> sources_;
  std::unique_ptr<stream::Ingest> ingest_;
  std::unique_ptr<Receiver> receiver_;
  std::vector<Receiver::Item> items_;
  bool accepted_ = false;
  // Playing.
  Viewing wanted_ = Viewing::kNothing;  // until the socket is ours, and free
  Viewing viewing_ = Viewing::kNothing;
  std::unique_ptr<stream::Viewer> viewer_;
  std::shared_ptr<Seen> seen_;
  bool viewer_ending_ = false;
  bool kicked_ = false;
  bool torn_down_ = false;

  // What the socket did not take at once.
  std::vector<uint8_t> writing_;
  std::vector<uint8_t> waiting_;
  bool is_writing_ = false;
};

}  // namespace millrace::rtsp
