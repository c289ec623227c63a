// What a session does as publisher.

#include <chrono>
#include <string>
#include <utility>

#include "gateways/rtsp/crypto.h"
#include "gateways/rtsp/protocol/errors.h"
#include "gateways/rtsp/protocol/message.h"
#include "gateways/rtsp/session.h"
#include "media/base/bytes.h"
#include "media/sdp/format.h"

namespace millrace::rtsp {
namespace {

using std::chrono::milliseconds;

// RFC 3550 §6.2: the least that is recommended.
constexpr std::chrono::seconds kReportEvery{5};

// The status for who may not publish because of others.
int StatusOf(v1::RefusalReason reason) { return reason == v1::REFUSAL_LIMIT ? 453 : 403; }

// What the publisher calls a media's codec.
std::string NameOf(const media::sdp::Description& description, const media::sdp::Source& source) {
  if (!source.format.encoding.empty()) return source.format.encoding;
  const media::sdp::Media& media = description.media[source.media];
  std::string name = media.kind;
  for (const std::string& type : media.formats) {
    const auto format = media::sdp::FormatOf(media, type);
    name += " " + (format.has_value() ? format->encoding : type);
  }
  return name;
}

}  // namespace

void Session::On(AnnounceRequest& event) {
  if (!LoggedIn(event.target, v1::ROLE_PUBLISHER) || Refused(event.target)) return;
  bool any = false;
  std::string left_out;
  for (const auto& source : event.sources) {
    if (Receiver::CanReceive(source)) {
      any = true;
    } else if (source.ignored == media::sdp::Ignored::kNo ||
               source.ignored == media::sdp::Ignored::kUnknownFormat) {
      left_out += (left_out.empty() ? "" : ", ") + NameOf(event.description, source);
    }
  }
  if (!left_out.empty()) {
    shard_.CountError(RtspErrorName(RtspError::kUnsupportedCodec));
    node().logger().Warning("media are left out: their codecs are not carried",
                            {{"stream", event.target.stream},
                             {"address", peer_},
                             {"codecs", left_out},
                             {"user_agent", std::string(conversation_.user_agent())}});
  }
  if (!any) {
    conversation_.Reject(
        415, "not supported: " + left_out +
                 ". Use H.264, H.265, AV1, Motion JPEG, AAC, Opus, G.711, G.726, MP3 or L16");
    return;
  }
  target_ = event.target;
  sources_ = std::move(event.sources);
  conversation_.AcceptAnnounce();
}

void Session::On(RecordRequest&) {
  paused_ = false;
  if (publication_ != nullptr) {  // after a pause
    publication_->Excuse(Clock::now());
    conversation_.StartRecord();
    return;
  }
  if (const auto full = TakePublisherShares(target_.stream)) {
    conversation_.Reject(453, *full);
    CloseGently("refused");
    return;
  }
  Begin(target_, v1::ROLE_PUBLISHER);
  granted_ = false;
  since_ = Clock::now();
  uint8_t ssrc[4];
  OpenSslRandom(ssrc);
  PublicationOptions options{target_.stream, record_->id(), sources_};
  options.datagrams = UsesUdp();
  options.ssrc = media::ByteReader(ssrc).U32();
  stream::IngestObserver& observer = *this;
  publication_ =
      std::make_unique<Publication>(node(), shard_.context(), std::move(options), observer);
  StartInputs();
}

void Session::TickPublisher(Clock::time_point now) {
  const bool idle = publication_->IdleAt(now);
  publication_->OnTimer(now);
  if (granted_ && now - reported_ >= kReportEvery) SendReports(now);
  if (!granted_) {
    if (now - since_ < milliseconds(publication_->settings().wait_timeout())) return;
    conversation_.Reject(503, "no router took the stream in time: try again");
    CloseGently("not_granted");
  } else if (paused_) {
    publication_->Excuse(now);
  } else if (idle && pause_.count() == 0) {
    CloseGently("publish_idle");
  }
}

// How the publisher's packets arrive. Not to one who is held back: see Flush.
void Session::SendReports(Clock::time_point now) {
  reported_ = now;
  if (paced_) return;
  for (const Setup& setup : conversation_.setups().all()) {
    const std::vector<uint8_t> report = publication_->Report(setup.media, now);
    if (report.empty()) continue;
    if (const auto input = inputs_.find(setup.media); input != inputs_.end()) {
      input->second->SendReport(report);
    } else if (setup.transport.interleaved.has_value()) {
      std::vector<uint8_t> frame;
      WriteInterleavedHeader(static_cast<uint8_t>(setup.transport.interleaved->rtcp),
                             static_cast<uint16_t>(report.size()), frame);
      frame.insert(frame.end(), report.begin(), report.end());
      Write(std::move(frame));
    }
    if (publication_ == nullptr) return;  // the connection broke
  }
}

void Session::OnAccepted() {
  granted_ = true;
  LogRole("publishing", conversation_.user_agent());
  conversation_.StartRecord();
  Work();
}

void Session::OnClosed(v1::RefusalReason reason, const std::string& text) {
  const char* end = LogClosed(reason, text);
  if (conversation_.waiting()) {
    conversation_.Reject(StatusOf(reason),
                         text.empty() ? "somebody else publishes this stream" : text);
  }
  CloseGently(end);
}

void Session::OnExcess(const char* name, const std::string& text) {
  CountExcess(name, text);
  if (conversation_.waiting()) conversation_.Reject(453, text);
  CloseGently(name);
}

}  // namespace millrace::rtsp
