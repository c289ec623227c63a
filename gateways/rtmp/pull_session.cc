#include "gateways/rtmp/pull_session.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "media/base/fault.h"

namespace millrace::rtmp {

using std::chrono::milliseconds;

void PullSession::OnAccepted(const ServerAccepts&) {
  last_media_ = node::Clock::now();
  OpenRecord(v1::ROLE_PUBLISHER, "rtmp-pull");
  stream::IngestOptions options;
  options.stream = stream();
  options.session = record_->id();
  options.protocol = "rtmp-pull";
  options.settings = app_;
  ingest_ = stream::Ingest::Start(node().bus(), node().shards(), shard_.context(), node().metrics(),
                                  std::move(options), *this);
}

void PullSession::OnMedia(media::flv::TagType type, int64_t timestamp_ms,
                          const media::Payload& body) {
  if (ingest_ == nullptr) return;
  const MediaIntake::Taken taken = intake_.Take(type, timestamp_ms, body, *ingest_);
  if (taken.any) last_media_ = node::Clock::now();
  if (taken.status.ok()) return;
  const std::string fault = media::FaultName(taken.status);
  const bool may_log = shard_.CountError(fault);
  if (may_log || !std::exchange(told_fault_, true)) {
    node().logger().Warning("media was not understood",
                            {{"session", record_->id()}, {"stream", stream()}, {"error", fault}});
  }
  if (IsUnsupportedVideo(fault)) {
    End(relay::End::kRefused, "the source's video codec is not supported (" + fault + ")");
  }
}

void PullSession::OnAcceptedTick(node::Clock::time_point now) {
  if (Reconfigured() && ingest_ != nullptr) ingest_->SetSettings(app_);
  if (Pause().count() == 0 && now - last_media_ >= milliseconds(app_.publish_idle_timeout())) {
    End(relay::End::kLost,
        fmt::format("no media came for {} s", app_.publish_idle_timeout() / 1000));
  }
}

std::chrono::nanoseconds PullSession::Pause() {
  return ingest_ == nullptr ? std::chrono::nanoseconds(0) : ingest_->Wait();
}

void PullSession::CloseRole(bool lost) {
  if (ingest_ == nullptr) return;
  ingest_->Close(lost);
  ingest_.reset();
}

void PullSession::OnAccepted() { Running(); }

void PullSession::OnClosed(v1::RefusalReason reason, const std::string& text) {
  EndByRouter(reason, text);
}

void PullSession::OnExcess(const char* name, const std::string& text) { EndByExcess(name, text); }

}  // namespace millrace::rtmp
