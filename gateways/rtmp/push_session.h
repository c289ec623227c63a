#pragma once
// A push: a viewer of a stream here, whose socket is a publisher's at another server.

#include <memory>
#include <string>
#include <vector>

#include "gateways/rtmp/relay_session.h"
#include "runtime/stream/viewer.h"

namespace millrace::rtmp {

class PushSession final : public RelaySession, private stream::ViewerObserver {
 public:
  PushSession(node::SessionShard& shard, Options options)
      : RelaySession(shard, std::move(options), ClientOptions::Purpose::kPublish) {}

 private:
  void OnAccepted(const ServerAccepts& accepted) override;
  bool Farewell() override;
  void CloseRole(bool lost) override;
  void Flush() override;

  // stream::ViewerObserver
  std::vector<uint8_t> OnStart(const media::TrackSet& tracks) override;
  std::vector<uint8_t> OnEnding(stream::ViewerEnd end, const std::string& text) override;
  void OnEnded(stream::ViewerEnd end, const std::string& text) override;

  std::unique_ptr<stream::Viewer> viewer_;
  bool ending_ = false;
};

}  // namespace millrace::rtmp
