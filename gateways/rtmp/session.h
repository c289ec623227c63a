#pragma once
// One RTMP connection: reads the socket, lets the conversation speak, and joins a publisher to an
// Ingest or a player to a Viewer. Lives and dies on its shard; kept alive by its own coroutine and
// by writes.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateways/rtmp/media_intake.h"
#include "gateways/rtmp/protocol/conversation.h"
#include "millrace/v1/config.pb.h"
#include "runtime/node/client_session.h"
#include "runtime/stream/ingest.h"
#include "runtime/stream/viewer.h"

namespace millrace::rtmp {

using node::Clock;

class Session final : public node::ClientSession,
                      private stream::IngestObserver,
                      private stream::ViewerObserver {
 public:
  // `login` outlives the session.
  Session(node::SessionShard& shard, std::unique_ptr<transport::Transport> transport,
          Options options, const Login& login);
  ~Session() override;

 private:
  // node::ClientSession
  void Receive(media::Bytes bytes) override;
  void Flush() override;
  void OnDrained() override { BeginPlay(); }
  void OnTick(Clock::time_point now) override;
  void LeaveRole(bool lost) override;
  void Kick(const rpc::KickOrder& order) override;
  bool publishing() const override { return ingest_ != nullptr; }
  std::chrono::nanoseconds HoldBack() override { return ingest_->Wait(); }
  uint32_t SpeedLimit() const override { return app_.ingest_speed_limit(); }
  void Excuse(Clock::time_point now) override { last_media_ = now; }

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
  // `user`: who logged in, or who is said to be there.
  void Begin(const Target& target, std::string_view user, v1::Role role);
  void TakeSettings();

  const v1::RtmpSettings settings_;
  ServerConversation conversation_;
  std::string user_agent_;
  EnhancedClient enhanced_;
  // Publishing.
  std::unique_ptr<stream::Ingest> ingest_;
  std::unique_ptr<MediaIntake> intake_;
  std::shared_ptr<const v1::Configuration> configuration_;  // that app_ is from
  v1::AppSettings app_;
  bool accepted_ = false;
  bool audio_refused_ = false;
  Clock::time_point last_media_;
  // Playing.
  std::unique_ptr<stream::Viewer> viewer_;
  bool viewer_ending_ = false;
  bool kicked_ = false;
  std::optional<Target> pending_play_;  // until the socket is ours, and free
};

}  // namespace millrace::rtmp
