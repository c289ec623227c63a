#pragma once
// One RTSP connection: reads the socket, lets the conversation speak, and joins a publisher to a
// Publication or a player to a Viewer. Lives and dies on its shard; kept alive by its own coroutine
// and by writes.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateways/rtsp/multicast.h"
#include "gateways/rtsp/player_ports.h"
#include "gateways/rtsp/protocol/server_conversation.h"
#include "gateways/rtsp/publication.h"
#include "gateways/rtsp/rtsp_unit.h"
#include "gateways/rtsp/session_shard.h"
#include "gateways/rtsp/track_query.h"
#include "gateways/rtsp/udp_input.h"
#include "gateways/rtsp/udp_pair.h"
#include "gateways/rtsp/udp_sink.h"
#include "millrace/v1/config.pb.h"
#include "runtime/log/log.h"
#include "runtime/net/ip_address.h"
#include "runtime/node/client_limits.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/stream/viewer.h"
#include "runtime/transport/transport.h"

namespace millrace::rtsp {

class Session final : public std::enable_shared_from_this<Session>,
                      private stream::IngestObserver,
                      private stream::ViewerObserver {
 public:
  struct Options {
    v1::RtspSettings settings;
    std::string refusal;  // the server is full: what whoever connects is told
    node::ClientLimits* limits = nullptr;
    net::Endpoint client;  // the other end of the connection, or whom a balancer speaks for
    bool behind_balancer = false;
    // Outlive the session. Null: TCP alone.
    UdpPorts* udp_ports = nullptr;
    Multicast* multicast = nullptr;
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

  // --- session.cc: the connection ---
  static boost::asio::awaitable<void> Run(std::shared_ptr<Session> self);
  boost::asio::awaitable<void> Serve();
  bool ReadAvailable();
  // Whether the publisher is ahead of what it may be; sets pause_.
  bool TooFast();
  // Adds to the record's bytes; false where there is none.
  bool CountRead(size_t size);
  void Work();
  // What a peer that never got as far as a session did wrong: counted by name, now and then logged.
  void Reproach(const char* name);
  void TickWaiting(Clock::time_point now);

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

  void On(TurnedAway& event);
  void On(MediaPacket& event);

  // --- session_record.cc: who is there, and may be ---
  // Refuses the waiting request where `target` may not be published or played by user_.
  bool Refused(const Target& target);
  // Whether who publishes `target` said who it is, where it must; else the request is answered.
  bool LoggedIn(const Target& target);
  void OpenRecord(const Target& target, v1::Role role);
  void CloseRecord(const char* reason);
  void Kick(const rpc::KickOrder& order);

  // --- session_publish.cc ---
  void On(AnnounceRequest& event);
  void On(RecordRequest& event);
  bool TakePublisherShares();
  void SendReports(Clock::time_point now);
  void TickPublisher(Clock::time_point now);
  // stream::IngestObserver
  void OnAccepted() override;
  void OnClosed(v1::RefusalReason reason, const std::string& text) override;
  void OnExcess(const char* name, const std::string& text) override;

  // --- session_play.cc ---
  void On(DescribeRequest& event);
  void On(PlayRequest& event);
  void On(PauseRequest& event);
  void On(TeardownRequest& event);
  void OnTracks(const media::TrackSet& tracks, const std::string& text);
  void TellWhatIsLeftOut(const media::TrackSet& tracks, const media::sdp::Offer& offer);
  void BeginPlay();
  std::vector<uint8_t> BytesForViewer();
  // How far the player's time has come; 0 before it begins.
  int64_t ElapsedMs() const;
  // stream::ViewerObserver
  void OnPlace(const stream::ViewerStart& start) override;
  std::vector<uint8_t> OnStart(const media::TrackSet& tracks) override;
  std::vector<uint8_t> OnEnding(stream::ViewerEnd end, const std::string& text) override;
  void OnEnded(stream::ViewerEnd end, const std::string& text) override;

  // Of what is sent over UDP the channel tells only which packets are whose.
  static uint8_t ChannelOf(const Setup& setup) {
    return static_cast<uint8_t>(setup.transport.tcp ? setup.transport.interleaved->rtp
                                                    : 2 * setup.media);
  }

  // --- session_udp.cc ---
  void On(UdpSetupRequest& event);
  void On(MulticastSetupRequest& event);
  void OpenInput(const UdpSetupRequest& event, std::shared_ptr<UdpPair> pair);
  bool UsesUdp() const;
  // Answers PLAY of what is sent to a group.
  void PlayGroup();
  void OnGroupEnded(const std::string& reason);
  void MakeSink();
  void DropSink();
  void StartInputs();
  void CloseUdp();
  void OnDatagram(size_t media, bool rtcp, media::Bytes datagram);
  // Our own end of the connection, which packets come from.
  boost::asio::ip::address LocalAddress() const;

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
  Clock::time_point since_;  // of the state that time-outs count from

  std::shared_ptr<rpc::SessionRecord> record_;
  Target target_;
  std::string user_;
  std::optional<ServerAuth> auth_;
  int logins_refused_ = 0;
  // Publishing.
  std::vector<media::sdp::Source> sources_;
  std::unique_ptr<Publication> publication_;
  bool granted_ = false;
  std::map<size_t, std::shared_ptr<UdpInput>> inputs_;  // by media
  Clock::time_point reported_;                          // to the publisher
  node::ClientLimits::Shares publisher_shares_;
  // While a publisher is ahead of its time: made when that first happens.
  std::optional<boost::asio::steady_timer> pace_timer_;
  std::chrono::nanoseconds pause_{0};
  bool paced_ = false;
  bool pace_told_ = false;
  // Playing.
  std::vector<PlayedTrack> described_;  // one a media
  std::vector<ServerConversation::Start> starts_;
  std::optional<Clock::time_point> began_;
  int64_t start_ms_ = 0;
  int64_t lead_ms_ = 0;
  std::unique_ptr<TrackQuery> query_;
  std::shared_ptr<MulticastGroup> group_;
  std::shared_ptr<PlayerPorts> player_ports_;
  std::unique_ptr<UdpSink> sink_;  // outlives the viewer
  std::unique_ptr<stream::Viewer> viewer_;
  bool play_pending_ = false;  // until nobody else writes to the socket
  bool viewer_ending_ = false;
  bool kicked_ = false;
  bool torn_down_ = false;
  bool grouped_ = false;     // plays what is sent to group_
  bool group_told_ = false;  // tells us when it ends
  bool paused_ = false;      // by a client that may go on

  std::vector<uint8_t> waiting_;  // what the socket did not take at once
  bool is_writing_ = false;
};

}  // namespace millrace::rtsp
