#include "gateways/rtsp/protocol/server_conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/split_feed.h"
#include "tests/unit/gateways/rtsp/protocol/server_dialogue.h"

namespace millrace::rtsp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kSession = "[Session: 0112233445566778;timeout=60]";
const Headers kTcp01 = {{"Transport", "RTP/AVP/TCP;unicast;interleaved=0-1"}};
const Headers kTcp23 = {{"Transport", "RTP/AVP/TCP;unicast;interleaved=2-3"}};
const Headers kSdpType = {{"Content-Type", "application/sdp"}};

std::string SetUpReply(const std::string& transport) {
  return "200 OK " + kSession + " [Transport: " + transport + "]";
}

TEST(Server, FfplayPlaysOverTcp) {
  ServerDialogue server;
  EXPECT_THAT(server.Ask("OPTIONS", kStreamUrl), StartsWith("200 OK [Public: OPTIONS, DESCRIBE"));
  const std::string described = server.Ask("DESCRIBE", kStreamUrl, {{"Accept", "application/sdp"}});
  EXPECT_THAT(described, StartsWith("200 OK [Content-Base: " + kStreamUrl +
                                    "/] [Content-Type: application/sdp] [Content-Length: "));
  EXPECT_THAT(described, HasSubstr("a=control:trackID=1\r\n"));
  EXPECT_EQ(server.Ask("SETUP", kStreamUrl + "/trackID=0", kTcp01),
            SetUpReply("RTP/AVP/TCP;unicast;interleaved=0-1"));
  EXPECT_EQ(server.Ask("SETUP", kStreamUrl + "/trackID=1", kTcp23),
            SetUpReply("RTP/AVP/TCP;unicast;interleaved=2-3"));
  EXPECT_EQ(server.Ask("PLAY", kStreamUrl + "/",
                       {{"Session", "0112233445566778"}, {"Range", "npt=0.000-"}}),
            "200 OK " + kSession + " [Range: npt=0.000-] [RTP-Info: url=" + kStreamUrl +
                "/trackID=0;seq=7;rtptime=90000,url=" + kStreamUrl +
                "/trackID=1;seq=7;rtptime=90000]");
  EXPECT_EQ(server->state(), ServerConversation::State::kPlaying);
  server.Frame(1, "report");
  server.Frame(0, "players send no media");
  EXPECT_EQ(server.Ask("TEARDOWN", kStreamUrl + "/"), "200 OK " + kSession);
  EXPECT_THAT(server.Events(),
              ElementsAre("describe live/cam1", "play", "rtcp 0 report", "teardown"));
  EXPECT_EQ(server->state(), ServerConversation::State::kInit);
}

TEST(Server, FfmpegRecordsOverTcp) {
  ServerDialogue server;
  server.Ask("OPTIONS", kStreamUrl);
  EXPECT_EQ(server.Ask("ANNOUNCE", kStreamUrl, kSdpType, FfmpegSdp()), "200 OK");
  EXPECT_EQ(server.Ask("SETUP", kStreamUrl + "/streamid=0",
                       {{"Transport", "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"}}),
            SetUpReply("RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"));
  EXPECT_EQ(server.Ask("SETUP", kStreamUrl + "/streamid=1",
                       {{"Transport", "RTP/AVP/TCP;unicast;interleaved=2-3;mode=receive"}}),
            SetUpReply("RTP/AVP/TCP;unicast;interleaved=2-3;mode=record"));
  server.Frame(0, "too early");
  EXPECT_EQ(server.Ask("RECORD", kStreamUrl, {{"Session", "0112233445566778"}}),
            "200 OK " + kSession);
  server.Frame(0, "a");
  server.Frame(3, "b");
  server.Frame(9, "of no media");
  EXPECT_THAT(server.Events(),
              ElementsAre("announce live/cam1 of 2", "record", "rtp 0 a", "rtcp 1 b"));
}

