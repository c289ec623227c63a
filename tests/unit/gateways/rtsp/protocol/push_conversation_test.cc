#include "gateways/rtsp/protocol/push_conversation.h"

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

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kUrl = "rtsp://10.0.0.5:8554/app/name";
const std::string kSdp =
    "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
    "m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n";

// A client and what a server answers to it, written down in the test.
class PushDialogue {
 public:
  explicit PushDialogue(const std::string& url = kUrl)
      : conversation_({}, *ParseUrl(url), TestMd5, PredictableBytes) {
    conversation_.OnConnected(now_);
  }
  ~PushDialogue() { WriteTestSeed("rtsp_push_conversation_fuzz", fed_); }

  void Announce() { conversation_.Announce(*media::sdp::Parse(kSdp)); }
  // What the client asked since the last call, joined by " | ".
  std::string Asked() {
    MessageReader reader;
    reader.Append(conversation_.TakeOutput());
    std::string text;
    while (true) {
      auto message = reader.Next();
      EXPECT_TRUE(message.ok()) << message.status();
      if (!message.ok() || !message->has_value()) return text;
      text += text.empty() ? "" : " | ";
      if (const auto* request = std::get_if<Request>(&**message)) {
        sequence_ = std::string(request->headers.Get("CSeq"));
      }
      text += TextOf(**message);
    }
  }
  std::string Answer(int status, Headers headers = {}) {
    Response response{status, "", {{"CSeq", sequence_}}, ""};
    for (const auto& [name, value] : headers.lines()) response.headers.Add(name, value);
    std::vector<uint8_t> bytes;
    Write(response, bytes);
    return Feed(bytes);
  }
  std::string Feed(media::Bytes bytes) {
    fed_.insert(fed_.end(), bytes.begin(), bytes.end());
    conversation_.Append(bytes, now_);
    while (true) {
      auto event = conversation_.Next();
      if (!event.ok()) {
        error_ = std::string(event.status().message());
        return Asked();
      }
      if (!event->has_value()) return Asked();
      if (const auto* recording = std::get_if<Recording>(&**event)) {
        events_ += "recording";
        for (const Setup& setup : recording->setups) {
          events_ += " " + std::to_string(setup.media) + ":" +
                     std::to_string(setup.transport.interleaved->rtp);
        }
      } else {
        events_ += "redirected " + std::get<Redirected>(**event).url.Text();
      }
    }
  }
  // Up to RECORD.
  void SetUp() {
    Asked();
    Announce();
    Answer(200, {{"Public", "ANNOUNCE, RECORD, GET_PARAMETER"}});
    Answer(200);
    Answer(200, {{"Session", "5;timeout=20"}});
    Answer(200, {{"Session", "5"}});
  }
  void Wait(int64_t seconds) { now_ += seconds * media::kNsPerSecond; }
  std::string TimerFault() { return media::FaultName(conversation_.OnTimer(now_)); }
  std::string events() { return std::exchange(events_, {}); }
  const std::string& error() const { return error_; }
  PushConversation* operator->() { return &conversation_; }
  int64_t now() const { return now_; }

 private:
  PushConversation conversation_;
  int64_t now_ = 0;
  std::string sequence_;
  std::string events_;
  std::string error_;
  std::vector<uint8_t> fed_;
};

TEST(Push, FromOptionsToRecord) {
  PushDialogue push;
  EXPECT_THAT(push.Asked(), StartsWith("OPTIONS " + kUrl));
  EXPECT_EQ(push.Answer(200, {{"Public", "ANNOUNCE, SETUP, RECORD"}}), "");  // nothing is known yet
  push.Announce();
  EXPECT_THAT(push.Asked(),
              AllOf(StartsWith("ANNOUNCE " + kUrl), HasSubstr("Content-Type: application/sdp"),
                    HasSubstr("m=audio")));
  EXPECT_THAT(push.Answer(200),
              AllOf(StartsWith("SETUP " + kUrl + "/trackID=0"),
                    HasSubstr("RTP/AVP/TCP;unicast;interleaved=0-1;mode=record")));
  EXPECT_THAT(push.Answer(200, {{"Session", "5;timeout=20"},
                                {"Transport", "RTP/AVP/TCP;unicast;interleaved=4-5;mode=record"}}),
              AllOf(StartsWith("SETUP " + kUrl + "/trackID=1"), HasSubstr("Session: 5"),
                    HasSubstr("interleaved=2-3")));
  EXPECT_THAT(push.Answer(200, {{"Session", "5"}}),  // no Transport: as it was asked for
              AllOf(StartsWith("RECORD " + kUrl), HasSubstr("Range: npt=0")));
  EXPECT_EQ(push.Answer(200, {{"Session", "5"}}), "");
  EXPECT_EQ(push.events(), "recording 0:4 1:2");
  push->Teardown();
  EXPECT_THAT(push.Asked(), AllOf(StartsWith("TEARDOWN " + kUrl), HasSubstr("Session: 5")));
  EXPECT_EQ(push.error(), "");
}

