#include "gateways/rtmp/pull_session.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "media/base/fault.h"
#include "runtime/node/client_limits.h"

namespace millrace::rtmp {

using std::chrono::milliseconds;

void PullSession::OnAccepted(const ServerAccepts&) {
  configuration_ = node().configuration();
  last_media_ = node::Clock::now();
  if (!OpenRecord(v1::ROLE_PUBLISHER, "rtmp-pull")) return;
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

void PullSession::OnTick(node::Clock::time_point now) {
  if (auto configuration = node().configuration(); configuration != configuration_) {
    configuration_ = std::move(configuration);
    app_ = node().settings(stream());
    app_.clear_publishers();
    if (ingest_ != nullptr) ingest_->SetSettings(app_);
  }
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
  switch (reason) {
    case v1::REFUSAL_KICKED:
      End(relay::End::kKicked, text.empty() ? "kicked" : text);
      break;
    case v1::REFUSAL_REPLACED:
    case v1::REFUSAL_FENCED:
      End(relay::End::kReplaced, text.empty() ? "another publisher took the stream over" : text);
      break;
    default:
      End(relay::End::kRefused, text.empty() ? "somebody else publishes this stream" : text);
      break;
  }
}

void PullSession::OnExcess(const char* name, const std::string& text) {
  node::CountRefusal(node().metrics(), "rtmp-pull", name);
  End(relay::End::kRefused, text);
}

}  // namespace millrace::rtmp