TEST(Server, GStreamerTriesThreeTransports) {
  ServerDialogue server;
  server.Ask("DESCRIBE", kStreamUrl);
  const std::string track = kStreamUrl + "/trackID=0";
  EXPECT_EQ(server.Ask("SETUP", track, {{"Transport", "RTP/AVP;unicast;client_port=5000-5001"}}),
            "461 Unsupported Transport");
  EXPECT_EQ(server.Ask("SETUP", track, {{"Transport", "RTP/AVP;multicast"}}),
            "461 Unsupported Transport");
  EXPECT_EQ(server.Ask("SETUP", track, {{"Transport", "RTP/AVP/TCP;unicast"}}),
            SetUpReply("RTP/AVP/TCP;unicast;interleaved=0-1"));
  // One of several alternatives in one header.
  EXPECT_EQ(server.Ask("SETUP", kStreamUrl + "/trackID=1",
                       {{"Transport",
                         "RTP/AVP;unicast;client_port=5002-5003,RTP/AVP;multicast,"
                         "RTP/AVP/TCP;unicast;mode=\"PLAY\""}}),
            SetUpReply("RTP/AVP/TCP;unicast;interleaved=2-3"));
  EXPECT_THAT(server.Ask("PLAY", kStreamUrl), StartsWith("200 OK"));
}

TEST(Server, UdpWhereItIsOn) {
  ServerOptions options;
  options.transport = {.udp = true, .peer_address = "10.0.0.2"};
  ServerDialogue server(options);
  server.Ask("DESCRIBE", kStreamUrl);
  const auto set_up = [&](const std::string& transport) {
    return server.Ask("SETUP", kStreamUrl + "/trackID=0", {{"Transport", transport}});
  };
  EXPECT_EQ(set_up("RTP/AVP;unicast;client_port=0-0"), "461 Unsupported Transport");
  EXPECT_EQ(set_up("RTP/AVP;unicast"), "461 Unsupported Transport");
  EXPECT_EQ(set_up("RTP/SAVP;unicast;client_port=5000-5001"), "461 Unsupported Transport");
  EXPECT_EQ(set_up("RTP/AVP;unicast;client_port=5000-5001;destination=10.0.0.9"),
            "463 Destination Prohibited");
  EXPECT_EQ(set_up("RTP/AVP;unicast;client_port=5000-5001;destination=10.0.0.2"),
            SetUpReply("RTP/AVP;unicast;client_port=5000-5001;server_port=20000-20001"));
  EXPECT_THAT(server.Events(), ElementsAre("describe live/cam1", "udp 0 to 5000"));
  server.answer = [](ServerConversation& conversation, const ServerEvent& event) {
    if (!std::holds_alternative<UdpSetupRequest>(event)) return false;
    conversation.Reject(461);
    return true;
  };
  EXPECT_EQ(set_up("RTP/AVP;unicast;client_port=5000"), "461 Unsupported Transport " + kSession);
}

TEST(Server, SetUpWithoutDescribe) {
  ServerOptions options;
  options.transport.udp = true;
  for (const std::string& uri :
       std::vector<std::string>{kStreamUrl + "/trackID=1", kStreamUrl + "/trackID=1?token=x",
                                kStreamUrl + "?token=x/trackID=1"}) {
    SCOPED_TRACE(uri);
    ServerDialogue tcp;
    EXPECT_EQ(tcp.Ask("SETUP", uri, kTcp01), SetUpReply("RTP/AVP/TCP;unicast;interleaved=0-1"));
    EXPECT_EQ(tcp->setups().all()[0].media, 1u);
    EXPECT_THAT(tcp.Events()[0], StartsWith("describe live/cam1"));
    ServerDialogue udp(options);
    EXPECT_THAT(udp.Ask("SETUP", uri, {{"Transport", "RTP/AVP;unicast;client_port=5000-5001"}}),
                HasSubstr("server_port=20000-20001"));
    EXPECT_THAT(udp.Events(), ElementsAre(StartsWith("describe live/cam1"), "udp 1 to 5000"));
  }
}

TEST(Server, ControlUrlsOfClients) {
  const struct {
    const char* name;
    std::string describe;
    std::string set_up;
    std::string reply;
  } cases[] = {
      {"FFmpeg: behind the query", kStreamUrl + "?a=b", kStreamUrl + "?a=b/trackID=1", "200"},
      {"GStreamer: in front of the query", kStreamUrl + "?a=b", kStreamUrl + "/trackID=1?a=b",
       "200"},
      {"VLC: a slash behind", kStreamUrl + "/", kStreamUrl + "/trackID=1/", "200"},
      {"another host name", kStreamUrl, "rtsp://localhost:8554/live/cam1/trackID=0", "200"},
      {"a track that is none", kStreamUrl, kStreamUrl + "/trackID=2", "404"},
      {"the whole of two media", kStreamUrl, kStreamUrl, "459"},
  };
  for (const auto& c : cases) {
    ServerDialogue server;
    server.Ask("DESCRIBE", c.describe);
    EXPECT_THAT(server.Ask("SETUP", c.set_up, kTcp01), StartsWith(c.reply)) << c.name;
  }
}