TEST(Push, KeepsTheSessionAlive) {
  PushDialogue push;
  push.SetUp();
  push.Wait(5);
  EXPECT_EQ(push.TimerFault(), "");
  EXPECT_EQ(push.Asked(), "");  // not before RECORD was answered
  push.Answer(200);
  push.Wait(9);
  EXPECT_EQ(push.TimerFault(), "");
  EXPECT_EQ(push.Asked(), "");
  push.Wait(1);
  EXPECT_EQ(push.TimerFault(), "");
  EXPECT_THAT(push.Asked(), StartsWith("GET_PARAMETER " + kUrl));
}

TEST(Push, LogsInAtAnyStep) {
  const auto digest = [](const std::string& nonce, bool stale = false) {
    return Headers{{"WWW-Authenticate",
                    "Digest realm=\"s\", nonce=\"" + nonce + "\"" + (stale ? ", stale=true" : "")}};
  };
  PushDialogue push("rtsp://user:secret@10.0.0.5:8554/app/name");
  push.Announce();
  push.Asked();
  push.Answer(200);
  EXPECT_THAT(push.Answer(401, digest("1")),
              AllOf(StartsWith("ANNOUNCE"), HasSubstr("Digest username=\"user\""),
                    HasSubstr("nonce=\"1\""), HasSubstr("m=video")));
  EXPECT_THAT(push.Answer(200), AllOf(StartsWith("SETUP"), HasSubstr("nonce=\"1\"")));
  EXPECT_THAT(push.Answer(401, digest("2", true)),
              AllOf(StartsWith("SETUP"), HasSubstr("nonce=\"2\"")));
  EXPECT_THAT(push.Answer(200, {{"Session", "5"}}), StartsWith("SETUP"));
  EXPECT_EQ(push.error(), "");
}

TEST(Push, WrongPasswordsAreTheEnd) {
  PushDialogue push("rtsp://user:wrong@10.0.0.5:8554/app/name");
  push.Announce();
  push.Asked();
  push.Answer(200);
  const Headers challenge = {{"WWW-Authenticate", "Basic realm=\"s\""}};
  EXPECT_THAT(push.Answer(401, challenge), HasSubstr("Authorization: Basic "));
  EXPECT_EQ(push.Answer(401, challenge), "");
  EXPECT_EQ(push.error(), "rtsp_unauthorized: ANNOUNCE");
}

TEST(Push, GoesOnWhereTheServerHangsUpAfter401) {
  PushDialogue push("rtsp://user:secret@10.0.0.5:8554/app/name");
  push.Announce();
  push.Asked();
  push.Answer(200);
  push.Answer(401, {{"WWW-Authenticate", "Basic realm=\"s\""}});
  EXPECT_TRUE(push->OnClosed());
  push->OnConnected(push.now());
  EXPECT_THAT(push.Asked(), AllOf(StartsWith("OPTIONS"), HasSubstr("Authorization: Basic ")));
  EXPECT_THAT(push.Answer(200), StartsWith("ANNOUNCE"));
  EXPECT_FALSE(push->OnClosed());
}

