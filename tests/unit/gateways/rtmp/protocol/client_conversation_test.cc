#include "gateways/rtmp/protocol/client_conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/hex.h"
#include "tests/support/seeds.h"
#include "tests/support/split_feed.h"
#include "tests/unit/gateways/rtmp/protocol/dialogue.h"

namespace millrace::rtmp {
namespace {

using media::amf::MakeObject;
using media::amf::Null;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::Hex;
using Purpose = ClientOptions::Purpose;

std::string Text(const ClientEvent& event) {
  struct Visitor {
    std::string operator()(const ServerAccepts& one) {
      return "accepts " + std::to_string(one.message_stream) + (one.enhanced.announced ? " +" : "");
    }
    std::string operator()(const ServerRefuses& one) {
      return "refuses " + one.code + ": " + one.text;
    }
    std::string operator()(const ServerEnds& one) { return "ends " + one.code + ": " + one.text; }
    std::string operator()(const VideoData& one) {
      return "video " + std::to_string(one.timestamp_ms) + " " +
             std::string(media::AsText(one.body.bytes()));
    }
    std::string operator()(const ScriptData& one) {
      const auto values = media::amf::DecodeAll(one.body.bytes());
      return "script " + std::to_string(one.timestamp_ms) + " " +
             std::string(values.ok() ? (*values)[0].AsString() : "?");
    }
    std::string operator()(const AudioData& one) {
      return "audio " + std::to_string(one.timestamp_ms) + " " +
             std::string(media::AsText(one.body.bytes()));
    }
  };
  return std::visit(Visitor{}, event);
}

ClientOptions OptionsTo(Purpose purpose) {
  ClientOptions options;
  options.purpose = purpose;
  options.tc_url = "rtmp://origin/live?user=joe&pass=x";
  options.app = "live?user=joe&pass=x";
  options.key = "cam1?token=7";
  options.agent = purpose == Purpose::kPublish ? "FMLE/3.0 test" : "test";
  return options;
}

// A client's conversation and what it says.
struct Talk {
  explicit Talk(ClientOptions options) : client(std::move(options), PredictableBytes()) {
    client.Begin();
  }
  std::vector<std::string> Feed(media::Bytes bytes) {
    std::vector<std::string> events;
    client.Append(bytes, now_ms);
    while (true) {
      auto event = client.Next();
      if (!event.ok()) {
        error = media::FaultName(event.status());
        return events;
      }
      if (!event->has_value()) return events;
      events.push_back(Text(**event));
    }
  }
  ClientConversation client;
  int64_t now_ms = 0;
  std::string error;
};

// What a server sends, handshake included.
class Server {
 public:
  Server() : bytes_(1 + 2 * kHandshakeSize) { bytes_[0] = 3; }
  Server& Raw(MessageType type, media::Bytes body, uint32_t timestamp_ms = 0,
              uint32_t stream_id = 0) {
    writer_.Write(3, type, stream_id, timestamp_ms, body, bytes_);
    return *this;
  }
  Server& Command(const Values& values) { return Raw(MessageType::kCommandAmf0, Amf(values)); }
  Server& Connected() {
    return Command({"_result", 1, MakeObject({{"fmsVer", "FMS/3,0,1,123"}}),
                    MakeObject({{"code", "NetConnection.Connect.Success"}})});
  }
  Server& Created(double id = 1) { return Command({"_result", 4, Null{}, id}); }
  Server& Status(std::string_view code, std::string_view level = "status",
                 std::string_view text = "") {
    return Command({"onStatus", 0, Null{},
                    MakeObject({{"level", level}, {"code", code}, {"description", text}})});
  }
  Server& Video(uint32_t timestamp_ms, std::string_view body) {
    return Raw(MessageType::kVideo, media::AsBytes(body), timestamp_ms, 1);
  }
  Server& Audio(uint32_t timestamp_ms, std::string_view body) {
    return Raw(MessageType::kAudio, media::AsBytes(body), timestamp_ms, 1);
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  ChunkWriter writer_;
  std::vector<uint8_t> bytes_;
};

struct Case {
  std::string name;
  Purpose purpose;
  Server server;
  std::vector<std::string> events;
  std::string error = {};
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

Server Playing() { return Server().Connected().Created().Status("NetStream.Play.Start"); }
Server Publishing() { return Server().Connected().Created().Status("NetStream.Publish.Start"); }

std::vector<uint8_t> Aggregate() {
  return Hex(
      "08 000002 000010 00 000000 6161 00000000"
      "09 000001 000024 00 000000 76 00000000");
}

std::vector<Case> Cases() {
  const auto play = Purpose::kPlay;
  const auto publish = Purpose::kPublish;
  Server silent;
  Server enhanced;
  enhanced.Command({"_result", 1,
                    MakeObject({{"fourCcList", media::amf::StrictArray{{"hvc1"}}}, {"capsEx", 2}}),
                    MakeObject({{"code", "NetConnection.Connect.Success"}})});
  std::vector<Case> cases = {
      {"a server that says nothing", play, silent, {}},
      {"play",
       play,
       Playing().Audio(0, "a").Video(40, "v"),
       {"accepts 1", "audio 0 a", "video 40 v"}},
      {"play with everything around it",
       play,
       Server()
           .Raw(MessageType::kWindowAckSize, Hex("002625A0"))
           .Raw(MessageType::kSetPeerBandwidth, Hex("002625A0 02"))
           .Connected()
           .Command({"onBWDone", 0, Null{}})
           .Created()
           .Raw(MessageType::kUserControl, Hex("0000 00000001"))
           .Status("NetStream.Play.Reset")
           .Status("NetStream.Play.Start")
           .Raw(MessageType::kDataAmf0, Amf({"|RtmpSampleAccess", true, true}))
           .Raw(MessageType::kDataAmf0, Amf({"onMetaData", MakeObject({{"width", 640}})}))
           .Video(0, "v"),
       {"accepts 1", "script 0 onMetaData", "video 0 v"}},
      {"data that is none",
       play,
       Playing()
           .Raw(MessageType::kDataAmf0, Hex("FF"))
           .Raw(MessageType::kDataAmf0, {})
           .Raw(MessageType::kDataAmf0, Amf({7}))
           .Raw(MessageType::kDataAmf0, Amf({"onCuePoint", 7}), 30),
       {"accepts 1", "script 30 onCuePoint"}},
      {"media that speaks for itself",
       play,
       Server().Connected().Created().Video(7, "v").Status("NetStream.Play.Start"),
       {"accepts 1", "video 7 v"}},
      {"media before anything was asked for", play, Server().Connected().Video(7, "v"), {}},
      {"FMS: an aggregate",
       play,
       Playing().Raw(MessageType::kAggregate, Aggregate(), 100),
       {"accepts 1", "audio 100 aa", "video 120 v"}},
      {"the origin's publisher is gone",
       play,
       Playing()
           .Status("NetStream.Play.UnpublishNotify", "status", "over")
           .Status("NetStream.Play.Stop"),
       {"accepts 1", "ends NetStream.Play.UnpublishNotify: over"}},
      {"onPlayStatus",
       play,
       Playing().Raw(MessageType::kDataAmf0,
                     Amf({"onPlayStatus", MakeObject({{"code", "NetStream.Play.Complete"}})})),
       {"accepts 1", "ends NetStream.Play.Complete: "}},
      {"stream end of file",
       play,
       Playing().Raw(MessageType::kUserControl, Hex("0001 00000001")),
       {"accepts 1", "ends StreamEOF: the stream ended"}},
      {"no such stream",
       play,
       Server().Connected().Created().Status("NetStream.Play.StreamNotFound", "error", "no cam1"),
       {"refuses NetStream.Play.StreamNotFound: no cam1"}},
      {"kicked while it plays",
       play,
       Playing().Status("NetStream.Play.Failed", "error", "go"),
       {"accepts 1", "refuses NetStream.Play.Failed: go"}},
      {"publish", publish, Publishing(), {"accepts 1"}},
      {"publish on another message stream",
       publish,
       Server().Connected().Created(5).Status("NetStream.Publish.Start"),
       {"accepts 5"}},
      {"a server that announces Enhanced RTMP",
       publish,
       enhanced.Created().Status("NetStream.Publish.Start"),
       {"accepts 1 +"}},
      {"a server that does not know releaseStream",
       publish,
       Server()
           .Connected()
           .Command({"_error", 2, Null{}, MakeObject({{"code", "NetConnection.Call.Failed"}})})
           .Created()
           .Status("NetStream.Publish.Start"),
       {"accepts 1"}},
      {"turned away at connect",
       publish,
       Server().Command({"_error", 1, Null{},
                         MakeObject({{"level", "error"},
                                     {"code", "NetConnection.Connect.Rejected"},
                                     {"description", "full"}})}),
       {"refuses NetConnection.Connect.Rejected: full"}},
      {"turned away without a word",
       publish,
       Server().Command({"_error", 1}),
       {"refuses _error: "}},
      {"the name is taken",
       publish,
       Server().Connected().Created().Status("NetStream.Publish.BadName", "error", "taken"),
       {"refuses NetStream.Publish.BadName: taken"}},
      {"thrown out",
       publish,
       Publishing().Status("NetStream.Failed", "error", "too much"),
       {"accepts 1", "refuses NetStream.Failed: too much"}},
      {"only the first word counts",
       publish,
       Server()
           .Connected()
           .Created()
           .Status("NetStream.Publish.BadName", "error", "taken")
           .Status("NetStream.Publish.Start")
           .Status("NetStream.Failed", "error", "again"),
       {"refuses NetStream.Publish.BadName: taken"}},
      {"no message stream",
       publish,
       Server().Connected().Created(0),
       {"refuses createStream: the server grants no message stream"}},
      {"a message stream that is none",
       publish,
       Server().Connected().Created(1e300),
       {"refuses createStream: the server grants no message stream"}},
      {"Start before anything was asked for",
       publish,
       Server().Status("NetStream.Publish.Start").Connected(),
       {}},
      {"close",
       publish,
       Publishing().Command({"close", 0}),
       {"accepts 1", "ends close: the server closes the connection"}},
      {"a command that is none", play, Playing().Command({7}), {"accepts 1"}, "rtmp_bad_command"},
      {"a short ping",
       play,
       Playing().Raw(MessageType::kUserControl, Hex("0006 00")),
       {"accepts 1"},
       "rtmp_short_control"},
  };
  Server flood = Playing();
  for (int i = 0; i < 101; ++i) flood.Raw(MessageType::kUserControl, Hex("0006 00000001"));
  cases.push_back({"pings without end", play, flood, {"accepts 1"}, "rtmp_command_flood"});
  return cases;
}

class ClientConversationCase : public testing::TestWithParam<Case> {};

TEST_P(ClientConversationCase, YieldsItsEvents) {
  const Case& one = GetParam();
  tests::WriteSeed("rtmp_client_conversation_fuzz", one.name,
                   media::Bytes(one.server.bytes()).subspan(1 + 2 * kHandshakeSize));
  const auto seen = tests::ExpectSameForAllSplits(one.server.bytes(), [&](const auto& feed) {
    Talk talk(OptionsTo(one.purpose));
    std::vector<std::string> events;
    feed([&](media::Bytes bytes) {
      for (std::string& event : talk.Feed(bytes)) events.push_back(std::move(event));
    });
    events.push_back(talk.error);
    return events;
  });
  std::vector<std::string> expected = one.events;
  expected.push_back(one.error);
  EXPECT_EQ(seen, expected);
}

INSTANTIATE_TEST_SUITE_P(All, ClientConversationCase, testing::ValuesIn(Cases()),
                         [](const auto& info) { return tests::TestName(info.param.name); });

TEST(ClientConversation, NotRtmp) {
  Talk talk(OptionsTo(Purpose::kPlay));
  EXPECT_THAT(talk.Feed(media::AsBytes("HTTP/1.1 400 Bad Request")), IsEmpty());
  EXPECT_EQ(talk.error, "rtmp_handshake_version");
}

// Both halves of ours, byte by byte if need be.
class BothSides {
 public:
  explicit BothSides(Purpose purpose, size_t piece = 4096)
      : client(OptionsTo(purpose)),
        server({}, OpenSslHmacSha256, PredictableBytes()),
        piece_(piece) {}