TEST(Server, MediaWithoutControlAreSetUpInTurn) {
  ServerDialogue server;
  server.Ask("ANNOUNCE", kStreamUrl, kSdpType,
             "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=audio 0 RTP/AVP 8\n");
  EXPECT_THAT(server.Ask("SETUP", kStreamUrl, kTcp01), StartsWith("200"));
  EXPECT_THAT(server.Ask("SETUP", kStreamUrl, kTcp23), StartsWith("200"));
  EXPECT_THAT(server.Ask("SETUP", kStreamUrl, kTcp23), StartsWith("459"));
  EXPECT_EQ(server->setups().all()[1].media, 1u);
}

TEST(Server, OneMediaNeedsNoControl) {
  ServerDialogue server;
  server.Ask("ANNOUNCE", kStreamUrl, kSdpType, "v=0\nm=audio 0 RTP/AVP 8\na=control:streamid=0\n");
  EXPECT_THAT(server.Ask("SETUP", kStreamUrl + "/", kTcp01), StartsWith("200"));
}

TEST(Server, ChannelsAreTheClientsWhereNobodyHasThem) {
  ServerDialogue server;
  server.Ask("DESCRIBE", kStreamUrl);
  const auto set_up = [&](const std::string& track, const std::string& transport) {
    return server.Ask("SETUP", kStreamUrl + "/trackID=" + track, {{"Transport", transport}});
  };
  EXPECT_EQ(set_up("0", "RTP/AVP;unicast;interleaved=2"),
            SetUpReply("RTP/AVP/TCP;unicast;interleaved=2-3"));
  EXPECT_EQ(set_up("1", "RTP/AVP/TCP;unicast;interleaved=3-4"),
            SetUpReply("RTP/AVP/TCP;unicast;interleaved=0-1"));
  EXPECT_EQ(set_up("1", "RTP/AVP/TCP;unicast;interleaved=255-255"),
            SetUpReply("RTP/AVP/TCP;unicast;interleaved=0-1"));
  // Packets are shared by those who chose alike: who chooses like nobody else gets other ones.
  for (const char* odd : {"40-41", "1-2", "2-5"}) {
    EXPECT_EQ(set_up("1", std::string("RTP/AVP/TCP;unicast;interleaved=") + odd),
              SetUpReply("RTP/AVP/TCP;unicast;interleaved=0-1"));
  }
}

TEST(Server, MulticastWhereItIsOn) {
  ServerOptions options;
  options.transport = {.udp = true, .multicast = true, .peer_address = "10.0.0.2"};
  ServerDialogue server(options);
  server.Ask("DESCRIBE", kStreamUrl);
  const auto set_up = [&](const std::string& track, const std::string& transport) {
    return server.Ask("SETUP", kStreamUrl + "/trackID=" + track, {{"Transport", transport}});
  };
  EXPECT_EQ(set_up("0", "RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001"),
            SetUpReply("RTP/AVP;multicast;destination=239.192.8.1;port=21000-21001;ttl=16"));
  EXPECT_THAT(set_up("1", "RTP/AVP/TCP;unicast;interleaved=0-1"), StartsWith("461"))
      << "a session is sent in one way";
  EXPECT_THAT(set_up("1", "RTP/AVP;unicast;client_port=5000-5001"), StartsWith("461"));
  EXPECT_THAT(set_up("0", "RTP/AVP;unicast;client_port=5000-5001"), StartsWith("200"))
      << "another try for the same media";
  EXPECT_THAT(server.Events(), ElementsAre("describe live/cam1", "multicast 0", "udp 0 to 5000"));
}

