// What each method does, RFC 2326 §10.

#include <algorithm>
#include <array>

#include "gateways/rtsp/protocol/server_conversation.h"
#include "media/base/fault.h"
#include "media/base/text.h"

namespace millrace::rtsp {
namespace {

using media::EqualsIgnoringCase;
using media::sdp::Ignored;

constexpr std::string_view kPublic =
    "OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, PAUSE, RECORD, TEARDOWN, GET_PARAMETER, "
    "SET_PARAMETER";
constexpr std::string_view kSdpType = "application/sdp";
constexpr size_t kMaxGuessedTracks = 16;

// Whether an Accept line, where there is one, has room for SDP.
bool AcceptsSdp(const Headers& headers) {
  const auto lines = headers.All("Accept");
  return lines.empty() || std::any_of(lines.begin(), lines.end(), [](std::string_view list) {
           while (!list.empty()) {
             std::string_view item = media::CutFront(list, ",");
             const std::string_view type = media::Trim(media::CutFront(item, ";"));
             if (EqualsIgnoringCase(type, kSdpType) || type == "*/*" ||
                 EqualsIgnoringCase(type, "application/*")) {
               return true;
             }
           }
           return false;
         });
}

std::string WithoutSlash(std::string_view uri) {
  while (uri.ends_with('/')) uri.remove_suffix(1);
  return std::string(uri);
}

// The presentation that a SETUP's URI belongs to, by the controls that we give out.
std::string GuessBase(std::string_view uri) {
  std::vector<std::string> controls;
  for (size_t i = 0; i < kMaxGuessedTracks; ++i) controls.push_back("trackID=" + std::to_string(i));
  const auto control = FindControl(uri, controls);
  return WithoutSlash(control.has_value() ? WithoutControl(uri, controls[*control])
                                          : std::string(uri));
}

}  // namespace

ServerConversation::Result ServerConversation::Dispatch(Request request) {
  const std::string& method = request.method;
  if (method == "OPTIONS") return OnOptions(request);
  if (method == "DESCRIBE") return OnDescribe(std::move(request));
  if (method == "ANNOUNCE") return OnAnnounce(std::move(request));
  if (method == "SETUP") return OnSetup(std::move(request));
  if (method == "PLAY") return OnPlay(std::move(request));
  if (method == "RECORD") return OnRecord(std::move(request));
  if (method == "PAUSE") return OnPause(request);
  if (method == "TEARDOWN") return OnTeardown(request);
  if (method == "GET_PARAMETER" || method == "SET_PARAMETER") {
    Send(Reply(request));  // to keep alive: that is all that they are used for
  } else if (method == "REDIRECT") {
    Response response = Reply(request, 405);
    response.headers.Add("Allow", kPublic);
    Send(response);
  } else {
    Refuse(request, 501);
  }
  return std::nullopt;
}

ServerConversation::Result ServerConversation::OnOptions(const Request& request) {
  Response response = Reply(request);
  response.headers.Add("Public", kPublic);
  Send(response);
  return std::nullopt;
}

ServerConversation::Result ServerConversation::OnDescribe(Request request) {
  if (publishing_) return RefuseState(request), std::nullopt;
  if (!AcceptsSdp(request.headers)) return Refuse(request, 406), std::nullopt;
  Target target = ResolveTarget(request.uri);
  if (setups_.empty()) {
    target_ = target;
    base_ = WithoutSlash(request.uri);
    described_ = false;
  }
  return Wait(std::move(request), DescribeRequest{std::move(target)});
}

ServerConversation::Result ServerConversation::OnAnnounce(Request request) {
  if (state_ != State::kInit || !setups_.empty()) return RefuseState(request), std::nullopt;
  std::string_view type = request.headers.Get("Content-Type");
  type = media::Trim(media::CutFront(type, ";"));
  if (!type.empty() && !EqualsIgnoringCase(type, kSdpType)) {
    return Refuse(request, 415), std::nullopt;
  }
  auto description = media::sdp::Parse(request.body);
  if (!description.ok()) {
    return Refuse(request, 400, media::FaultName(description.status())), std::nullopt;
  }
  AnnounceRequest announced{ResolveTarget(request.uri), *std::move(description), {}};
  announced.sources = media::sdp::SourcesOf(announced.description);
  const bool any = std::any_of(announced.sources.begin(), announced.sources.end(),
                               [](const auto& source) { return source.ignored == Ignored::kNo; });
  if (!any) return Refuse(request, 415, "no codec that is carried here"), std::nullopt;
  target_ = announced.target;
  described_ = false;
  base_ = WithoutSlash(request.uri);
  controls_.clear();
  for (const auto& source : announced.sources) controls_.push_back(source.control);
  return Wait(std::move(request), std::move(announced));
}

ServerConversation::Result ServerConversation::OnSetup(Request request) {
  if (state_ == State::kPlaying || state_ == State::kRecording) {
    return RefuseState(request), std::nullopt;
  }
  if (request.headers.Find("Transport") == nullptr) {
    return Refuse(request, 400, "Transport is missing"), std::nullopt;
  }
  if (!publishing_ && setups_.empty()) {
    // Clients that know a stream do not ask for its description again.
    std::string base = GuessBase(request.uri);
    Target target = ResolveTarget(base);
    if (!described_ || target_.stream != target.stream) {
      described_ = false;
      target_ = target;
      base_ = std::move(base);
      return Wait(std::move(request), DescribeRequest{std::move(target)});
    }
  }
  return SetUp(std::move(request));
}

std::optional<size_t> ServerConversation::FindMedia(std::string_view uri, int& status) const {
  if (const auto found = FindControl(uri, controls_)) {
    const Target target = ResolveTarget(WithoutControl(uri, controls_[*found]));
    const bool absolute = controls_[*found].find("://") != std::string::npos;
    if (absolute || target.stream == target_.stream) return found;
    status = 404;
    return std::nullopt;
  }
  status = 404;
  if (ResolveTarget(uri).stream != target_.stream) return std::nullopt;
  // The presentation's own URL: of its one media, or of the next one that has no control.
  if (controls_.size() == 1) return 0;
  for (size_t i = 0; i < controls_.size(); ++i) {
    const bool nameless = controls_[i].empty() || controls_[i] == "*";
    if (nameless && setups_.Find(i) == nullptr) return i;
  }
  status = 459;
  return std::nullopt;
}

ServerConversation::Result ServerConversation::SetUp(Request request) {
  int status = 404;
  const auto media = FindMedia(request.uri, status);
  if (!media.has_value()) return Refuse(request, status), std::nullopt;
  // 461 keeps the session: the client's next try is another transport.
  const auto offered = ParseTransports(request.headers.Get("Transport"));
  Choice choice = ChooseTransport(offered, options_.transport);
  if (choice.status != 200) return Refuse(request, choice.status), std::nullopt;
  if (choice.transport.mode == Transport::Mode::kRecord && !publishing_) {
    return RefuseState(request), std::nullopt;
  }
  // A session is sent in one way.
  if (!SameWay(*media, choice.transport)) return Refuse(request, 461), std::nullopt;
  if (choice.transport.tcp) {
    choice.transport.destination.clear();
    choice.transport.source.clear();
    AnswerSetup(request, *media, std::move(choice.transport));
    return std::nullopt;
  }
  waiting_media_ = *media;
  waiting_transport_ = std::move(choice.transport);
  if (waiting_transport_.multicast) {
    if (publishing_) return Refuse(request, 461), std::nullopt;
    return Wait(std::move(request), MulticastSetupRequest{*media});
  }
  const Pair ports = *waiting_transport_.client_port;
  return Wait(std::move(request), UdpSetupRequest{*media, ports, publishing_});
}

bool ServerConversation::SameWay(size_t media, const Transport& transport) const {
  return std::all_of(setups_.all().begin(), setups_.all().end(), [&](const Setup& setup) {
    return setup.media == media || (setup.transport.tcp == transport.tcp &&
                                    setup.transport.multicast == transport.multicast);
  });
}

void ServerConversation::AnswerSetup(const Request& request, size_t media, Transport transport) {
  // Not `mode=play`: some clients do not know it in a reply.
  transport.mode = publishing_ ? Transport::Mode::kRecord : Transport::Mode::kNone;
  transport.ssrc.reset();
  // Players of a stream share its packets, channels included: not many ways to choose them are
  // taken. Those of others are told, and clients obey.
  if (!publishing_ && transport.interleaved.has_value()) {
    const Pair& wish = *transport.interleaved;
    const bool usual = wish.rtp % 2 == 0 && wish.rtcp == wish.rtp + 1 &&
                       wish.rtp < 2 * std::max<size_t>(controls_.size(), 1);
    if (!usual) transport.interleaved.reset();
  }
  const Setup* setup = setups_.Add(media, std::move(transport));
  if (setup == nullptr) return Refuse(request, 461);
  reader_.ExpectChannels(setups_.channel_end());
  if (state_ == State::kInit || state_ == State::kAnnounced) state_ = State::kReady;
  OpenSession();
  Response response = Reply(request);
  response.headers.Add("Transport", Format(setup->transport));
  Send(response);
}

ServerConversation::Result ServerConversation::OnPlay(Request request) {
  if (state_ == State::kPlaying) {
    // Again, perhaps to seek: there is only the present.
    Response response = Reply(request);
    response.headers.Add("Range", Format(Range{}));
    Send(response);
    return std::nullopt;
  }
  if (state_ != State::kReady || publishing_) return RefuseState(request), std::nullopt;
  PlayRequest play{ParseRange(request.headers.Get("Range"))};
  return Wait(std::move(request), std::move(play));
}

ServerConversation::Result ServerConversation::OnRecord(Request request) {
  if (state_ == State::kRecording) return Send(Reply(request)), std::nullopt;
  if (state_ != State::kReady || !publishing_) return RefuseState(request), std::nullopt;
  return Wait(std::move(request), RecordRequest{});
}

ServerConversation::Result ServerConversation::OnPause(const Request& request) {
  if (state_ == State::kInit || state_ == State::kAnnounced) {
    return RefuseState(request), std::nullopt;
  }
  Send(Reply(request));
  if (state_ == State::kReady) return std::nullopt;
  state_ = State::kReady;
  return PauseRequest{};
}

ServerConversation::Result ServerConversation::OnTeardown(const Request& request) {
  if (session_.empty() && !publishing_) return Refuse(request, 454), std::nullopt;
  Send(Reply(request));
  CloseSession();
  return TeardownRequest{};
}

std::string ServerConversation::AllowedMethods() const {
  std::string methods = "OPTIONS, GET_PARAMETER, SET_PARAMETER";
  if (!publishing_) methods += ", DESCRIBE";
  if (state_ == State::kInit) methods += ", ANNOUNCE";
  if (state_ != State::kPlaying && state_ != State::kRecording) methods += ", SETUP";
  if (!publishing_ && (state_ == State::kReady || state_ == State::kPlaying)) methods += ", PLAY";
  if (publishing_ && (state_ == State::kReady || state_ == State::kRecording)) {
    methods += ", RECORD";
  }
  if (state_ != State::kInit && state_ != State::kAnnounced) methods += ", PAUSE";
  if (!session_.empty() || publishing_) methods += ", TEARDOWN";
  return methods;
}

void ServerConversation::RefuseState(const Request& request) {
  Response response = Reply(request, 455);
  response.headers.Add("Allow", AllowedMethods());
  Send(response);
}

}  // namespace millrace::rtsp
