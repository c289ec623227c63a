#include "gateways/rtsp/pulls.h"

#include <utility>

#include "gateways/rtsp/protocol/url.h"
#include "gateways/rtsp/pull_session.h"

namespace millrace::rtsp {
namespace {

class Handle final : public relay::Session {
 public:
  explicit Handle(std::shared_ptr<PullSession> session) : session_(std::move(session)) {}
  void Stop(relay::StopKind kind) override { session_->Stop(kind); }

 private:
  const std::shared_ptr<PullSession> session_;
};

// Of an attempt that cannot be made; its end is told already.
class Nothing final : public relay::Session {
 public:
  void Stop(relay::StopKind) override {}
};

}  // namespace

std::unique_ptr<relay::Session> Pulls::StartPull(const v1::Pull& pull, relay::Events events) {
  auto url = ParseUrl(pull.url());
  if (!url.has_value()) {
    events.on_ended(relay::End::kRefused, "this is no RTSP URL");
    return std::make_unique<Nothing>();
  }
  PullSession::Options options;
  options.pull = pull;
  options.url = *std::move(url);
  options.udp_ports = &udp_ports_;
  options.events = std::move(events);
  auto session =
      std::make_shared<PullSession>(*shards_[node_.shards().NextIndex()], std::move(options));
  session->Start();
  return std::make_unique<Handle>(std::move(session));
}

std::unique_ptr<relay::Session> Pulls::StartPush(const v1::Push&, relay::Events events) {
  events.on_ended(relay::End::kRefused, "RTSP servers are not pushed to");
  return std::make_unique<Nothing>();
}

}  // namespace millrace::rtsp