TEST(Server, NobodyPublishesToAGroup) {
  ServerOptions options;
  options.transport.multicast = true;
  ServerDialogue server(options);
  server.Ask("ANNOUNCE", kStreamUrl, kSdpType, FfmpegSdp());
  EXPECT_THAT(server.Ask("SETUP", kStreamUrl + "/streamid=0",
                         {{"Transport", "RTP/AVP;multicast;mode=record"}}),
              StartsWith("461"));
}

TEST(Server, WhoIsTurnedAwayIsToldWhy) {
  ServerOptions options;
  options.refusal = "this server is full";
  ServerDialogue server(options);
  EXPECT_FALSE(server->greeted());
  EXPECT_EQ(server.Ask("OPTIONS", kStreamUrl), "503 this server is full");
  EXPECT_TRUE(server->greeted());
  EXPECT_THAT(server.Events(), ElementsAre("turned away"));
}

TEST(Server, Statuses) {
  const struct {
    std::string status;
    std::function<std::string(ServerDialogue&)> ask;
  } cases[] = {
      {"400 CSeq is missing",
       [](ServerDialogue& server) {
         server.Feed(media::AsBytes("OPTIONS * RTSP/1.0\r\n\r\n"));
         return server.Said();
       }},
      {"400 Transport is missing",
       [](ServerDialogue& server) { return server.Ask("SETUP", kStreamUrl + "/trackID=0"); }},
      {"400 sdp_not_sdp",
       [](ServerDialogue& server) { return server.Ask("ANNOUNCE", kStreamUrl, kSdpType, "x"); }},
      {"405 Method Not Allowed [Allow: OPTIONS",
       [](ServerDialogue& server) { return server.Ask("REDIRECT", kStreamUrl); }},
      {"406 Not Acceptable",
       [](ServerDialogue& server) {
         return server.Ask("DESCRIBE", kStreamUrl, {{"Accept", "application/rtsl"}});
       }},
      {"415 Unsupported Media Type",
       [](ServerDialogue& server) {
         return server.Ask("ANNOUNCE", kStreamUrl, {{"Content-Type", "text/plain"}}, "v=0\n");
       }},
      {"415 no codec that is carried here",
       [](ServerDialogue& server) {
         return server.Ask("ANNOUNCE", kStreamUrl, kSdpType, "m=video 0 RTP/AVP 32\n");
       }},
      {"454 Session Not Found",
       [](ServerDialogue& server) {
         return server.Ask("PLAY", kStreamUrl, {{"Session", "123"}});
       }},
      {"454 Session Not Found",
       [](ServerDialogue& server) { return server.Ask("TEARDOWN", kStreamUrl); }},
      {"455 Method Not Valid in This State [Allow: OPTIONS, GET_PARAMETER, SET_PARAMETER, "
       "DESCRIBE, ANNOUNCE, SETUP]",
       [](ServerDialogue& server) { return server.Ask("PLAY", kStreamUrl); }},
      {"455", [](ServerDialogue& server) { return server.Ask("RECORD", kStreamUrl); }},
      {"455", [](ServerDialogue& server) { return server.Ask("PAUSE", kStreamUrl); }},
      {"455",  // record what was described
       [](ServerDialogue& server) {
         return server.Ask("SETUP", kStreamUrl + "/trackID=0",
                           {{"Transport", "RTP/AVP/TCP;unicast;mode=record"}});
       }},
      {"501 Not Implemented", [](ServerDialogue& server) { return server.Ask("FROB", "*"); }},
      {"505 RTSP Version Not Supported",
       [](ServerDialogue& server) {
         server.Feed(media::AsBytes("OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n"));
         return server.Said();
       }},
      {"551 Option Not Supported [Unsupported: www.onvif.org/ver20/backchannel]",
       [](ServerDialogue& server) {
         return server.Ask("DESCRIBE", kStreamUrl,
                           {{"Require", "play.basic, www.onvif.org/ver20/backchannel"}});
       }},
  };
  for (const auto& c : cases) {
    ServerDialogue server;
    EXPECT_THAT(c.ask(server), StartsWith(c.status));
    // And it goes on.
    EXPECT_THAT(server.Ask("OPTIONS", "*"), StartsWith("200")) << c.status;
  }
}

