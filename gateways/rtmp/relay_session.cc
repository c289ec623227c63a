#include "gateways/rtmp/relay_session.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "gateways/rtmp/crypto.h"
#include "gateways/rtmp/relay_target.h"
#include "media/base/fault.h"

namespace millrace::rtmp {
namespace {

using std::chrono::milliseconds;

// From the first look-up of the host to its word that we may.
constexpr auto kAcceptTime = std::chrono::seconds(10);

ClientOptions OptionsFor(const RelaySession::Options& relay, const v1::RtmpSettings& settings,
                         ClientOptions::Purpose purpose) {
  const RelayTarget target = TargetOf(relay.url);
  ClientOptions options;
  options.purpose = purpose;
  options.tc_url = target.tc_url;
  options.app = target.app;
  options.key = target.key;
  // Some servers take nobody for an encoder who does not say to be one.
  options.agent = purpose == ClientOptions::Purpose::kPublish
                      ? "FMLE/3.0 (compatible; Millrace " MILLRACE_VERSION ")"
                      : "LNX 9,0,124,2 (Millrace " MILLRACE_VERSION ")";
  options.limits.max_message = settings.max_message();
  options.limits.max_partial = settings.max_partial();
  options.chunk_size = settings.chunk_size();
  return options;
}

std::string Told(const std::string& code, const std::string& text) {
  if (text.empty()) return "the server says " + code;
  return code.empty() ? "the server says: " + text : "the server says " + code + ": " + text;
}

}  // namespace

RelaySession::RelaySession(node::SessionShard& shard, Options options,
                           ClientOptions::Purpose purpose)
    : node::RelaySession(shard, std::move(options)),
      settings_(node().configuration()->rtmp()),
      conversation_(OptionsFor(options_, settings_, purpose), OpenSslRandom) {}

void RelaySession::OnConnected() {
  conversation_.Begin();
  Flush();
}

void RelaySession::Receive(media::Bytes bytes) {
  const auto now = std::chrono::duration_cast<milliseconds>(node::Clock::now().time_since_epoch());
  conversation_.Append(bytes, now.count());
  while (!over()) {
    auto event = conversation_.Next();
    if (!event.ok()) {
      const std::string name = media::FaultName(event.status());
      shard_.CountError(name);
      End(relay::End::kLost, "the server breaks the protocol: " + name);
      return;
    }
    if (!event->has_value()) break;
    Act(**event);
  }
  if (!over()) Flush();
}

void RelaySession::Act(ClientEvent& event) {
  if (auto* video = std::get_if<VideoData>(&event)) {
    OnMedia(media::flv::TagType::kVideo, video->timestamp_ms, video->body);
  } else if (auto* audio = std::get_if<AudioData>(&event)) {
    OnMedia(media::flv::TagType::kAudio, audio->timestamp_ms, audio->body);
  } else if (auto* script = std::get_if<ScriptData>(&event)) {
    OnMedia(media::flv::TagType::kScript, script->timestamp_ms, script->body);
  } else if (const auto* accepted = std::get_if<ServerAccepts>(&event)) {
    accepted_ = true;
    OnAccepted(*accepted);
  } else if (const auto* refused = std::get_if<ServerRefuses>(&event)) {
    End(relay::End::kRefused, Told(refused->code, refused->text));
  } else if (const auto* ended = std::get_if<ServerEnds>(&event)) {
    End(relay::End::kOver, Told(ended->code, ended->text));
  }
}

void RelaySession::OnTick(node::Clock::time_point now) {
  if (accepted_) {
    OnAcceptedTick(now);
  } else if (now - since_ >= kAcceptTime) {
    End(relay::End::kLost,
        fmt::format("{}:{} did not answer within 10 s", options_.url.host, options_.url.port));
  }
}

void RelaySession::Leave() {
  if (record_ == nullptr) return;
  conversation_.Leave();
  Flush();
}

void RelaySession::Flush() {
  if (conversation_.has_output()) Write(conversation_.TakeOutput());
}

}  // namespace millrace::rtmp
