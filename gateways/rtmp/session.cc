#include "gateways/rtmp/session.h"

#include <chrono>
#include <utility>

#include "gateways/rtmp/crypto.h"
#include "media/base/fault.h"

namespace millrace::rtmp {
namespace {

using std::chrono::milliseconds;

int64_t MillisecondsOf(Clock::time_point time) {
  return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

ConversationOptions OptionsFrom(const v1::RtmpSettings& settings, const Login& login,
                                const std::string& refusal) {
  ConversationOptions options;
  options.login = &login;
  options.refusal = refusal;
  options.limits.max_message = settings.max_message();
  options.limits.max_partial = settings.max_partial();
  options.chunk_size = settings.chunk_size();
  return options;
}

}  // namespace

Session::Session(node::SessionShard& shard, std::unique_ptr<transport::Transport> transport,
                 Options options, const Login& login)
    : node::ClientSession(shard, std::move(transport), std::move(options)),
      settings_(node().configuration()->rtmp()),
      conversation_(OptionsFrom(settings_, login, refusal_), OpenSslHmacSha256, OpenSslRandom) {}

Session::~Session() = default;

void Session::Receive(media::Bytes bytes) {
  const bool was_handshaken = conversation_.handshaken();
  conversation_.Append(bytes, MillisecondsOf(Clock::now()));
  while (phase_ == Phase::kOpen) {
    auto event = conversation_.Next();
    if (!event.ok()) {
      const std::string name = media::FaultName(event.status());
      if (shard_.CountError(name)) {
        node().logger().Warning("protocol error", {{"address", peer_},
                                                   {"error", name},
                                                   {"detail", event.status().message()},
                                                   {"user_agent", user_agent_}});
      }
      // Whoever has not even shaken hands speaks something else and would not understand.
      if (conversation_.handshaken()) conversation_.Kick("protocol error: " + name);
      CloseGently("protocol_error");
      return;
    }
    if (!event->has_value()) break;
    std::visit([this](auto& one) { On(one); }, **event);
  }
  if (phase_ != Phase::kOpen) return;
  if (!was_handshaken && conversation_.handshaken()) since_ = Clock::now();
  Flush();
  BeginPlay();
}

// Publishers take over what has changed; players are looked after by their feed.
void Session::TakeSettings() {
  auto configuration = node().configuration();
  if (configuration == configuration_) return;
  configuration_ = std::move(configuration);
  app_ = node().settings(stream_);
  ingest_->SetSettings(app_);
}

void Session::OnTick(Clock::time_point now) {
  const auto past = [&](Clock::time_point from, uint32_t ms) {
    return now - from >= milliseconds(ms);
  };
  if (!refusal_.empty() && past(since_, settings_.handshake_timeout())) {
    Abort("refused");
  } else if (!conversation_.handshaken()) {
    if (past(since_, settings_.handshake_timeout())) {
      Reproach("rtmp_handshake_timeout");
      Abort("handshake_timeout");
    }
  } else if (ingest_ != nullptr) {
    TakeSettings();
    if (!accepted_ && past(since_, app_.wait_timeout())) {
      conversation_.RejectPublish(Refusal::kFailed, "no router took the stream in time: try again");
      CloseGently("not_granted");
    } else if (pause_.count() == 0 && past(last_media_, app_.publish_idle_timeout())) {
      conversation_.RejectPublish(
          Refusal::kFailed,
          "closed: no media came for " + std::to_string(app_.publish_idle_timeout() / 1000) + " s");
      CloseGently("publish_idle");
    }
  } else if (viewer_ == nullptr && past(since_, settings_.idle_timeout())) {
    Reproach("rtmp_idle_timeout");
    conversation_.Kick("closed: the connection neither publishes nor plays");
    CloseGently("idle");
  }
}

void Session::Flush() {
  if (viewer_ending_ || !conversation_.has_output()) return;
  // A client that has sent all it had and is gone answers with a reset to whatever it is sent, and
  // what of its media is still on its way would be lost: acknowledgements wait.
  if (paced_ && ingest_ != nullptr) return;
  std::vector<uint8_t> bytes = conversation_.TakeOutput();
  if (viewer_ != nullptr) {
    viewer_->SendControl(std::move(bytes));
  } else {
    Write(std::move(bytes));
  }
}

void Session::LeaveRole(bool lost) {
  if (ingest_ != nullptr) {
    ingest_->Close(lost);
    ingest_.reset();
    intake_.reset();
  }
  viewer_.reset();
  viewer_ending_ = false;
  pending_play_.reset();
}

}  // namespace millrace::rtmp