TEST(Server, WhatCannotBeReadIsAnsweredAndEndsTheConnection) {
  const struct {
    std::string bytes;
    std::string status;
    std::string error;
  } cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "rtsp_bad_start_line"},
      {"PLAY " + std::string(9000, 'x'), "414 Request-URI Too Long", "rtsp_line_too_long"},
      {"PLAY * RTSP/1.0\r\nContent-Length: 999999\r\n\r\n", "413 Request Entity Too Large",
       "rtsp_body_too_large"},
  };
  for (const auto& c : cases) {
    ServerDialogue server;
    server.Feed(media::AsBytes(c.bytes));
    EXPECT_EQ(server.Said(), c.status);
    EXPECT_EQ(server.error(), c.error);
  }
}

TEST(Server, ARefusalSaysWhy) {
  ServerDialogue server;
  server.answer = [](ServerConversation& conversation, const ServerEvent&) {
    conversation.Reject(404, "nobody publishes live/cam1");
    return true;
  };
  EXPECT_EQ(server.Ask("DESCRIBE", kStreamUrl), "404 nobody publishes live/cam1");
  EXPECT_EQ(server.Ask("SETUP", kStreamUrl + "/trackID=0", kTcp01),
            "404 nobody publishes live/cam1");
  EXPECT_EQ(server.Ask("ANNOUNCE", kStreamUrl, kSdpType, FfmpegSdp()),
            "404 nobody publishes live/cam1");
  EXPECT_EQ(server->state(), ServerConversation::State::kInit);
}

TEST(Server, PauseAndPlayAgain) {
  ServerDialogue server;
  server.Ask("DESCRIBE", kStreamUrl);
  server.Ask("SETUP", kStreamUrl + "/trackID=0", kTcp01);
  server.Ask("PLAY", kStreamUrl);
  EXPECT_EQ(server.Ask("PLAY", kStreamUrl), "200 OK " + kSession + " [Range: npt=now-]");
  EXPECT_THAT(server.Ask("SETUP", kStreamUrl + "/trackID=1", kTcp23), StartsWith("455"));
  EXPECT_EQ(server.Ask("PAUSE", kStreamUrl), "200 OK " + kSession);
  EXPECT_EQ(server.Ask("PAUSE", kStreamUrl), "200 OK " + kSession);
  EXPECT_THAT(server.Ask("PLAY", kStreamUrl), HasSubstr("RTP-Info"));
  EXPECT_THAT(server.Events(), ElementsAre("describe live/cam1", "play", "pause", "play"));
}

TEST(Server, RequestsBehindOneThatWaitsWait) {
  ServerDialogue server;
  server.answer = [](ServerConversation&, const ServerEvent&) { return true; };
  EXPECT_EQ(server.Ask("DESCRIBE", kStreamUrl), "");
  EXPECT_EQ(server.Ask("OPTIONS", kStreamUrl), "");
  EXPECT_TRUE(server->waiting());
  server->Reject(404);
  server.Feed({});
  EXPECT_THAT(server.Said(), StartsWith("404 Not Found | 200 OK [Public"));
}

TEST(Server, NotMoreMayWaitThanIsAllowed) {
  ServerOptions options;
  options.max_pending = 100;
  ServerDialogue server(options);
  server.answer = [](ServerConversation&, const ServerEvent&) { return true; };
  server.Ask("DESCRIBE", kStreamUrl);
  server.Feed(std::vector<uint8_t>(100, 'x'));
  EXPECT_EQ(server.error(), "");
  server.Feed(std::vector<uint8_t>(1, 'x'));
  EXPECT_EQ(server.error(), "rtsp_too_much_pending");
}

// VLC keeps alive every 70 s whatever it was told; anything that is heard counts.
TEST(Server, ASessionEndsWhenNothingIsHeard) {
  ServerDialogue server;
  for (int i = 0; i < 3; ++i) {
    server.Wait(70);
    EXPECT_TRUE(server->OnTimer(server.now()).ok());
    server.Ask("GET_PARAMETER", kStreamUrl);
  }
  server.Wait(70);
  server.Frame(1, "report");
  server.Wait(70);
  server->Heard(server.now());
  server.Wait(89);
  EXPECT_TRUE(server->OnTimer(server.now()).ok());
  EXPECT_EQ(server->NextDeadline(), server.now() + kSecond);
  server.Wait(1);
  EXPECT_EQ(media::FaultName(server->OnTimer(server.now())), "rtsp_session_timeout");
}