TEST(Push, IsRefused) {
  const struct {
    std::string name;
    int answers;  // that go well
    int status;
    std::string error;
  } cases[] = {
      {"ANNOUNCE", 1, 403, "rtsp_refused: 403 Forbidden"},
      {"SETUP", 2, 461, "rtsp_refused: 461 Unsupported Transport"},
      {"RECORD", 4, 453, "rtsp_refused: 453 Not Enough Bandwidth"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    PushDialogue push;
    push.Announce();
    push.Asked();
    for (int i = 0; i < c.answers; ++i) push.Answer(200, {{"Session", "5"}});
    EXPECT_EQ(push.Answer(c.status), "");
    EXPECT_EQ(push.error(), c.error);
    push->Teardown();
    EXPECT_EQ(push.Asked(), "");
  }
}

TEST(Push, TransportsThatCannotBeUsed) {
  for (const char* transport : {"RTP/AVP;unicast;client_port=0-1;server_port=5000-5001", "nonsense",
                                "RTP/AVP/TCP;interleaved=255-256"}) {
    SCOPED_TRACE(transport);
    PushDialogue push;
    push.Announce();
    push.Asked();
    push.Answer(200);
    push.Answer(200);
    EXPECT_EQ(push.Answer(200, {{"Session", "5"}, {"Transport", transport}}), "");
    EXPECT_THAT(push.error(), StartsWith("rtsp_bad_transport"));
  }
}

// Each media has two channels of its own.
TEST(Push, ChannelsThatAreTaken) {
  for (const char* channels : {"4-5", "5-6", "3-4"}) {
    SCOPED_TRACE(channels);
    PushDialogue push;
    push.Announce();
    push.Asked();
    push.Answer(200);
    push.Answer(200);
    push.Answer(200, {{"Session", "5"}, {"Transport", "RTP/AVP/TCP;interleaved=4-5"}});
    const std::string transport = std::string("RTP/AVP/TCP;interleaved=") + channels;
    EXPECT_EQ(push.Answer(200, {{"Session", "5"}, {"Transport", transport}}), "");
    EXPECT_EQ(push.error(), "rtsp_bad_transport: a channel that cannot be used");
  }
}

TEST(Push, FollowsRedirects) {
  PushDialogue push;
  push.Announce();
  push.Asked();
  push.Answer(200);
  EXPECT_EQ(push.Answer(302, {{"Location", "rtsp://other:8554/app/name"}}), "");
  EXPECT_EQ(push.events(), "redirected rtsp://other:8554/app/name");
  push->OnConnected(push.now());
  EXPECT_THAT(push.Asked(), StartsWith("OPTIONS rtsp://other:8554/app/name"));
  EXPECT_THAT(push.Answer(200), StartsWith("ANNOUNCE rtsp://other:8554/app/name"));
}

TEST(Push, RedirectsInCircles) {
  PushDialogue push;
  push.Announce();
  push.Asked();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(push.error(), "");
    push.Answer(200);
    push.Answer(301, {{"Location", kUrl}});
    push->OnConnected(push.now());
    push.Asked();
  }
  EXPECT_EQ(push.error(), "rtsp_too_many_redirects");
}

// Another host than the one that the login is for.
TEST(Push, ARedirectionTakesNoPasswordAlong) {
  PushDialogue push("rtsp://user:secret@10.0.0.5:8554/app/name");
  push.Announce();
  push.Asked();
  push.Answer(200);
  const Headers challenge = {{"WWW-Authenticate", "Basic realm=\"s\""}};
  push.Answer(401, challenge);
  push.Answer(302, {{"Location", "rtsp://other:8554/app/name"}});
  push->OnConnected(push.now());
  EXPECT_THAT(push.Asked(), Not(HasSubstr("Authorization")));
  push.Answer(200);
  EXPECT_EQ(push.Answer(401, challenge), "");
  EXPECT_EQ(push.error(), "rtsp_unauthorized: ANNOUNCE");
}

TEST(Push, NoAnswer) {
  PushDialogue push;
  push.Wait(9);
  EXPECT_EQ(push.TimerFault(), "");
  push.Wait(1);
  EXPECT_EQ(push.TimerFault(), "rtsp_response_timeout");
}

// A whole server, with its login and reports, however its bytes arrive.
TEST(Push, SplitsChangeNothing) {
  std::vector<uint8_t> bytes;
  const auto answer = [&](const char* sequence, int status, Headers headers = {}) {
    headers.Add("CSeq", sequence);
    Write(Response{status, "", headers, ""}, bytes);
  };
  answer("1", 200, {{"Public", "ANNOUNCE, RECORD"}});
  answer("2", 401, {{"WWW-Authenticate", "Digest realm=\"s\", nonce=\"1\""}});
  answer("3", 200);
  answer("4", 200, {{"Session", "5"}, {"Transport", "RTP/AVP/TCP;interleaved=6-7"}});
  answer("5", 200, {{"Session", "5"}});
  answer("6", 200, {{"Session", "5"}});
  WriteInterleavedHeader(7, 600, bytes);
  bytes.insert(bytes.end(), 600, 0x80);
  Write(Request{"OPTIONS", kUrl, std::string(kVersion), {{"CSeq", "1"}}, ""}, bytes);
  const auto seen = tests::ExpectSameForAllSplits(bytes, [](auto feed) {
    PushDialogue push("rtsp://user:secret@10.0.0.5:8554/app/name");
    push.Announce();
    std::string asked = push.Asked() + " | ";
    feed([&](media::Bytes piece) {
      const std::string text = push.Feed(piece);
      if (!text.empty()) asked += text + " | ";
    });
    return std::vector<std::string>{push.events(), push.error(), asked};
  });
  EXPECT_EQ(seen[0], "recording 0:6 1:2");
  EXPECT_EQ(seen[1], "");
  EXPECT_THAT(seen[2], AllOf(HasSubstr(" | RECORD "), HasSubstr(" | 200 OK")));
}

}  // namespace
}  // namespace millrace::rtsp
