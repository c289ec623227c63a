#pragma once
// A server conversation with a gateway behind it that knows one stream and says yes, unless told
// otherwise; and a client that sends text.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "gateways/rtsp/protocol/server_conversation.h"
#include "media/base/fault.h"
#include "tests/unit/gateways/rtsp/protocol/crypto.h"
#include "tests/unit/gateways/rtsp/protocol/message_text.h"

namespace millrace::rtsp {

inline constexpr int64_t kSecond = 1'000'000'000;
inline const std::string kStreamUrl = "rtsp://10.0.0.1:8554/live/cam1";

inline media::sdp::Description TwoMedia() {
  return *media::sdp::Parse(
      "v=0\ns=live/cam1\na=control:*\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
      "a=control:trackID=0\nm=audio 0 RTP/AVP 8\na=control:trackID=1\n");
}

// What FFmpeg announces.
inline std::string FfmpegSdp() {
  return "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=No Name\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
         "a=tool:libavformat 59.27.100\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
         "a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAH9kAUAW7/wADAAQQAAADABAAAAMDIPG"
         "DJIA=,aOvjyyLA; profile-level-id=42C01F\r\na=control:streamid=0\r\n"
         "m=audio 0 RTP/AVP 97\r\nb=AS:128\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\n"
         "a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
         "indexdeltalength=3; config=1190\r\na=control:streamid=1\r\n";
}

class ServerDialogue {
 public:
  explicit ServerDialogue(ServerOptions options = {}, std::optional<ServerAuth> auth = {})
      : conversation_(std::move(options), PredictableBytes, 0, std::move(auth)) {}

  ~ServerDialogue() { WriteTestSeed("rtsp_server_conversation_fuzz", fed_); }

  // Sends a request with the next CSeq; yields what the server says, one text a message.
  std::string Ask(const std::string& method, const std::string& uri, Headers headers = {},
                  std::string body = {}) {
    Request request{
        method, uri, "RTSP/1.0", {{"CSeq", std::to_string(++sequence_)}}, std::move(body)};
    for (const auto& [name, value] : headers.lines()) request.headers.Add(name, value);
    std::vector<uint8_t> bytes;
    Write(request, bytes);
    Feed(bytes);
    return Said();
  }
  void Feed(media::Bytes bytes) {
    fed_.insert(fed_.end(), bytes.begin(), bytes.end());
    conversation_.Append(bytes, now_);
    Work();
  }
  void Frame(uint8_t channel, const std::string& payload) {
    std::vector<uint8_t> bytes;
    WriteInterleavedHeader(channel, static_cast<uint16_t>(payload.size()), bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    Feed(bytes);
  }
  // Events since the last call.
  std::vector<std::string> Events() { return std::exchange(events_, {}); }
  // The server's messages since the last call, without CSeq and Server, joined by " | ".
  std::string Said() {
    MessageReader reader;
    reader.Append(conversation_.TakeOutput());
    std::string text;
    while (true) {
      auto message = reader.Next();
      EXPECT_TRUE(message.ok()) << message.status();
      if (!message.ok() || !message->has_value()) return text;
      Response response = std::get<Response>(**message);
      Headers headers;
      for (const auto& [name, value] : response.headers.lines()) {
        if (name != "CSeq" && name != "Server") headers.Add(name, value);
      }
      response.headers = headers;
      if (!text.empty()) text += " | ";
      text += TextOf(Message(response));
    }
  }

  ServerConversation& operator*() { return conversation_; }
  ServerConversation* operator->() { return &conversation_; }
  const std::string& error() const { return error_; }
  void Wait(int64_t seconds) { now_ += seconds * kSecond; }
  int64_t now() const { return now_; }
  // Returns true where it answered itself.
  std::function<bool(ServerConversation&, const ServerEvent&)> answer =
      [](ServerConversation&, const ServerEvent&) { return false; };

 private:
  void Work() {
    while (true) {
      auto event = conversation_.Next();
      if (!event.ok()) {
        error_ = media::FaultName(event.status());
        return;
      }
      if (!event->has_value()) return;
      events_.push_back(Text(**event));
      if (!answer(conversation_, **event)) Answer(**event);
    }
  }
  void Answer(const ServerEvent& event) {
    if (std::holds_alternative<DescribeRequest>(event)) conversation_.Describe(TwoMedia());
    if (std::holds_alternative<AnnounceRequest>(event)) conversation_.AcceptAnnounce();
    if (std::holds_alternative<UdpSetupRequest>(event)) conversation_.AcceptUdp({20000, 20001});
    if (std::holds_alternative<MulticastSetupRequest>(event)) {
      conversation_.AcceptMulticast("239.192.8.1", {21000, 21001}, 16);
    }
    if (std::holds_alternative<PlayRequest>(event)) {
      std::vector<ServerConversation::Start> starts;
      for (const Setup& setup : conversation_.setups().all()) {
        starts.push_back({setup.media, 7, 90000});
      }
      conversation_.StartPlay(starts);
    }
    if (std::holds_alternative<RecordRequest>(event)) conversation_.StartRecord();
  }
  static std::string Text(const ServerEvent& event) {
    struct Visitor {
      std::string operator()(const DescribeRequest& one) { return "describe " + Of(one.target); }
      std::string operator()(const AnnounceRequest& one) {
        return "announce " + Of(one.target) + " of " + std::to_string(one.sources.size());
      }
      std::string operator()(const UdpSetupRequest& one) {
        return "udp " + std::to_string(one.media) + " to " + std::to_string(one.client_port.rtp);
      }
      std::string operator()(const MulticastSetupRequest& one) {
        return "multicast " + std::to_string(one.media);
      }
      std::string operator()(const TurnedAway&) { return "turned away"; }
      std::string operator()(const PlayRequest&) { return "play"; }
      std::string operator()(const RecordRequest&) { return "record"; }
      std::string operator()(const PauseRequest&) { return "pause"; }
      std::string operator()(const TeardownRequest&) { return "teardown"; }
      std::string operator()(const MediaPacket& one) {
        return (one.rtcp ? "rtcp " : "rtp ") + std::to_string(one.media) + " " +
               std::string(media::AsText(one.packet.bytes()));
      }
      static std::string Of(const Target& target) {
        std::string text = target.stream;
        for (const auto& [name, value] : target.params) text += " " + name + "=" + value;
        return text;
      }
    };
    return std::visit(Visitor{}, event);
  }

  ServerConversation conversation_;
  std::vector<uint8_t> fed_;
  int sequence_ = 0;
  int64_t now_ = 0;
  std::vector<std::string> events_;
  std::string error_;
};

}  // namespace millrace::rtsp