TEST(Server, WantsCredentialsWhereItIsTold) {
  const auto password = [](std::string_view user) -> std::optional<std::string> {
    return user == "admin" ? std::optional<std::string>("12345") : std::nullopt;
  };
  ServerDialogue server({}, ServerAuth("millrace", password, TestMd5, PredictableBytes));
  EXPECT_THAT(server.Ask("OPTIONS", kStreamUrl), StartsWith("200"));
  EXPECT_THAT(server.Ask("DESCRIBE", kStreamUrl),
              StartsWith("401 Unauthorized [WWW-Authenticate: Digest realm=\"millrace\", nonce="));
  EXPECT_THAT(server.Ask("DESCRIBE", kStreamUrl, {{"Authorization", "Basic YTpi"}}),
              StartsWith("401"));
  EXPECT_THAT(server.Events(), IsEmpty());
  EXPECT_THAT(server.Ask("DESCRIBE", kStreamUrl, {{"Authorization", "Basic YWRtaW46MTIzNDU="}}),
              StartsWith("200"));
  // Who was let in once need not say it again.
  EXPECT_THAT(server.Ask("SETUP", kStreamUrl + "/trackID=0", kTcp01), StartsWith("200"));
}

TEST(Server, AsksForALoginWhereTheSessionWantsOne) {
  ServerDialogue server;
  const ServerAuth nobody("millrace", nullptr, TestMd5, PredictableBytes);
  const ServerAuth auth = nobody.With([](std::string_view user) -> std::optional<std::string> {
    return user == "admin" ? std::optional<std::string>("12345") : std::nullopt;
  });
  std::string user;
  server.answer = [&](ServerConversation& conversation, const ServerEvent&) {
    const auto admitted = conversation.Admit(auth);
    if (admitted.has_value()) user = *admitted;
    return !admitted.has_value();
  };
  EXPECT_THAT(server.Ask("ANNOUNCE", kStreamUrl, kSdpType, FfmpegSdp()),
              StartsWith("401 Unauthorized [WWW-Authenticate: Digest realm=\"millrace\", nonce="));
  Headers login = kSdpType;
  login.Add("Authorization", "Basic YWRtaW46MTIzNDU=");
  EXPECT_EQ(server.Ask("ANNOUNCE", kStreamUrl, login, FfmpegSdp()), "200 OK");
  EXPECT_EQ(user, "admin");
}

// A whole publisher, however its bytes arrive.
TEST(Server, SplitsChangeNothing) {
  std::vector<uint8_t> bytes;
  const auto ask = [&](const char* method, const std::string& uri, Headers headers,
                       const std::string& body = {}) {
    headers.Add("cseq", "1");
    Write(Request{method, uri, "RTSP/1.0", headers, body}, bytes);
  };
  const auto frame = [&](uint8_t channel, const std::string& payload) {
    WriteInterleavedHeader(channel, static_cast<uint16_t>(payload.size()), bytes);
    bytes.insert(bytes.end(), payload.begin(), payload.end());
  };
  ask("OPTIONS", "*", {});
  ask("ANNOUNCE", kStreamUrl, kSdpType, FfmpegSdp());
  ask("SETUP", kStreamUrl + "/streamid=0", kTcp01);
  ask("SETUP", kStreamUrl + "/streamid=1", kTcp23);
  ask("RECORD", kStreamUrl, {});
  frame(0, "video");
  frame(1, "report");
  bytes.insert(bytes.end(), {0x80, 'x', '$', 200});  // lost bytes
  frame(2, std::string(700, 'a'));
  ask("GET_PARAMETER", kStreamUrl, {});
  frame(0, "video");
  ask("TEARDOWN", kStreamUrl, {});
  const auto seen = tests::ExpectSameForAllSplits(bytes, [](auto feed) {
    ServerDialogue server;
    feed([&](media::Bytes piece) { server.Feed(piece); });
    std::vector<std::string> all = server.Events();
    all.push_back(server.Said());
    all.push_back(server.error());
    return all;
  });
  EXPECT_THAT(seen, ElementsAre("announce live/cam1 of 2", "record", "rtp 0 video", "rtcp 0 report",
                                "rtp 1 " + std::string(700, 'a'), "rtp 0 video", "teardown",
                                testing::_, ""));
}

}  // namespace
}  // namespace millrace::rtsp
