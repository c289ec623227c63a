#include "gateways/rtsp/protocol/client_conversation.h"

#include <algorithm>

#include "gateways/rtsp/protocol/errors.h"
#include "media/base/fault.h"
#include "media/base/text.h"

namespace millrace::rtsp {
namespace {

// What is offered, for who wonders why none of it will do: "video jpeg, application not_media".
std::string Offered(const media::sdp::Description& description,
                    const std::vector<media::sdp::Source>& sources) {
  std::string text;
  for (const auto& source : sources) {
    if (!text.empty()) text += ", ";
    text +=
        description.media[source.media].kind.substr(0, 32) + " " +
        (source.ignored == media::sdp::Ignored::kNo ? media::sdp::PayloadFormatName(source.payload)
                                                    : media::sdp::IgnoredName(source.ignored));
  }
  return text;
}

}  // namespace

ClientConversation::ClientConversation(ClientOptions options, Url url, Md5 md5, RandomBytes random)
    : options_(std::move(options)),
      requests_(options_.requests, std::move(url), std::move(md5), std::move(random)),
      reader_(options_.limits),
      tcp_(options_.protocol == ClientOptions::Protocol::kTcp) {}

void ClientConversation::OnConnected(int64_t now_ns) {
  reader_ = MessageReader(options_.limits);
  requests_.OnConnected(now_ns);
  now_ns_ = now_ns;
  ForgetSetups();
  step_ = Step::kOptions;
  requests_.Ask("OPTIONS", url().Text());
}

bool ClientConversation::OnClosed() { return status_.ok() && requests_.OnClosed(); }

void ClientConversation::Append(media::Bytes bytes, int64_t now_ns) {
  now_ns_ = now_ns;
  requests_.SetNow(now_ns);
  reader_.Append(bytes);
}

absl::StatusOr<std::optional<ClientEvent>> ClientConversation::Next() {
  return events_.Next(reader_, status_, [this](Message& message) { return OnMessage(message); });
}

absl::Status ClientConversation::OnMessage(Message& message) {
  if (auto* response = std::get_if<Response>(&message)) return OnResponse(std::move(*response));
  if (const auto* frame = std::get_if<Interleaved>(&message)) {
    OnPacket(*frame);
  } else {
    requests_.Answer(std::get<Request>(message));
  }
  return absl::OkStatus();
}

void ClientConversation::OnPacket(const Interleaved& frame) {
  const auto place = setups_.OfChannel(frame.channel);
  if (!place.has_value() || frame.payload.empty()) return;
  Heard(now_ns_);
  events_.Push(MediaPacket{place->media, place->rtcp, frame.payload});
}

void ClientConversation::Heard(int64_t now_ns) {
  heard_ns_ = now_ns;
  heard_any_ = true;
}

absl::Status ClientConversation::OnResponse(Response response) {
  auto answer = requests_.Take(std::move(response));
  if (!answer.ok()) return answer.status();
  return answer->has_value() ? OnAnswer(**answer) : absl::OkStatus();
}

absl::Status ClientConversation::OnAnswer(const Response& response) {
  switch (step_) {
    case Step::kOptions:
      return OnOptions(response);
    case Step::kDescribe:
      return OnDescribe(response);
    case Step::kSetup:
      return OnSetup(response);
    case Step::kPlay:
      return OnPlay(response);
    case Step::kIdle:
    case Step::kPorts:
    case Step::kPlaying:
      break;
  }
  return absl::OkStatus();
}

// Whatever the answer is: who cannot do OPTIONS may describe all the same.
absl::Status ClientConversation::OnOptions(const Response& response) {
  requests_.ReadPublic(response);
  BeginDescribe();
  return absl::OkStatus();
}

void ClientConversation::BeginDescribe() {
  step_ = Step::kDescribe;
  requests_.Ask("DESCRIBE", url().Text(), {{"Accept", "application/sdp"}});
}

absl::Status ClientConversation::OnRedirect(const Response& response) {
  if (absl::Status status = requests_.Follow(response); !status.ok()) return status;
  step_ = Step::kIdle;
  events_.Push(Redirected{url()});
  return absl::OkStatus();
}

absl::Status ClientConversation::OnDescribe(const Response& response) {
  if (response.status >= 300 && response.status < 400) return OnRedirect(response);
  if (response.status != 200) return Fail(RtspError::kRefused, StatusLine(response));
  auto description = media::sdp::Parse(response.body);
  if (!description.ok()) {
    return Fail(RtspError::kBadSdp, media::FaultName(description.status()));
  }
  base_ = BaseUrl(url(), response.headers.Get("Content-Base"),
                  response.headers.Get("Content-Location"));
  const std::string_view control = media::sdp::ValueOf(description->attributes, "control");
  aggregate_ = ControlUrl(base_, control);
  // Controls of the media refer to the session's own where that is a URL, as FFmpeg has it.
  if (ParseUrl(control).has_value()) base_ = aggregate_;
  auto sources = media::sdp::SourcesOf(*description);
  controls_.clear();
  wanted_.clear();
  for (const auto& source : sources) {
    controls_.push_back(source.control);
    if (source.ignored == media::sdp::Ignored::kNo) wanted_.push_back(source.media);
  }
  if (options_.choose) wanted_ = options_.choose(sources);
  if (wanted_.empty()) return Fail(RtspError::kNoMedia, Offered(*description, sources));
  events_.Push(Described{*std::move(description), std::move(sources)});
  next_wanted_ = 0;
  return SetUpNext();
}

std::string ClientConversation::ControlOf(size_t media) const {
  return ControlUrl(base_, controls_[media]);
}

absl::Status ClientConversation::SetUpNext() {
  if (next_wanted_ == wanted_.size()) {
    if (setups_.empty()) return Fail(RtspError::kNoMedia);
    AskPlay();
  } else if (tcp_) {
    AskSetup(std::nullopt);
  } else {
    step_ = Step::kPorts;
    events_.Push(PortsRequest{wanted_[next_wanted_]});
  }
  return absl::OkStatus();
}

void ClientConversation::ProvidePorts(std::optional<Pair> ports) {
  if (step_ == Step::kPorts) AskSetup(ports);
}

void ClientConversation::AskSetup(std::optional<Pair> ports) {
  Transport transport;
  transport.tcp = !ports.has_value();
  transport.client_port = ports;
  if (transport.tcp) {
    const auto channel = static_cast<uint16_t>(2 * next_wanted_);
    transport.interleaved = Pair{channel, static_cast<uint16_t>(channel + 1)};
  }
  step_ = Step::kSetup;
  offered_ = transport;
  requests_.Ask("SETUP", ControlOf(wanted_[next_wanted_]), {{"Transport", Format(transport)}});
}

absl::Status ClientConversation::OnSetup(const Response& response) {
  const bool may_fall_back = options_.protocol == ClientOptions::Protocol::kUdpThenTcp && !tcp_;
  if (response.status != 200) {
    if (may_fall_back) {
      FallBack();
      return absl::OkStatus();
    }
    // Cameras refuse the sound, and show the picture all the same.
    if (setups_.empty() && next_wanted_ + 1 == wanted_.size()) {
      return Fail(RtspError::kRefused, StatusLine(response));
    }
    ++next_wanted_;
    return SetUpNext();
  }
  requests_.ReadSession(response);
  Transport transport = *offered_;
  const std::string* header = response.headers.Find("Transport");
  if (header != nullptr) {
    const auto replies = ParseTransports(*header);
    if (replies.empty() || (offered_->tcp && !replies[0].tcp && replies[0].server_port)) {
      return Fail(RtspError::kBadTransport, header->substr(0, 128));
    }
    transport.server_port = replies[0].server_port;
    transport.source = replies[0].source;
    transport.ssrc = replies[0].ssrc;
    // What the server says about channels counts, also where it prefers them to UDP.
    if (replies[0].interleaved.has_value()) transport.interleaved = replies[0].interleaved;
    transport.tcp = offered_->tcp || replies[0].tcp;
  }
  setups_.Put(wanted_[next_wanted_], std::move(transport));
  reader_.ExpectChannels(setups_.channel_end());
  ++next_wanted_;
  return SetUpNext();
}

void ClientConversation::AskPlay() {
  step_ = Step::kPlay;
  requests_.Ask("PLAY", aggregate_, {{"Range", Format(Range{.start_ns = 0})}});
}

absl::Status ClientConversation::OnPlay(const Response& response) {
  if (response.status != 200) return Fail(RtspError::kRefused, StatusLine(response));
  requests_.ReadSession(response);
  step_ = Step::kPlaying;
  requests_.BeginKeepAlives(aggregate_);
  heard_ns_ = now_ns_;
  heard_any_ = false;
  Playing playing{setups_.all(), {}};
  const auto infos = ParseRtpInfo(response.headers.Get("RTP-Info"));
  for (const Setup& setup : playing.setups) {
    const std::string control = ControlOf(setup.media);
    const auto found = std::find_if(infos.begin(), infos.end(), [&](const RtpInfo& info) {
      return ControlUrl(base_, info.url) == control;
    });
    playing.infos.push_back(found != infos.end() ? *found : RtpInfo{});
  }
  events_.Push(std::move(playing));
  return absl::OkStatus();
}

void ClientConversation::ForgetSetups() {
  setups_.Clear();
  offered_.reset();
  next_wanted_ = 0;
}

void ClientConversation::FallBack() {
  tcp_ = true;
  requests_.LeaveSession(aggregate_);
  ForgetSetups();
  BeginDescribe();
}

void ClientConversation::Teardown() {
  if (status_.ok()) requests_.Teardown(aggregate_);
  ForgetSetups();
  step_ = Step::kIdle;
}

int64_t ClientConversation::MediaDeadline() const {
  const bool probing = !heard_any_ && std::any_of(setups_.all().begin(), setups_.all().end(),
                                                  [](const Setup& s) { return !s.transport.tcp; });
  return heard_ns_ + (probing ? options_.udp_probe_ns : options_.media_timeout_ns);
}

absl::Status ClientConversation::OnTimer(int64_t now_ns) {
  now_ns_ = now_ns;
  if (!status_.ok()) return status_;
  if (status_ = requests_.OnTimer(now_ns); !status_.ok()) return status_;
  if (step_ != Step::kPlaying) return absl::OkStatus();
  if (now_ns >= MediaDeadline()) {
    const bool may_fall_back = options_.protocol == ClientOptions::Protocol::kUdpThenTcp && !tcp_;
    if (!may_fall_back || heard_any_) return status_ = Fail(RtspError::kMediaTimeout);
    FallBack();
  }
  return absl::OkStatus();
}

std::optional<int64_t> ClientConversation::NextDeadline() const {
  std::optional<int64_t> deadline = requests_.NextDeadline();
  if (step_ == Step::kPlaying) {
    deadline = std::min(deadline.value_or(MediaDeadline()), MediaDeadline());
  }
  return deadline;
}

}  // namespace millrace::rtsp
