#pragma once
// One RTSP connection: reads the socket, lets the conversation speak, and joins a publisher to a
// Publication or a player to a Viewer. Lives and dies on its shard; kept alive by its own coroutine
// and by writes.

#include <boost/asio/ip/address.hpp>
#include <chrono>
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
#include "runtime/node/client_session.h"
#include "runtime/stream/viewer.h"

namespace millrace::rtsp {

using node::Clock;

class Session final : public node::ClientSession,
                      private stream::IngestObserver,
                      private stream::ViewerObserver {
 public:
  // `udp_ports` and `multicast` outlive the session.
  Session(SessionShard& shard, std::unique_ptr<transport::Transport> transport, Options options,
          UdpPorts& udp_ports, Multicast& multicast);
  ~Session() override;

 private:
  // --- session.cc: the connection ---
  // node::ClientSession
  void Receive(media::Bytes bytes) override;
  void Flush() override;
  void OnDrained() override { BeginPlay(); }
  void OnTick(Clock::time_point now) override;
  void LeaveRole(bool lost) override;
  void Kick(const rpc::KickOrder& order) override;
  bool publishing() const override { return publication_ != nullptr; }
  std::chrono::nanoseconds HoldBack() override { return publication_->Wait(); }
  uint32_t SpeedLimit() const override { return publication_->settings().ingest_speed_limit(); }
  void Excuse(Clock::time_point now) override { publication_->Excuse(now); }

  std::weak_ptr<Session> WeakThis() {
    return std::static_pointer_cast<Session>(shared_from_this());
  }
  void Work();
  void TickWaiting(Clock::time_point now);

  void On(TurnedAway& event);
  void On(MediaPacket& event);

  // --- session_record.cc: who is there, and may be ---
  // Refuses the waiting request where `target` may not be published or played by user_.
  bool Refused(const Target& target);
  // Whether who publishes `target` said who it is, where it must; else the request is answered.
  bool LoggedIn(const Target& target, v1::Role role);
  void Begin(const Target& target, v1::Role role);

  // --- session_publish.cc ---
  void On(AnnounceRequest& event);
  void On(RecordRequest& event);
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
  // The client is there: it sent a datagram.
  void Heard();
  void OnDatagram(size_t media, bool rtcp, media::Bytes datagram);
  // Our own end of the connection, which packets come from.
  boost::asio::ip::address LocalAddress() const;

  SessionShard& shard() { return static_cast<SessionShard&>(shard_); }

  const v1::RtspSettings settings_;
  UdpPorts& udp_ports_;
  Multicast& multicast_;
  ServerConversation conversation_;
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
};

}  // namespace millrace::rtsp
