// Who is at the other end of a session, and what it may do.

#include <boost/asio/post.hpp>
#include <chrono>
#include <string>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/protocol/errors.h"
#include "gateways/rtsp/session.h"
#include "runtime/bus/stream_name.h"

namespace millrace::rtsp {
namespace {

// Answers of 401 to one connection: the first one is only the question.
constexpr int kMaxLogins = 4;

int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string_view UserOf(const Params& params) {
  const std::string_view user = FindParam(params, "user");
  return user.empty() ? FindParam(params, "username") : user;
}

}  // namespace

bool Session::Refused(const Target& target) {
  if (user_.empty()) user_ = UserOf(target.params);
  std::string refusal;
  int status = 403;
  if (const absl::Status valid = bus::ValidateStreamName(target.stream); !valid.ok()) {
    refusal = std::string(valid.message()) + ": use rtsp://host/app/name";
    status = 404;
  } else if (const auto ban =
                 node_.bans().Refusal(target.stream, address_, user_, UnixMilliseconds())) {
    refusal = *ban;
  } else {
    return false;
  }
  node_.logger().Info("refused",
                      {{"stream", target.stream}, {"address", peer_}, {"reason", refusal}});
  conversation_.Reject(status, refusal);
  CloseGently("refused");
  return true;
}

bool Session::LoggedIn(const Target& target) {
  user_ = UserOf(target.params);
  const v1::AppSettings settings = node_.settings(target.stream);
  if (settings.publishers().empty()) return true;
  const auto password_of = [&settings](std::string_view user) -> std::optional<std::string> {
    const auto found = settings.publishers().find(std::string(user));
    if (found == settings.publishers().end()) return std::nullopt;
    return found->second;
  };
  const auto password = password_of(user_);
  if (password.has_value() && SameSecret(*password, FindParam(target.params, "pass"))) return true;
  // The nonce is the connection's, the passwords are those of the stream that is asked for.
  if (!auth_.has_value()) auth_.emplace("millrace", nullptr, OpenSslMd5, OpenSslRandom);
  const auto user = conversation_.Admit(auth_->With(password_of));
  if (user.has_value()) {
    user_ = *user;
    return true;
  }
  if (++logins_refused_ < kMaxLogins) return false;
  if (shard_.CountError(RtspErrorName(RtspError::kLoginFailed))) {
    node_.logger().Warning("login refused", {{"stream", target.stream}, {"address", peer_}});
  }
  CloseGently("refused");
  return false;
}

void Session::OpenRecord(const Target& target, v1::Role role) {
  CloseRecord("stopped");  // of what was described before
  target_ = target;
  v1::Session row;
  row.set_protocol("rtsp");
  row.set_role(role);
  row.set_stream(target.stream);
  row.set_address(peer_);
  row.set_user(user_);
  row.set_user_agent(std::string(conversation_.user_agent()));
  const auto kick = [weak = weak_from_this(),
                     &context = shard_.context()](const rpc::KickOrder& order) {
    boost::asio::post(context, [weak, order] {
      if (const auto self = weak.lock()) self->Kick(order);
    });
  };
  record_ = node_.sessions().Open(std::move(row), kick);
}

void Session::CloseRecord(const char* reason) {
  if (record_ == nullptr) return;
  node_.sessions().Close(*record_, reason);
  node_.logger().Info("session ended", {{"session", record_->id()},
                                        {"stream", target_.stream},
                                        {"address", peer_},
                                        {"reason", reason},
                                        {"bytes_in", record_->bytes_in.load()},
                                        {"bytes_out", record_->bytes_out.load()},
                                        {"frames_dropped", record_->frames_dropped.load()}});
  record_.reset();
}

// RTSP has no word for it: a request that waits is refused with the reason, else the connection
// ends.
void Session::Kick(const rpc::KickOrder& order) {
  if (phase_ != Phase::kOpen) return;
  if (conversation_.waiting()) conversation_.Reject(403, order.reason);
  if (viewer_ == nullptr) {
    CloseGently("kicked", order.whole_stream || (options_.draining && options_.draining()));
    return;
  }
  kicked_ = true;
  if (viewer_ending_) return;
  viewer_ending_ = true;
  viewer_->Finish(BytesForViewer(), order.reason);
}

}  // namespace millrace::rtsp
