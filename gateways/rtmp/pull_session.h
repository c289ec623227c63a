#pragma once
// A pull: plays a stream of another server, and publishes it here.

#include <memory>

#include "gateways/rtmp/media_intake.h"
#include "gateways/rtmp/relay_session.h"
#include "runtime/stream/ingest.h"

namespace millrace::rtmp {

class PullSession final : public RelaySession, private stream::IngestObserver {
 public:
  PullSession(node::SessionShard& shard, Options options)
      : RelaySession(shard, std::move(options), ClientOptions::Purpose::kPlay) {}

 private:
  void OnAccepted(const ServerAccepts& accepted) override;
  void OnMedia(media::flv::TagType type, int64_t timestamp_ms, const media::Payload& body) override;
  void OnAcceptedTick(node::Clock::time_point now) override;
  std::chrono::nanoseconds Pause() override;
  void CloseRole(bool lost) override;

  // stream::IngestObserver
  void OnAccepted() override;
  void OnClosed(v1::RefusalReason reason, const std::string& text) override;
  void OnExcess(const char* name, const std::string& text) override;

  std::unique_ptr<stream::Ingest> ingest_;
  MediaIntake intake_;
  node::Clock::time_point last_media_;
  bool told_fault_ = false;
};

}  // namespace millrace::rtmp
