#include "gateways/rtsp/protocol/push_conversation.h"

#include <utility>

#include "gateways/rtsp/protocol/errors.h"
#include "gateways/rtsp/protocol/play_headers.h"

namespace millrace::rtsp {

PushConversation::PushConversation(PushOptions options, Url url, Md5 md5, RandomBytes random)
    : options_(std::move(options)),
      requests_(options_.requests, std::move(url), std::move(md5), std::move(random)),
      reader_(options_.limits) {}

void PushConversation::OnConnected(int64_t now_ns) {
  reader_ = MessageReader(options_.limits);
  requests_.OnConnected(now_ns);
  setups_.Clear();
  step_ = Step::kOptions;
  requests_.Ask("OPTIONS", url().Text());
}

void PushConversation::Announce(const media::sdp::Description& description) {
  sdp_ = media::sdp::Build(description);
  controls_.clear();
  for (const media::sdp::Media& media : description.media) {
    controls_.emplace_back(media::sdp::ValueOf(media.attributes, "control"));
  }
  if (step_ == Step::kReady) BeginAnnounce();
}

bool PushConversation::OnClosed() { return status_.ok() && requests_.OnClosed(); }

void PushConversation::Append(media::Bytes bytes, int64_t now_ns) {
  requests_.SetNow(now_ns);
  reader_.Append(bytes);
}

absl::StatusOr<std::optional<PushEvent>> PushConversation::Next() {
  return events_.Next(reader_, status_, [this](Message& message) { return OnMessage(message); });
}

absl::Status PushConversation::OnMessage(Message& message) {
  if (auto* response = std::get_if<Response>(&message)) {
    const auto answer = requests_.Take(std::move(*response));
    if (!answer.ok()) return answer.status();
    return answer->has_value() ? OnAnswer(**answer) : absl::OkStatus();
  }
  if (const auto* request = std::get_if<Request>(&message)) requests_.Answer(*request);
  return absl::OkStatus();  // of the server's reports there is nothing to learn
}

absl::Status PushConversation::OnAnswer(const Response& response) {
  if (step_ == Step::kOptions) {  // whatever the answer is
    requests_.ReadPublic(response);
    step_ = Step::kReady;
    if (announced()) BeginAnnounce();
    return absl::OkStatus();
  }
  if (step_ == Step::kAnnounce && response.status >= 300 && response.status < 400) {
    if (absl::Status status = requests_.Follow(response); !status.ok()) return status;
    step_ = Step::kIdle;
    events_.Push(Redirected{url()});
    return absl::OkStatus();
  }
  if (response.status != 200) return Fail(RtspError::kRefused, StatusLine(response));
  requests_.ReadSession(response);
  if (step_ == Step::kSetup) return OnSetup(response);
  if (step_ == Step::kAnnounce) {
    next_media_ = 0;
    SetUpNext();
  } else if (step_ == Step::kRecord) {
    step_ = Step::kRecording;
    requests_.BeginKeepAlives(url().Text());
    events_.Push(Recording{setups_.all()});
  }
  return absl::OkStatus();
}

void PushConversation::BeginAnnounce() {
  step_ = Step::kAnnounce;
  requests_.Ask("ANNOUNCE", url().Text(), {{"Content-Type", "application/sdp"}}, sdp_);
}

// Of the media that is set up next.
Transport PushConversation::OfferedTransport() const {
  const auto channel = static_cast<uint16_t>(2 * next_media_);
  Transport transport;
  transport.tcp = true;
  transport.interleaved = Pair{channel, static_cast<uint16_t>(channel + 1)};
  transport.mode = Transport::Mode::kRecord;
  return transport;
}

void PushConversation::SetUpNext() {
  if (next_media_ == controls_.size()) {
    step_ = Step::kRecord;
    requests_.Ask("RECORD", url().Text(), {{"Range", Format(Range{.start_ns = 0})}});
    return;
  }
  step_ = Step::kSetup;
  requests_.Ask("SETUP", ControlUrl(url().Text(), controls_[next_media_]),
                {{"Transport", Format(OfferedTransport())}});
}

absl::Status PushConversation::OnSetup(const Response& response) {
  Transport transport = OfferedTransport();
  if (const std::string* header = response.headers.Find("Transport")) {
    const auto replies = ParseTransports(*header);
    if (replies.empty() || !replies[0].tcp) {
      return Fail(RtspError::kBadTransport, header->substr(0, 128));
    }
    if (replies[0].interleaved.has_value()) transport.interleaved = replies[0].interleaved;
  }
  // Reports go on the channel behind, whatever the answer calls it.
  const unsigned rtp = transport.interleaved->rtp;
  if (rtp > 254 || setups_.OfChannel(static_cast<uint8_t>(rtp)).has_value() ||
      setups_.OfChannel(static_cast<uint8_t>(rtp + 1)).has_value()) {
    return Fail(RtspError::kBadTransport, "a channel that cannot be used");
  }
  transport.interleaved->rtcp = static_cast<uint16_t>(rtp + 1);
  setups_.Put(next_media_, std::move(transport));
  reader_.ExpectChannels(setups_.channel_end());
  ++next_media_;
  SetUpNext();
  return absl::OkStatus();
}

void PushConversation::Teardown() {
  if (status_.ok()) requests_.Teardown(url().Text());
  step_ = Step::kIdle;
}

absl::Status PushConversation::OnTimer(int64_t now_ns) {
  if (status_.ok()) status_ = requests_.OnTimer(now_ns);
  return status_;
}

}  // namespace millrace::rtsp
