// Who is at the other end of a session, and what it may do.

#include <string>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/protocol/errors.h"
#include "gateways/rtsp/session.h"
#include "media/base/secret.h"
#include "runtime/bus/stream_name.h"
#include "runtime/node/logins.h"

namespace millrace::rtsp {
namespace {

// Answers of 401 to one connection: the first one is only the question.
constexpr int kMaxLogins = 4;

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
  } else if (const auto ban = node().bans().RefusalNow(target.stream, address_, user_)) {
    refusal = *ban;
  } else {
    return false;
  }
  node().logger().Info("refused",
                       {{"stream", target.stream}, {"address", peer_}, {"reason", refusal}});
  conversation_.Reject(status, refusal);
  CloseGently("refused");
  return true;
}

bool Session::LoggedIn(const Target& target, v1::Role role) {
  user_ = UserOf(target.params);
  const v1::AppSettings settings = node().settings(target.stream);
  const bool plays = role == v1::ROLE_VIEWER;
  if (plays ? !node::PlayersLogIn(settings) : settings.publishers().empty()) return true;
  const auto password_of = [&](std::string_view user) {
    return plays ? node::PlayerPassword(settings, user) : node::PublisherPassword(settings, user);
  };
  const auto password = password_of(user_);
  if (password.has_value() && media::SameSecret(*password, FindParam(target.params, "pass")))
    return true;
  // The nonce is the connection's, the passwords are those of the stream that is asked for.
  if (!auth_.has_value()) auth_.emplace("millrace", nullptr, OpenSslMd5, OpenSslRandom);
  const auto user = conversation_.Admit(auth_->With(password_of));
  if (user.has_value()) {
    user_ = *user;
    return true;
  }
  if (++logins_refused_ < kMaxLogins) return false;
  if (shard_.CountError(RtspErrorName(RtspError::kLoginFailed))) {
    node().logger().Warning("login refused", {{"stream", target.stream}, {"address", peer_}});
  }
  CloseGently("refused");
  return false;
}

void Session::Begin(const Target& target, v1::Role role) {
  CloseRecord("stopped");  // of what was described before
  target_ = target;
  OpenRecord(target.stream, user_, conversation_.user_agent(), role);
}

// RTSP has no word for it: a request that waits is refused with the reason, else the connection
// ends.
void Session::Kick(const rpc::KickOrder& order) {
  if (conversation_.waiting()) conversation_.Reject(403, order.reason);
  if (viewer_ == nullptr) {
    CloseGently("kicked", IsLostBy(order));
    return;
  }
  kicked_ = true;
  if (viewer_ending_) return;
  viewer_ending_ = true;
  viewer_->Finish(BytesForViewer(), order.reason);
}

}  // namespace millrace::rtsp
