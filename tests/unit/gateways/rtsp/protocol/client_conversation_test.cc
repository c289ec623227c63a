#include "gateways/rtsp/protocol/client_conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "media/base/fault.h"
#include "tests/support/split_feed.h"
#include "tests/unit/gateways/rtsp/protocol/crypto.h"
#include "tests/unit/gateways/rtsp/protocol/message_text.h"

namespace millrace::rtsp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr int64_t kSecond = media::kNsPerSecond;
const std::string kUrl = "rtsp://10.0.0.5:8554/stream";
const std::string kSdp =
    "v=0\r\ns=camera\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=control:trackID=1\r\nm=application 0 RTP/AVP 107\r\na=control:trackID=3\r\n"
    "m=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\n";

// A client and what a camera answers to it, written down in the test.
class ClientDialogue {
 public:
  explicit ClientDialogue(ClientOptions options = {}, const std::string& url = kUrl)
      : conversation_(std::move(options), *ParseUrl(url), TestMd5, PredictableBytes) {
    conversation_.OnConnected(now_);
  }

  ~ClientDialogue() { WriteTestSeed("rtsp_client_conversation_fuzz", fed_); }

  // What the client asked since the last call, without CSeq and User-Agent, joined by " | ".
  std::string Asked() {
    MessageReader reader;
    reader.Append(conversation_.TakeOutput());
    std::string text;
    while (true) {
      auto message = reader.Next();
      EXPECT_TRUE(message.ok()) << message.status();
      if (!message.ok() || !message->has_value()) return text;
      if (!text.empty()) text += " | ";
      if (auto* response = std::get_if<Response>(&**message)) {
        text += TextOf(Message(*response));
        continue;
      }
      Request request = std::get<Request>(**message);
      sequence_ = std::string(request.headers.Get("CSeq"));
      EXPECT_EQ(request.headers.Get("User-Agent"), "Millrace");
      Headers headers;
      for (const auto& [name, value] : request.headers.lines()) {
        if (name != "CSeq" && name != "User-Agent") headers.Add(name, value);
      }
      request.headers = headers;
      text += TextOf(Message(request));
    }
  }
  // The camera answers what was asked last; yields what the client asks then.
  std::string Answer(int status, Headers headers = {}, std::string body = {}) {
    Response response{status, "", {{"CSeq", sequence_}}, std::move(body)};
    for (const auto& [name, value] : headers.lines()) response.headers.Add(name, value);
    std::vector<uint8_t> bytes;
    Write(response, bytes);
    Feed(bytes);
    return Asked();
  }
  void Feed(media::Bytes bytes) {
    fed_.insert(fed_.end(), bytes.begin(), bytes.end());
    conversation_.Append(bytes, now_);
    while (true) {
      auto event = conversation_.Next();
      if (!event.ok()) {
        error_ = std::string(event.status().message());
        return;
      }
      if (!event->has_value()) return;
      events_.push_back(Text(**event));
    }
  }
  void Frame(uint8_t channel, const std::string& payload) {
    std::vector<uint8_t> bytes;
    WriteInterleavedHeader(channel, static_cast<uint16_t>(payload.size()), bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    Feed(bytes);
  }
  // Up to the answer of DESCRIBE, which is `sdp`.
  std::string Describe(Headers headers = {}, const std::string& sdp = kSdp,
                       const std::string& methods = "OPTIONS, DESCRIBE, GET_PARAMETER") {
    EXPECT_THAT(Asked(), StartsWith("OPTIONS "));
    EXPECT_THAT(Answer(200, {{"Public", methods}}), StartsWith("DESCRIBE "));
    return Answer(200, std::move(headers), sdp);
  }
  // Up to playing over TCP.
  void Play(const std::string& methods = "OPTIONS, DESCRIBE, GET_PARAMETER") {
    Describe({}, kSdp, methods);
    Answer(200, {{"Session", "77;timeout=30"}, {"Transport", "RTP/AVP/TCP;interleaved=0-1"}});
    Answer(200, {{"Session", "77"}, {"Transport", "RTP/AVP/TCP;interleaved=2-3"}});
    Answer(200, {{"Session", "77;timeout=30"}});
    Events();
  }
  std::vector<std::string> Events() { return std::exchange(events_, {}); }
  const std::string& error() const { return error_; }
  ClientConversation* operator->() { return &conversation_; }
  void Wait(int64_t seconds) { now_ += seconds * kSecond; }
  std::string TimerFault() { return media::FaultName(conversation_.OnTimer(now_)); }
  int64_t now() const { return now_; }

 private:
  static std::string Text(const ClientEvent& event) {
    struct Visitor {
      std::string operator()(const Described& one) {
        return "described " + std::to_string(one.sources.size());
      }
      std::string operator()(const PortsRequest& one) {
        return "ports " + std::to_string(one.media);
      }
      std::string operator()(const Playing& one) {
        std::string text = "playing";
        for (size_t i = 0; i < one.setups.size(); ++i) {
          text += " " + std::to_string(one.setups[i].media) + " " +
                  Format(one.setups[i].transport) + " " +
                  std::to_string(one.infos[i].timestamp.value_or(0));
        }
        return text;
      }
      std::string operator()(const Redirected& one) { return "redirected " + one.url.Text(); }
      std::string operator()(const MediaPacket& one) {
        return (one.rtcp ? "rtcp " : "rtp ") + std::to_string(one.media) + " " +
               std::string(media::AsText(one.packet.bytes()));
      }
    };
    return std::visit(Visitor{}, event);
  }

  ClientConversation conversation_;
  std::vector<uint8_t> fed_;
  int64_t now_ = 0;
  std::string sequence_;
  std::vector<std::string> events_;
  std::string error_;
};

ClientOptions Udp(ClientOptions::Protocol protocol = ClientOptions::Protocol::kUdpThenTcp) {
  ClientOptions options;
  options.protocol = protocol;
  return options;
}

TEST(Client, PlaysOverTcp) {
  ClientDialogue client;
  EXPECT_EQ(client.Asked(), "OPTIONS " + kUrl + " RTSP/1.0");
  EXPECT_EQ(client.Answer(200, {{"Public", "OPTIONS, DESCRIBE, GET_PARAMETER"}}),
            "DESCRIBE " + kUrl + " RTSP/1.0 [Accept: application/sdp]");
  EXPECT_EQ(
      client.Answer(200, {{"Content-Base", kUrl + "/"}}, kSdp),
      "SETUP " + kUrl + "/trackID=1 RTSP/1.0 [Transport: RTP/AVP/TCP;unicast;interleaved=0-1]");
  EXPECT_EQ(client.Answer(200, {{"Session", " 77 ;timeout=30"},
                                {"Transport", "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1"}}),
            "SETUP " + kUrl +
                "/trackID=2 RTSP/1.0 [Session: 77] [Transport: "
                "RTP/AVP/TCP;unicast;interleaved=2-3]");
  // Packets may be there before the answer to PLAY.
  EXPECT_EQ(client.Answer(200, {{"Session", "77"}}),
            "PLAY " + kUrl + "/ RTSP/1.0 [Session: 77] [Range: npt=0.000-]");
  client.Frame(0, "early");
  EXPECT_EQ(client.Answer(200, {{"RTP-Info", "url=" + kUrl +
                                                 "/trackID=2;seq=1;rtptime=160,"
                                                 "url=trackID=1;seq=2;rtptime=90000"}}),
            "");
  client.Frame(3, "report");
  EXPECT_THAT(client.Events(),
              ElementsAre("described 3", "rtp 0 early",
                          "playing 0 RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000001 90000 "
                          "2 RTP/AVP/TCP;unicast;interleaved=2-3 160",
                          "rtcp 2 report"));
  EXPECT_TRUE(client->playing());
  client->Teardown();
  EXPECT_EQ(client.Asked(), "TEARDOWN " + kUrl + "/ RTSP/1.0 [Session: 77]");
}

TEST(Client, ControlUrlsOfServers) {
  const struct {
    const char* name;
    std::string url;
    Headers headers;
    std::string session_control;
    std::string media_control;
    std::string set_up;
  } cases[] = {
      {"no base", kUrl, {}, "*", "trackID=1", kUrl + "/trackID=1"},
      {"Content-Location",
       kUrl,
       {{"Content-Location", kUrl + "/x/"}},
       "*",
       "trackID=1",
       kUrl + "/x/trackID=1"},
      {"Content-Base behind a NAT",
       kUrl,
       {{"Content-Base", "rtsp://192.168.1.64/stream/"}},
       "*",
       "rtsp://192.168.1.64/stream/trackID=1",
       kUrl + "/trackID=1"},
      {"control of the session is a URL",
       kUrl,
       {},
       "rtsp://10.0.0.5:8554/other/",
       "trackID=1",
       "rtsp://10.0.0.5:8554/other/trackID=1"},
      {"media without control", kUrl, {}, "*", "", kUrl},
      {"Hikvision",
       "rtsp://a:b@h/Streaming/Channels/101",
       {{"Content-Base", "rtsp://h/Streaming/Channels/101/"}},
       "*",
       "rtsp://h/Streaming/Channels/101/trackID=1",
       "rtsp://h/Streaming/Channels/101/trackID=1"},
      {"Dahua",
       "rtsp://h/cam/realmonitor?channel=1&subtype=0",
       {{"Content-Base", "rtsp://h/cam/realmonitor?channel=1&subtype=0/"}},
       "*",
       "trackID=0",
       "rtsp://h/cam/realmonitor?channel=1&subtype=0/trackID=0"},
  };
  for (const auto& c : cases) {
    ClientDialogue client({}, c.url);
    const std::string sdp = "v=0\na=control:" + c.session_control + "\nm=audio 0 RTP/AVP 0\n" +
                            (c.media_control.empty() ? "" : "a=control:" + c.media_control + "\n");
    EXPECT_THAT(client.Describe(c.headers, sdp), StartsWith("SETUP " + c.set_up + " RTSP/1.0"))
        << c.name;
  }
}

TEST(Client, ObeysRemappedChannels) {
  ClientDialogue client;
  client.Describe();
  client.Answer(200, {{"Session", "7"}, {"Transport", "RTP/AVP/TCP;unicast;interleaved=4-5"}});
  client.Answer(200, {{"Session", "7"}, {"Transport", "RTP/AVP;interleaved=0"}});  // Escam
  client.Answer(200);
  client.Events();
  client.Frame(4, "a");
  client.Frame(1, "b");
  client.Frame(2, "nobody's");
  EXPECT_THAT(client.Events(), ElementsAre("rtp 0 a", "rtcp 2 b"));
}

TEST(Client, AnswersDigestAndStaleNonces) {
  ClientDialogue client({}, "rtsp://admin:12345@10.0.0.5:8554/stream");
  client.Asked();
  const auto digest = [](const std::string& nonce, const std::string& more = "") {
    return Headers{{"WWW-Authenticate", "Digest realm=\"cam\", nonce=\"" + nonce + "\"" + more}};
  };
  EXPECT_THAT(client.Answer(401, digest("1")),
              StartsWith("OPTIONS " + kUrl +
                         " RTSP/1.0 [Authorization: Digest username=\"admin\", realm=\"cam\", "
                         "nonce=\"1\", uri=\"" +
                         kUrl + "\", response=\""));
  EXPECT_THAT(client.Answer(200), HasSubstr("nonce=\"1\""));
  // A camera that wants another nonce for each method.
  EXPECT_THAT(client.Answer(401, digest("2", ", stale=true")), HasSubstr("nonce=\"2\""));
  EXPECT_THAT(client.Answer(200, {}, kSdp), HasSubstr("uri=\"" + kUrl + "/trackID=1\""));
  // One that does not say that the nonce is stale; the login was right before.
  EXPECT_THAT(client.Answer(401, digest("3")), HasSubstr("nonce=\"3\""));
  client.Answer(401, digest("4"));
  client.Answer(401, digest("5"));
  EXPECT_EQ(client.error(), "rtsp_unauthorized: SETUP");
}

TEST(Client, TriesAWrongPasswordOnce) {
  ClientDialogue client({}, "rtsp://admin:wrong@10.0.0.5:8554/stream");
  client.Asked();
  const Headers digest{{"WWW-Authenticate", "Digest realm=\"cam\", nonce=\"1\""}};
  client.Answer(401, digest);
  client.Answer(401, digest);
  EXPECT_EQ(client.error(), "rtsp_unauthorized: OPTIONS");
}

TEST(Client, GivesUpWithoutCredentials) {
  ClientDialogue client;
  client.Asked();
  client.Answer(401, {{"WWW-Authenticate", "Basic realm=\"x\""}});
  EXPECT_EQ(client.error(), "rtsp_unauthorized: OPTIONS");
}

TEST(Client, ConnectsAgainWhereACameraHangsUpAfter401) {
  ClientDialogue client({}, "rtsp://a:b@10.0.0.5:8554/stream");
  client.Asked();
  EXPECT_FALSE(client->OnClosed());
  client.Answer(401, {{"WWW-Authenticate", "Basic realm=\"x\""}});
  EXPECT_TRUE(client->OnClosed());
  client->OnConnected(client.now());
  EXPECT_EQ(client.Asked(), "OPTIONS " + kUrl + " RTSP/1.0 [Authorization: Basic YTpi]");
}

TEST(Client, PlaysOverUdp) {
  ClientDialogue client(Udp());
  EXPECT_EQ(client.Describe(), "");
  client->ProvidePorts(Pair{5000, 5001});
  EXPECT_THAT(client.Asked(), HasSubstr("[Transport: RTP/AVP;unicast;client_port=5000-5001]"));
  client.Answer(200,
                {{"Session", "7"},
                 {"Transport", "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001"}});
  client->ProvidePorts(Pair{5002, 5003});
  client.Asked();
  // OpenIPC: no server_port.
  client.Answer(200, {{"Session", "7"}, {"Transport", "RTP/AVP;unicast;client_port=5002-5003"}});
  client.Answer(200);
  EXPECT_THAT(client.Events(),
              ElementsAre("described 3", "ports 0", "ports 2",
                          "playing 0 RTP/AVP;unicast;client_port=5000-5001;"
                          "server_port=6000-6001 0 2 RTP/AVP;unicast;client_port=5002-5003 0"));
  client->Heard(client.now());
  client.Wait(9);
  EXPECT_EQ(client.TimerFault(), "");
  client.Wait(1);
  EXPECT_EQ(client.TimerFault(), "rtsp_media_timeout");
}

// Hikvision takes no other transport for what was described before.
TEST(Client, FallsBackToTcpWithANewDescription) {
  for (const int status : {461, 400, 404}) {
    ClientDialogue client(Udp());
    client.Describe();
    client->ProvidePorts(Pair{5000, 5001});
    client.Asked();
    EXPECT_EQ(client.Answer(status), "DESCRIBE " + kUrl + " RTSP/1.0 [Accept: application/sdp]");
    EXPECT_THAT(client.Answer(200, {}, kSdp), HasSubstr("interleaved=0-1"));
  }
}

TEST(Client, FallsBackToTcpWhereNoPacketComes) {
  ClientDialogue client(Udp());
  client.Describe();
  for (int i = 0; i < 2; ++i) {
    client->ProvidePorts(Pair{5000, 5001});
    client.Asked();
    client.Answer(200, {{"Session", "7"}});
  }
  client.Answer(200);
  EXPECT_TRUE(client->playing());
  EXPECT_EQ(client->NextDeadline(), client.now() + 3 * kSecond);
  client.Wait(3);
  EXPECT_EQ(client.TimerFault(), "");
  EXPECT_EQ(client.Asked(), "TEARDOWN " + kUrl + " RTSP/1.0 [Session: 7] | DESCRIBE " + kUrl +
                                " RTSP/1.0 [Accept: application/sdp]");
  // Some hang up after TEARDOWN.
  EXPECT_TRUE(client->OnClosed());
  client->OnConnected(client.now());
  EXPECT_THAT(client.Describe(), HasSubstr("interleaved=0-1"));
}

TEST(Client, StaysWithUdpWhereItIsTold) {
  ClientDialogue client(Udp(ClientOptions::Protocol::kUdp));
  client.Describe({}, "m=audio 0 RTP/AVP 0\n");
  client->ProvidePorts(Pair{5000, 5001});
  client.Asked();
  client.Answer(461);
  EXPECT_EQ(client.error(), "rtsp_refused: 461 Unsupported Transport");
}

TEST(Client, ShowsThePictureWhereTheSoundIsRefused) {
  ClientDialogue client;
  client.Describe();
  client.Answer(200, {{"Session", "7"}});
  EXPECT_THAT(client.Answer(404), StartsWith("PLAY "));
  client.Answer(200);
  EXPECT_THAT(client.Events()[1], StartsWith("playing 0 "));
}

TEST(Client, KeepsAlive) {
  const struct {
    const char* name;
    KeepAlive keep_alive;
    std::string methods;
    std::string asked;
  } cases[] = {
      {"by GET_PARAMETER", KeepAlive::kAutomatic, "OPTIONS,GET_PARAMETER",
       "GET_PARAMETER " + kUrl + " RTSP/1.0 [Session: 77]"},
      {"by OPTIONS where the server has nothing else", KeepAlive::kAutomatic, "OPTIONS, PLAY",
       "OPTIONS " + kUrl + " RTSP/1.0 [Session: 77]"},
      {"by OPTIONS where it is told", KeepAlive::kOptions, "GET_PARAMETER",
       "OPTIONS " + kUrl + " RTSP/1.0 [Session: 77]"},
      {"Hikvision: not at all", KeepAlive::kNone, "GET_PARAMETER", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    ClientOptions options;
    options.requests.keep_alive = c.keep_alive;
    ClientDialogue client(options);
    client.Play(c.methods);
    for (int i = 0; i < 2; ++i) {  // whether it was answered or not
      client.Wait(8);
      client.Frame(0, "x");
      EXPECT_EQ(client.TimerFault(), "");
      EXPECT_EQ(client.Asked(), "");
      client.Wait(7);
      EXPECT_EQ(client.TimerFault(), "");
      EXPECT_EQ(client.Asked(), c.asked);
    }
  }
}

TEST(Client, KeepAlivesAreToldAgainWithAnotherNonce) {
  ClientDialogue client({}, "rtsp://a:b@10.0.0.5:8554/stream");
  client.Asked();
  const auto digest = [](const std::string& nonce) {
    return Headers{{"WWW-Authenticate", "Digest realm=\"cam\", nonce=\"" + nonce + "\""}};
  };
  client.Answer(401, digest("1"));
  client.Answer(200);
  client.Answer(200, {}, kSdp);
  client.Answer(200, {{"Session", "7;timeout=30"}});
  client.Answer(200);
  client.Answer(200);
  client.Frame(0, "x");
  client.Wait(14);
  client.Frame(0, "x");
  client.Wait(1);
  EXPECT_EQ(client.TimerFault(), "");
  EXPECT_THAT(client.Asked(), HasSubstr("nonce=\"1\""));
  EXPECT_THAT(client.Answer(401, digest("2")), HasSubstr("nonce=\"2\""));
  EXPECT_EQ(client.Answer(401, digest("3")), "");  // once a keep-alive
}

TEST(Client, SetsUpWhatIsChosen) {
  ClientOptions options;
  options.choose = [](const std::vector<media::sdp::Source>& sources) {
    return std::vector<size_t>{sources.back().media};
  };
  ClientDialogue client(options);
  EXPECT_THAT(client.Describe(), StartsWith("SETUP " + kUrl + "/trackID=2"));

  options.choose = [](const std::vector<media::sdp::Source>&) { return std::vector<size_t>{}; };
  ClientDialogue nothing(options);
  EXPECT_EQ(nothing.Describe(), "");
  EXPECT_EQ(nothing.error(), "rtsp_no_media: video h264, application not_media, audio pcma");
}

TEST(Client, KeepAlivesThatAreRefusedChangeNothingButTheMethod) {
  ClientDialogue client;
  client.Play();
  const auto due = [&] {
    client.Wait(8);
    client.Frame(0, "x");
    client.Wait(7);
    EXPECT_EQ(client.TimerFault(), "");
    return client.Asked();
  };
  EXPECT_THAT(due(), StartsWith("GET_PARAMETER"));
  EXPECT_EQ(client.Answer(454), "");
  EXPECT_THAT(due(), StartsWith("GET_PARAMETER"));
  EXPECT_EQ(client.Answer(501), "");
  EXPECT_THAT(due(), StartsWith("OPTIONS"));
  EXPECT_EQ(client.error(), "");
}

TEST(Client, FollowsRedirects) {
  ClientDialogue client;
  client.Asked();
  client.Answer(200);
  EXPECT_EQ(client.Answer(302, {{"Location", "rtsp://other:8554/stream"}}), "");
  EXPECT_THAT(client.Events(), ElementsAre("redirected rtsp://other:8554/stream"));
  for (int i = 0; i < 3; ++i) {
    client->OnConnected(client.now());
    EXPECT_THAT(client.Asked(), StartsWith("OPTIONS rtsp://other:8554/stream"));
    client.Answer(200);
    client.Answer(301, {{"Location", "rtsp://other:8554/stream"}});
  }
  EXPECT_EQ(client.error(), "rtsp_too_many_redirects");
}

TEST(Client, DoesNotTellItsLoginToAnotherHost) {
  const struct {
    std::string location;
    bool told;
  } cases[] = {
      {"rtsp://10.0.0.5:9000/stream", true},
      {"rtsp://other/stream", false},
      {"rtsp://c:d@other/stream", true},
  };
  for (const auto& c : cases) {
    ClientDialogue client({}, "rtsp://a:b@10.0.0.5:8554/stream");
    client.Asked();
    client.Answer(200);
    client.Answer(302, {{"Location", c.location}});
    client->OnConnected(client.now());
    client.Asked();
    client.Answer(401, {{"WWW-Authenticate", "Basic realm=\"x\""}});
    EXPECT_EQ(client.error(), c.told ? "" : "rtsp_unauthorized: OPTIONS") << c.location;
  }
}

TEST(Client, AnswersWhatServersAsk) {
  ClientDialogue client;
  client.Play();
  client.Feed(media::AsBytes("OPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\n"));
  EXPECT_EQ(client.Asked(), "200 OK [CSeq: 5]");
  client.Feed(media::AsBytes("FROB * RTSP/1.0\r\nCSeq: 6\r\n\r\n"));
  EXPECT_EQ(client.Asked(), "501 Not Implemented [CSeq: 6]");
}

TEST(Client, FailsByName) {
  const struct {
    std::string error;
    std::function<void(ClientDialogue&)> act;
  } cases[] = {
      {"rtsp_refused: 404 Not Found",
       [](ClientDialogue& client) { client.Asked(), client.Answer(200), client.Answer(404); }},
      {"rtsp_refused: 302 Found",
       [](ClientDialogue& client) { client.Asked(), client.Answer(200), client.Answer(302); }},
      {"rtsp_bad_sdp: sdp_not_sdp", [](ClientDialogue& client) { client.Describe({}, "<html>"); }},
      {"rtsp_no_media: video unknown_format",
       [](ClientDialogue& client) { client.Describe({}, "m=video 0 RTP/AVP 32\n"); }},
      {"rtsp_bad_transport: RTP/AVP;unicast;server_port=1-2",
       [](ClientDialogue& client) {
         client.Describe();
         client.Answer(200, {{"Transport", "RTP/AVP;unicast;server_port=1-2"}});
       }},
      {"rtsp_not_rtsp",
       [](ClientDialogue& client) {
         client.Feed(std::vector<uint8_t>{0x15, 3, 3});
       }},
  };
  for (const auto& c : cases) {
    ClientDialogue client;
    c.act(client);
    EXPECT_EQ(client.error(), c.error);
  }
  ClientDialogue silent;
  silent.Wait(10);
  EXPECT_EQ(silent.TimerFault(), "rtsp_response_timeout");
}

// A whole camera, however its bytes arrive.
TEST(Client, SplitsChangeNothing) {
  std::vector<uint8_t> bytes;
  const auto answer = [&](const char* sequence, Headers headers, const std::string& body = {}) {
    headers.Add("CSEQ", sequence);
    Write(Response{200, "", headers, body}, bytes);
  };
  const auto frame = [&](uint8_t channel, const std::string& payload) {
    WriteInterleavedHeader(channel, static_cast<uint16_t>(payload.size()), bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
  };
  answer("1", {{"Public", "DESCRIBE"}});
  answer("2", {}, kSdp);
  answer("3", {{"Session", "7"}});
  answer("4", {{"Session", "7"}});
  frame(0, "early");
  answer("5", {});
  frame(1, std::string(700, 'x'));
  bytes.insert(bytes.end(), {0x80, 'x', '$', 200});  // lost bytes
  frame(2, "sound");
  const auto seen = tests::ExpectSameForAllSplits(bytes, [](auto feed) {
    ClientDialogue client;
    feed([&](media::Bytes piece) { client.Feed(piece); });
    std::vector<std::string> all = client.Events();
    all.push_back(client.error());
    return all;
  });
  EXPECT_THAT(seen, ElementsAre("described 3", "rtp 0 early", StartsWith("playing"),
                                "rtcp 0 " + std::string(700, 'x'), "rtp 2 sound", ""));
}

}  // namespace
}  // namespace millrace::rtsp
