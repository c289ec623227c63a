#include "gateways/rtmp/push_session.h"

#include <utility>

#include "gateways/rtmp/rtmp_unit.h"

namespace millrace::rtmp {

void PushSession::OnAccepted(const ServerAccepts& accepted) {
  OpenRecord(v1::ROLE_VIEWER, "rtmp-push");
  // Who says nothing about the enhanced form may take it all the same: HEVC has no other.
  media::flv::PresentationOptions shown;
  if (accepted.enhanced.announced) {
    shown.enhanced = accepted.enhanced.takes;
    shown.multitrack = accepted.enhanced.multitrack;
  }
  stream::ViewerOptions options;
  options.stream = stream();
  options.protocol = "rtmp-push";
  options.lane = RtmpLane(settings_.chunk_size(), shown, accepted.message_stream);
  options.settings = app_;
  RelaySession::Flush();
  if (writing()) {  // the viewer wants the socket for itself
    End(relay::End::kLost, "the server does not read what it is sent");
    return;
  }
  viewer_ = node().feeds().View(shard_.index(), *transport_, std::move(options), record_, *this);
}

// From now on only the viewer writes to the socket.
void PushSession::Flush() {
  if (viewer_ == nullptr) {
    RelaySession::Flush();
  } else if (!ending_ && conversation_.has_output()) {
    viewer_->SendControl(conversation_.TakeOutput());
  }
}

bool PushSession::Farewell() {
  if (viewer_ == nullptr || ending_) return false;
  ending_ = true;
  conversation_.Leave();
  viewer_->Finish(conversation_.TakeOutput(), "the push was stopped");
  return true;
}

void PushSession::CloseRole(bool /*lost*/) { viewer_.reset(); }

std::vector<uint8_t> PushSession::OnStart(const media::TrackSet&) {
  Running();
  return conversation_.TakeOutput();
}

std::vector<uint8_t> PushSession::OnEnding(stream::ViewerEnd, const std::string&) {
  ending_ = true;
  conversation_.Leave();
  return conversation_.TakeOutput();
}

void PushSession::OnEnded(stream::ViewerEnd end, const std::string& text) {
  ending_ = true;
  EndByViewer(end, text);
}

}  // namespace millrace::rtmp