  // Carries bytes to and fro until neither has anything to say.
  void Settle() {
    while (client.client.has_output() || server.has_output()) {
      const std::vector<uint8_t> up = client.client.TakeOutput();
      tests::Feed(up, piece_, [&](media::Bytes bytes) {
        if (bytes.empty()) return;
        server.Append(bytes, 0);
        while (true) {
          auto event = server.Next();
          ASSERT_TRUE(event.ok()) << event.status();
          if (!event->has_value()) break;
          server_events.push_back(Describe(**event));
        }
      });
      const std::vector<uint8_t> down = server.TakeOutput();
      tests::Feed(down, piece_, [&](media::Bytes bytes) {
        if (bytes.empty()) return;
        for (std::string& event : client.Feed(bytes)) client_events.push_back(std::move(event));
      });
    }
    EXPECT_EQ(client.error, "");
  }

  Talk client;
  ServerConversation server;
  std::vector<std::string> server_events;
  std::vector<std::string> client_events;

 private:
  const size_t piece_;
};

TEST(ClientAndServer, Play) {
  for (const size_t piece : {1, 17, 4096}) {
    SCOPED_TRACE(piece);
    BothSides both(Purpose::kPlay, piece);
    both.Settle();
    EXPECT_THAT(both.server_events, ElementsAre("connected live?user=joe&pass=x test +",
                                                "play live/cam1 user=joe pass=x token=7"));
    EXPECT_THAT(both.client_events, IsEmpty());
    both.server.StartPlay();
    both.Settle();
    EXPECT_THAT(both.client_events, ElementsAre("accepts 1 +"));
    both.server.EndPlay("the stream ended");
    both.Settle();
    EXPECT_THAT(
        both.client_events,
        ElementsAre("accepts 1 +", "ends NetStream.Play.UnpublishNotify: the stream ended"));
  }
}

TEST(ClientAndServer, PlayIsLeft) {
  BothSides both(Purpose::kPlay);
  both.Settle();
  both.server.StartPlay();
  both.Settle();
  both.client.client.Leave();
  both.Settle();
  EXPECT_EQ(both.server_events.back(), "stop");
}

TEST(ClientAndServer, PlayIsRefused) {
  BothSides both(Purpose::kPlay);
  both.Settle();
  both.server.RejectPlay(Refusal::kNotFound, "nobody publishes it");
  both.Settle();
  EXPECT_THAT(both.client_events,
              ElementsAre("refuses NetStream.Play.StreamNotFound: nobody publishes it"));
}

TEST(ClientAndServer, Publish) {
  for (const size_t piece : {1, 17, 4096}) {
    SCOPED_TRACE(piece);
    BothSides both(Purpose::kPublish, piece);
    both.Settle();
    EXPECT_THAT(both.server_events, ElementsAre("connected live?user=joe&pass=x FMLE/3.0 test +",
                                                "publish live/cam1 user=joe pass=x token=7"));
    both.server.AcceptPublish();
    both.Settle();
    EXPECT_THAT(both.client_events, ElementsAre("accepts 1 +"));
    both.client.client.Leave();
    both.Settle();
    EXPECT_EQ(both.server_events.back(), "unpublish");
    EXPECT_THAT(both.client_events, ElementsAre("accepts 1 +"));
  }
}

TEST(ClientAndServer, PublishIsRefused) {
  BothSides both(Purpose::kPublish);
  both.Settle();
  both.server.RejectPublish(Refusal::kUnauthorized, "banned");
  both.Settle();
  EXPECT_THAT(both.client_events, ElementsAre("refuses NetStream.Publish.Unauthorized: banned"));
}

TEST(ClientAndServer, TheClientSaysWhatItTakes) {
  ServerConversation server({}, OpenSslHmacSha256, PredictableBytes());
  Talk talk(OptionsTo(Purpose::kPlay));
  EnhancedClient said;
  while (talk.client.has_output() || server.has_output()) {
    const std::vector<uint8_t> up = talk.client.TakeOutput();
    server.Append(up, 0);
    while (true) {
      auto event = server.Next();
      ASSERT_TRUE(event.ok());
      if (!event->has_value()) break;
      if (const auto* connected = std::get_if<Connected>(&**event)) said = connected->enhanced;
    }
    talk.Feed(server.TakeOutput());
  }
  EXPECT_TRUE(said.announced);
  EXPECT_TRUE(said.multitrack);
  for (const media::Codec codec : {media::Codec::kH264, media::Codec::kH265, media::Codec::kAv1,
                                   media::Codec::kAac, media::Codec::kOpus}) {
    EXPECT_TRUE(said.takes.Has(codec)) << media::CodecName(codec);
  }
}

TEST(ClientConversation, AcknowledgesAndAnswersPings) {
  Talk talk(OptionsTo(Purpose::kPlay));
  Server server = Playing();
  server.Raw(MessageType::kWindowAckSize, Hex("00000400"));
  for (uint32_t i = 0; i < 4; ++i) server.Video(i, std::string(1000, 'v'));
  server.Raw(MessageType::kUserControl, Hex("0006 00001234"));
  talk.Feed(media::Bytes(server.bytes()).first(1 + 2 * kHandshakeSize));
  ServerBytes reader;
  // Behind C0, C1 and C2.
  const std::vector<uint8_t> hello = talk.client.TakeOutput();
  const auto first = reader.Read(media::Bytes(hello).subspan(1 + 2 * kHandshakeSize));
  EXPECT_THAT(first, ElementsAre(HasSubstr("connect")));
  talk.Feed(media::Bytes(server.bytes()).subspan(1 + 2 * kHandshakeSize, 1500));
  talk.Feed(media::Bytes(server.bytes()).subspan(1 + 2 * kHandshakeSize + 1500));
  const auto said = reader.Read(talk.client.TakeOutput());
  EXPECT_THAT(said, Contains(HasSubstr("ack ")));
  EXPECT_THAT(said, Contains("pong 4660"));
}

}  // namespace
}  // namespace millrace::rtmp
