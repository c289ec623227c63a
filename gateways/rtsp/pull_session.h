#pragma once
// One attempt to pull a stream: connects to a camera or a server, lets the client's conversation
// speak, and hands the packets to a Publication. Belongs to its shard; kept alive by its own
// coroutine.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gateways/rtsp/protocol/client_conversation.h"
#include "gateways/rtsp/publication.h"
#include "gateways/rtsp/session_shard.h"
#include "gateways/rtsp/udp_input.h"
#include "gateways/rtsp/udp_pair.h"
#include "millrace/v1/node.pb.h"
#include "runtime/net/ip_address.h"
#include "runtime/relay/session.h"
#include "runtime/rpc/session_registry.h"
#include "runtime/stream/ingest.h"
#include "runtime/transport/transport.h"

namespace millrace::rtsp {

class PullSession final : public std::enable_shared_from_this<PullSession>,
                          private stream::IngestObserver {
 public:
  struct Options {
    v1::Pull pull;
    Url url;  // of `pull`, with its login
    UdpPorts* udp_ports = nullptr;
    relay::Events events;
  };

  PullSession(SessionShard& shard, Options options);
  ~PullSession() override;

  // On any thread, like Stop.
  void Start();
  void Stop(relay::StopKind kind);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  static boost::asio::awaitable<void> Run(std::shared_ptr<PullSession> self);
  boost::asio::awaitable<void> Serve();
  // False where the attempt is over.
  boost::asio::awaitable<bool> Connect();
  boost::asio::awaitable<void> Read();
  bool ReadAvailable();
  void Work();

  void On(Described& event);
  void On(PortsRequest& event);
  void On(Playing& event);
  void On(Redirected& event);
  void On(MediaPacket& event);
  void StartUdp(const Setup& setup, std::shared_ptr<UdpPair> pair);
  void OnDatagram(size_t media, bool rtcp, media::Bytes datagram);
  void TakePacket(size_t media, bool rtcp, const media::Payload& packet);
  // The first packet is there: the stream begins.
  void Publish();

  // stream::IngestObserver
  void OnAccepted() override;
  void OnClosed(v1::RefusalReason reason, const std::string& text) override;

  void CloseUdp();
  void Tick();
  void TickPublication(TimePoint now);
  void ArmTimer();
  void Report(TimePoint now);
  void Flush();

  void Fail(const absl::Status& status);
  // Once; nothing of the attempt is left when it returns, but the coroutine on its way out.
  void End(relay::End end, const std::string& reason, bool goodbye = false);

  SessionShard& shard_;
  node::Node& node_;
  Options options_;
  const v1::AppSettings settings_;
  ClientConversation conversation_;
  std::unique_ptr<transport::Transport> transport_;
  net::Endpoint server_;
  boost::asio::steady_timer timer_;
  bool over_ = false;
  bool redirected_ = false;

  std::shared_ptr<rpc::SessionRecord> record_;
  std::vector<media::sdp::Source> sources_;
  std::vector<Setup> setups_;
  // By media: ports that were offered, and those where the server sends to.
  std::map<size_t, std::shared_ptr<UdpPair>> offered_;
  std::map<size_t, std::shared_ptr<UdpInput>> inputs_;
  std::unique_ptr<Publication> publication_;
  bool granted_ = false;
  TimePoint published_at_;
  TimePoint next_report_;
  std::vector<uint8_t> waiting_;  // what the socket did not take at once
  bool is_writing_ = false;
};

}  // namespace millrace::rtsp
