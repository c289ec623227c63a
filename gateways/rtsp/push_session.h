#pragma once
// One attempt to push a stream: announces what it is made of at another server, and is a viewer
// here whose socket is a publisher's there.

#include <memory>
#include <string>
#include <vector>

#include "gateways/rtsp/protocol/push_conversation.h"
#include "gateways/rtsp/rtsp_unit.h"
#include "gateways/rtsp/track_query.h"
#include "runtime/node/relay_session.h"
#include "runtime/stream/viewer.h"

namespace millrace::rtsp {

class PushSession final : public node::RelaySession, private stream::ViewerObserver {
 public:
  PushSession(node::SessionShard& shard, Options options);

 private:
  // node::RelaySession
  Server server() const override;
  void OnDialFailed(const absl::Status& status) override { Fail(status); }
  void OnConnected() override;
  void Receive(media::Bytes bytes) override;
  bool hanging_up() const override { return redirected_; }
  bool Reconnect() override;
  void OnTick(node::Clock::time_point now) override;
  bool Farewell() override;
  void Leave() override;
  void CloseRole(bool lost) override;

  // stream::ViewerObserver
  std::vector<uint8_t> OnStart(const media::TrackSet& tracks) override;
  std::vector<uint8_t> OnEnding(stream::ViewerEnd end, const std::string& text) override;
  void OnEnded(stream::ViewerEnd end, const std::string& text) override;

  void OnTracks(const media::TrackSet& tracks, const std::string& text);
  void Work();
  // What the conversation has to say; by the viewer where there is one.
  void Flush();
  // The server takes the stream.
  void Begin(const Recording& recording);
  void Fail(const absl::Status& status);

  PushConversation conversation_;
  bool redirected_ = false;
  std::unique_ptr<TrackQuery> query_;
  PlayedTracks announced_;
  std::unique_ptr<stream::Viewer> viewer_;
  bool ending_ = false;
};

}  // namespace millrace::rtsp
