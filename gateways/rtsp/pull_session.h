#pragma once
// One attempt to pull a stream: lets the client's conversation speak with a camera or a server, and
// hands the packets to a Publication.

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
#include "runtime/node/relay_session.h"
#include "runtime/stream/ingest.h"

namespace millrace::rtsp {

class PullSession final : public node::RelaySession, private stream::IngestObserver {
 public:
  // `shard` and `udp_ports` outlive this.
  PullSession(SessionShard& shard, Options options, const v1::Pull& pull, UdpPorts& udp_ports);
  ~PullSession() override;

 private:
  using TimePoint = node::Clock::time_point;

  // node::RelaySession
  Server server() const override;
  void OnDialFailed(const absl::Status& status) override { Fail(status); }
  void OnConnected() override;
  void Receive(media::Bytes bytes) override;
  bool hanging_up() const override { return redirected_; }
  bool Reconnect() override;
  std::chrono::nanoseconds Pause() override;
  std::chrono::milliseconds tick() const override;
  void OnTick(TimePoint now) override;
  void Leave() override;
  void CloseRole(bool lost) override;

  // stream::IngestObserver
  void OnAccepted() override;
  void OnClosed(v1::RefusalReason reason, const std::string& text) override;
  void OnExcess(const char* name, const std::string& text) override;

  void Work();
  void Flush();
  void On(Described& event);
  void On(PortsRequest& event);
  void On(Playing& event);
  void On(Redirected& event);
  void On(MediaPacket& event);
  void StartUdp(const Setup& setup, std::shared_ptr<UdpPair> pair);
  void CloseUdp();
  void OnDatagram(size_t media, bool rtcp, media::Bytes datagram);
  void TakePacket(size_t media, bool rtcp, const media::Payload& packet);
  // The first packet is there: the stream begins.
  void Publish();
  void TickPublication(TimePoint now);
  void Report(TimePoint now);
  void Fail(const absl::Status& status);

  SessionShard& shard_;
  UdpPorts& udp_ports_;
  ClientConversation conversation_;
  bool redirected_ = false;
  std::vector<media::sdp::Source> sources_;
  std::vector<Setup> setups_;
  // By media: ports that were offered, and those where the server sends to.
  std::map<size_t, std::shared_ptr<UdpPair>> offered_;
  std::map<size_t, std::shared_ptr<UdpInput>> inputs_;
  std::unique_ptr<Publication> publication_;
  bool granted_ = false;
  TimePoint published_at_;
  TimePoint next_report_;
};

}  // namespace millrace::rtsp
