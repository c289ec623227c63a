#include "gateways/rtmp/protocol/conversation.h"

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

using media::amf::MakeEcmaArray;
using media::amf::MakeObject;
using media::amf::Null;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using tests::Hex;

struct Case {
  std::string name;
  ClientBytes client;
  std::vector<std::string> events;
  std::vector<std::string> answers;  // behind those to connect, where it begins with "…"
  std::string error = {};
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

const std::vector<std::string> kConnected = {"window 2500000", "bandwidth 2500000 2",
                                             // Set Chunk Size is obeyed, not seen
                                             "_result 1 NetConnection.Connect.Success", "onBWDone"};

ClientBytes Client() { return ClientBytes().Connect(); }

std::vector<uint8_t> Ping() { return Hex("0006 00001234"); }

// `name` and objects within objects.
std::vector<uint8_t> Deep(std::string_view name, int depth) {
  media::amf::Value value = 1;
  for (int i = 0; i < depth; ++i) value = MakeObject({{"o", std::move(value)}});
  return Amf({name, 0, std::move(value)});
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  const auto add = [&](std::string name, ClientBytes client, std::vector<std::string> events,
                       std::vector<std::string> answers = {}, std::string error = {}) {
    cases.push_back({std::move(name), std::move(client), std::move(events), std::move(answers),
                     std::move(error)});
  };
  add("connect", Client(), {"connected live test"});
  add("connect with an ECMA array and lower-case names",
      ClientBytes()
          .Command({"connect", 1, MakeEcmaArray({{"app", "live"}, {"tcurl", "rtmp://h/x?a=1"}})})
          .Publish(),
      {"connected live ", "publish live/cam1 a=1"});
  add("enhanced",
      ClientBytes().Command({"connect", 1,
                             MakeObject({{"app", "live"},
                                         {"fourCcList", media::amf::StrictArray{{"hvc1", "av01"}}},
                                         {"capsEx", 2}})}),
      {"connected live  +"});
  add("FFmpeg publishes",
      Client()
          .Command({"releaseStream", 2, Null{}, "cam1"})
          .Command({"FCPublish", 3, Null{}, "cam1"})
          .CreateStream()
          .Command({"_checkbw", 5, Null{}})
          .Publish(),
      {"connected live test", "publish live/cam1"},
      {"_result 2", "_result 3", "onFCPublish NetStream.Publish.Start", "_result 4 1",
       "_result 5"});
  add("media right behind publish",
      Client().CreateStream().Publish().Video(0, "key").Audio(21).Video(40),
      {"connected live test", "publish live/cam1", "video 0 key", "audio 21 audio",
       "video 40 video"},
      {"_result 4 1"});
  add("media without publish", Client().Video(0), {"connected live test"});
  add("OBS: arguments in the key", Client().CreateStream().Publish("cam1?token=x&user=joe"),
      {"connected live test", "publish live/cam1 token=x user=joe"}, {"_result 4 1"});
  add("rtmpdump plays",
      Client()
          .Command({"_checkbw", 2, Null{}})
          .CreateStream()
          .Command({"getStreamLength", 5, Null{}, "cam1"})
          .Play(),
      {"connected live test", "play live/cam1"}, {"_result 2", "_result 4 1", "_result 5 0"});
  add("CDN clients subscribe first", Client().Command({"FCSubscribe", 0, Null{}, "cam1"}).Play(),
      {"connected live test", "play live/cam1"}, {"onFCSubscribe NetStream.Play.Start"});
  add("VLC: container prefix", Client().CreateStream().Play("mp4:cam1"),
      {"connected live test", "play live/cam1"}, {"_result 4 1"});
  add("play switches", Client().Play("a").Play("b"),
      {"connected live test", "play live/a", "stop", "play live/b"});
  add("jwplayer: closeStream as pause",
      Client().Play("a").Command({"closeStream", 0, Null{}}).Play("a"),
      {"connected live test", "play live/a", "stop", "play live/a"});
  add("publish again on the same connection",
      Client()
          .Publish("a")
          .Command({"FCUnpublish", 6, Null{}, "a"})
          .Command({"deleteStream", 7, Null{}, 1})
          .Command({"createStream", 8, Null{}})
          .Publish("b"),
      {"connected live test", "publish live/a", "unpublish", "publish live/b"},
      {"onFCUnpublish NetStream.Unpublish.Success", "_result 6",
       "onStatus NetStream.Unpublish.Success", "_result 7", "_result 8 1"});
  add("two publishes at once", Client().Publish("a").Publish("b"),
      {"connected live test", "publish live/a"}, {"onStatus NetStream.Publish.BadName"});
  add("play while publishing", Client().Publish("a").Play("b"),
      {"connected live test", "publish live/a"}, {"onStatus NetStream.Play.Failed"});
  add("Flash: connect and metadata switch to AMF 3 by marker 0x11",
      ClientBytes()
          .Raw(MessageType::kCommandAmf3,
               Hex("00 02 0007 'connect' 00 3FF0000000000000"
                   "11 0A 0B 01 07 'app' 06 09 'live' 0B 'tcUrl' 06 1B 'rtmp://h/live'"
                   "11 'flashVer' 06 09 'test' 1D 'objectEncoding' 04 03 01"))
          .Publish()
          .Raw(MessageType::kDataAmf3,
               Hex("00 02 000D '@setDataFrame' 11 06 15 'onMetaData' 11 0A 0B 01 03 'w' 04 05 01")),
      {"connected live test", "publish live/cam1", "script 0 onMetaData 1", "metadata 0 w"});
  add("Flash: an AMF 3 command with everything in AMF 3",
      Client().Raw(MessageType::kCommandAmf3,
                   Hex("00 11 06 09 'play' 11 04 00 11 01 11 06 03 'a'")),
      {"connected live test", "play live/a"});
  add("FMLE: releaseStream and FCPublish without a transaction",
      Client()
          .Command({"releaseStream", 0, Null{}, "cam1"})
          .Command({"FCPublish", 0, Null{}, "cam1"})
          .Publish(),
      {"connected live test", "publish live/cam1"}, {"onFCPublish NetStream.Publish.Start"});
  add("OBS: everything in Server, an empty key",
      ClientBytes().Connect("live/cam1?token=x", "rtmp://h/live/cam1?token=x").Publish(""),
      {"connected live/cam1?token=x test", "publish live/cam1 token=x"});
  add("quoted tcUrl, arguments in three places",
      ClientBytes().Connect("live?b=2", "\"rtmp://h/live?a=1\"").Publish("cam1?c=3"),
      {"connected live?b=2 test", "publish live/cam1 a=1 b=2 c=3"});
  add("mpv: flv prefix, only the key", Client().Command({"play", 0, Null{}, "flv:cam1"}),
      {"connected live test", "play live/cam1"});
  add("unknown commands with and without a transaction",
      Client().Command({"custom", 9, Null{}}).Command({"other", 0, Null{}}),
      {"connected live test"}, {"_result 9"});
  add("answers of the client are no commands", Client().Command({"_result", 9, Null{}}),
      {"connected live test"});
  add("a command without arguments", Client().Command({"publish"}),
      {"connected live test", "publish live"});
  add("Flash: command 17",
      Client().Raw(MessageType::kCommandAmf3,
                   Hex("00 02 0004 'play' 00 0000000000000000 05 02 0001 'a'")),
      {"connected live test", "play live/a"});
  add("command 17 without its format byte",
      Client().Raw(MessageType::kCommandAmf3,
                   Hex("02 0004 'play' 00 0000000000000000 05 02 0001 'a'")),
      {"connected live test", "play live/a"});
  add("junk behind a command's arguments",
      Client().Raw(MessageType::kCommandAmf0,
                   Hex("02 0004 'play' 00 0000000000000000 05 02 0001 'a' FF FF")),
      {"connected live test", "play live/a"});
  add("metadata by @setDataFrame",
      Client().Publish().Raw(MessageType::kDataAmf0,
                             Amf({"@setDataFrame", "onMetaData", MakeEcmaArray({{"width", 640}})})),
      {"connected live test", "publish live/cam1", "script 0 onMetaData 1", "metadata 0 width"});
  add("bare metadata",
      Client().Publish().Raw(MessageType::kDataAmf0, Amf({"onMetaData", MakeObject({{"a", 1}})})),
      {"connected live test", "publish live/cam1", "script 0 onMetaData 1", "metadata 0 a"});
  add("Uniview: a number before @setDataFrame",
      Client().Publish().Raw(MessageType::kDataAmf0, Amf({0, "@setDataFrame", "onMetaData",
                                                          MakeEcmaArray({{"width", 640}})})),
      {"connected live test", "publish live/cam1", "script 0 onMetaData 1", "metadata 0 width"});
  add("data 15",
      Client().Publish().Raw(MessageType::kDataAmf3,
                             Hex("00 02 000A 'onMetaData' 03 0001 'w' 05 000009")),
      {"connected live test", "publish live/cam1", "script 0 onMetaData 1", "metadata 0 w"});
  add("FFmpeg: a bare time code", Client().Publish().Raw(MessageType::kDataAmf0, Hex("00010203")),
      {"connected live test", "publish live/cam1"});
  add("an empty data message", Client().Publish().Raw(MessageType::kDataAmf0, {}),
      {"connected live test", "publish live/cam1"});
  add("empty media", Client().Publish().Video(0, "").Audio(0, ""),
      {"connected live test", "publish live/cam1"});
  add("ping", Client().Raw(MessageType::kUserControl, Ping()), {"connected live test"},
      {"pong 4660"});
  add("set buffer length", Client().Raw(MessageType::kUserControl, Hex("0003 00000001 00000BB8")),
      {"connected live test"});
  add("aggregate: parts are rebased",
      Client().Publish().Raw(MessageType::kAggregate,
                             Hex("09 000001 0003E8 00 000000 'v' 0000000C"
                                 "08 000002 0003F2 00 000000 'ab' 0000000D"
                                 "12 000000 0003F2 00 000000 0000000B"
                                 "09 000001 0003E7 00 000000 'w'"),
                             5000),
      {"connected live test", "publish live/cam1", "video 5000 v", "audio 5010 ab",
       "video 4999 w"});
  add("FMS: aggregate with metadata of both kinds",
      Client().Publish().Raw(
          MessageType::kAggregate,
          Hex("12 00001B 000000 00 000000 02 000A 'onMetaData' 03 0001 'w' 05 000009"
              "   02 0003 'end' 00000026"
              "0F 000016 000000 00 000000 00 02 000A 'onMetaData' 03 0001 'h' 05 000009"
              "   00000021"
              "09 000001 000000 00 000000 'v' 0000000C"),
          0xFFFFFF),
      {"connected live test", "publish live/cam1", "script 16777215 onMetaData 2",
       "metadata 16777215 w", "script 16777215 onMetaData 1", "metadata 16777215 h",
       "video 16777215 v"});
  add("FMS: an aggregate's clock in four bytes",
      Client().Publish().Raw(MessageType::kAggregate,
                             Hex("09 000001 FFFFFF 00 000000 'v' 0000000C"
                                 "09 000001 000020 01 000000 'w' 0000000C"),
                             40),
      {"connected live test", "publish live/cam1", "video 40 v", "video 73 w"});
  add("aggregate: nothing but its beginning",
      Client().Publish().Raw(MessageType::kAggregate, Hex("09 0000")),
      {"connected live test", "publish live/cam1"});
  add("aggregate: a part beyond its end",
      Client().Publish().Raw(MessageType::kAggregate, Hex("09 000009 000000 00 000000 'v'")),
      {"connected live test", "publish live/cam1"}, {}, "rtmp_bad_aggregate");
  add("command before connect", ClientBytes().CreateStream(), {}, {},
      "rtmp_command_before_connect");
  add("a command that does not decode", Client().Raw(MessageType::kCommandAmf0, Hex("02 0009 'a'")),
      {"connected live test"}, {}, "rtmp_bad_command");
  add("a command without a name", Client().Raw(MessageType::kCommandAmf0, Amf({1})),
      {"connected live test"}, {}, "rtmp_bad_command");
  add("a command nested too deep", Client().Raw(MessageType::kCommandAmf0, Deep("play", 40)),
      {"connected live test"}, {}, "rtmp_amf_limit");
  add("a command with too many values",
      Client().Raw(MessageType::kCommandAmf0, Amf(Values(2000, "play"))), {"connected live test"},
      {}, "rtmp_amf_limit");
  add("a key that is too long", Client().Publish(std::string(20'000, 'k')), {"connected live test"},
      {}, "rtmp_amf_limit");
  add("metadata nested too deep",
      Client().Publish().Raw(MessageType::kDataAmf0, Deep("onMetaData", 40)).Video(0, "key"),
      {"connected live test", "publish live/cam1", "ignored amf_too_deep", "video 0 key"});
  add("an empty command", Client().Raw(MessageType::kCommandAmf0, {}), {"connected live test"});
  add("short ping", Client().Raw(MessageType::kUserControl, Hex("0006 00")),
      {"connected live test"}, {}, "rtmp_short_control");
  add("short window", Client().Raw(MessageType::kWindowAckSize, Hex("0006")),
      {"connected live test"}, {}, "rtmp_short_control");
  return cases;
}

struct Outcome {
  std::vector<std::string> events;
  std::vector<std::string> answers;
  std::string error;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// One test a case, by its name.
class ConversationCase : public testing::TestWithParam<Case> {};

TEST_P(ConversationCase, IsUnderstood) {
  const Case& one = GetParam();
  tests::WriteSeed("rtmp_conversation_fuzz", one.name, one.client.bytes());
  const Outcome outcome = tests::ExpectSameForAllSplits(one.client.bytes(), [](auto feed) {
    Outcome result;
    Dialogue dialogue;
    feed([&](std::span<const uint8_t> piece) {
      if (!dialogue.error().empty()) return;
      for (std::string& event : dialogue.Feed(piece)) result.events.push_back(std::move(event));
    });
    result.answers = dialogue.Answers();
    result.error = dialogue.error();
    return result;
  });
  EXPECT_THAT(outcome.events, testing::ElementsAreArray(one.events));
  EXPECT_EQ(outcome.error, one.error);
  if (one.error == "rtmp_command_before_connect") return;
  std::vector<std::string> answers = kConnected;
  answers.insert(answers.end(), one.answers.begin(), one.answers.end());
  EXPECT_THAT(outcome.answers, testing::ElementsAreArray(answers));
}

INSTANTIATE_TEST_SUITE_P(All, ConversationCase, testing::ValuesIn(Cases()),
                         [](const auto& test) { return tests::TestName(test.param.name); });

// No message before Set Chunk Size may need more than one chunk of 128 bytes.
TEST(Conversation, ObsReadsShortChunksUntilToldOtherwise) {
  Dialogue dialogue;
  dialogue.Feed(Client());
  const std::vector<uint8_t> output = dialogue->TakeOutput();
  const std::vector<uint8_t> set = Hex("02 000000 000004 01 00000000 0000EA60");
  const auto found = std::search(output.begin(), output.end(), set.begin(), set.end());
  ASSERT_NE(found, output.end());
  EXPECT_EQ(found - output.begin(), 16 + 17);  // behind window and bandwidth
}

TEST(Conversation, WhoeverConnectsToAServerThatIsFullIsToldAndGetsNoFurther) {
  ConversationOptions options;
  options.refusal = "this server is full";
  Dialogue dialogue(options);
  EXPECT_THAT(dialogue.Feed(ClientBytes().Connect()), ElementsAre("refused"));
  EXPECT_THAT(dialogue.Answers(), Contains("_error 1 NetConnection.Connect.Rejected"));
  EXPECT_THAT(dialogue.Feed(ClientBytes().Publish()), IsEmpty());
}

TEST(Conversation, AcceptedPublish) {
  Dialogue dialogue;
  dialogue.Feed(Client().Publish());
  dialogue.Answers();
  dialogue->AcceptPublish();
  EXPECT_THAT(dialogue.Answers(), ElementsAre("begin 1", "onStatus NetStream.Publish.Start"));
}

TEST(Conversation, RejectedPublishSaysWhy) {
  const struct {
    Refusal refusal;
    const char* code;
  } cases[] = {{Refusal::kBadName, "NetStream.Publish.BadName"},
               {Refusal::kUnauthorized, "NetStream.Publish.Unauthorized"},
               {Refusal::kTooMuch, "NetStream.Publish.Rejected"},
               {Refusal::kFailed, "NetStream.Failed"}};
  for (const auto& one : cases) {
    Dialogue dialogue;
    dialogue.Feed(Client().Publish());
    dialogue.Answers();
    dialogue->RejectPublish(one.refusal, "the reason");
    EXPECT_THAT(dialogue.Answers(), ElementsAre(std::string("onStatus ") + one.code));
    const Values values = dialogue.last();
    ASSERT_EQ(values.size(), 4u);
    EXPECT_EQ(values[3].Find("level")->AsString(), "error");
    EXPECT_EQ(values[3].Find("description")->AsString(), "the reason");
    // Media that is still on its way is nobody's; another attempt is legal.
    EXPECT_THAT(dialogue.Feed(ClientBytes().Video(0).Publish("b")), ElementsAre("publish live/b"));
  }
}

TEST(Conversation, Playing) {
  Dialogue dialogue;
  dialogue.Feed(Client().Play());
  dialogue.Answers();
  dialogue->StartPlay();
  EXPECT_THAT(dialogue.Answers(),
              ElementsAre("begin 1", "onStatus NetStream.Play.Reset",
                          "onStatus NetStream.Play.Start", "|RtmpSampleAccess"));
  dialogue->EndPlay("over");
  EXPECT_THAT(dialogue.Answers(), ElementsAre("onStatus NetStream.Play.UnpublishNotify",
                                              "onPlayStatus NetStream.Play.Complete", "eof 1",
                                              "onStatus NetStream.Play.Stop"));
  EXPECT_THAT(dialogue.Feed(ClientBytes().Play("again")), ElementsAre("play live/again"));
}

TEST(Conversation, PlayWithoutReset) {
  Dialogue dialogue;
  dialogue.Feed(Client().Command({"play", 0, Null{}, "a", -2, -1, false}));
  dialogue.Answers();
  dialogue->StartPlay();
  EXPECT_THAT(dialogue.Answers(), testing::Not(Contains("onStatus NetStream.Play.Reset")));
}

TEST(Conversation, RejectedPlay) {
  Dialogue dialogue;
  dialogue.Feed(Client().Play());
  dialogue.Answers();
  dialogue->RejectPlay(Refusal::kNotFound, "nobody publishes it");
  EXPECT_THAT(dialogue.Answers(), ElementsAre("onStatus NetStream.Play.StreamNotFound"));
  dialogue.Feed(ClientBytes().Play());
  dialogue->RejectPlay(Refusal::kUnauthorized, "banned");
  EXPECT_THAT(dialogue.Answers(), ElementsAre("onStatus NetStream.Play.Failed"));
}

TEST(Conversation, KickSaysWhyInTheWordsOfTheRole) {
  Dialogue publisher;
  publisher.Feed(Client().Publish());
  publisher.Answers();
  publisher->Kick("bye");
  EXPECT_THAT(publisher.Answers(), ElementsAre("onStatus NetStream.Failed"));
  Dialogue player;
  player.Feed(Client().Play());
  player.Answers();
  player->Kick("bye");
  EXPECT_THAT(player.Answers(), ElementsAre("onStatus NetStream.Play.Failed"));
  Dialogue idle;
  idle.Feed(Client());
  idle.Answers();
  idle->Kick("bye");
  EXPECT_THAT(idle.Answers(), ElementsAre("onStatus NetConnection.Connect.Closed"));
}

TEST(Conversation, StopsPlayingAtTheClientsWish) {
  Dialogue dialogue;
  dialogue.Feed(Client().Play().Command({"deleteStream", 0, Null{}, 1}));
  dialogue.Answers();
  dialogue->StopPlay();
  EXPECT_THAT(dialogue.Answers(), ElementsAre("eof 1", "onStatus NetStream.Play.Stop"));
}

TEST(Conversation, AcknowledgesEachWindow) {
  Dialogue dialogue;
  const std::vector<uint8_t> window = Hex("000003E8");  // 1000
  ClientBytes start = Client().Raw(MessageType::kWindowAckSize, window).Publish();
  dialogue.Feed(start);
  dialogue.Answers();
  uint64_t received = start.bytes().size();
  std::vector<std::string> acks;
  for (int i = 0; i < 30; ++i) {
    ClientBytes media = ClientBytes().Video(0, std::string(88, 'v'));
    received += media.bytes().size();
    dialogue.Feed(media);
    for (std::string& answer : dialogue.Answers()) acks.push_back(std::move(answer));
  }
  ASSERT_EQ(acks.size(), 3u);
  EXPECT_EQ(acks[2].substr(0, 4), "ack ");
  const auto last = static_cast<uint64_t>(std::stoul(acks[2].substr(4)));
  EXPECT_LE(last, received);
  EXPECT_LT(received - last, 1000u);
}

TEST(Conversation, CommandsAndPingsAreLimitedInTime) {
  ConversationOptions options;
  options.command_burst = 10;
  options.commands_per_second = 2;
  Dialogue dialogue(options);
  dialogue.now_ms = 5000;
  ClientBytes nine;
  for (int i = 0; i < 9; ++i) nine.Command({"x", 0, Null{}});
  dialogue.Feed(Client());
  dialogue.Feed(nine);
  EXPECT_EQ(dialogue.error(), "");
  dialogue.now_ms += 1000;
  dialogue.Feed(ClientBytes().Command({"x", 0, Null{}}).Raw(MessageType::kUserControl, Ping()));
  EXPECT_EQ(dialogue.error(), "");
  // Media is no command.
  EXPECT_THAT(dialogue.Feed(ClientBytes().Video(0)), IsEmpty());
  EXPECT_EQ(dialogue.error(), "");
  dialogue.Feed(ClientBytes().Raw(MessageType::kUserControl, Ping()));
  EXPECT_EQ(dialogue.error(), "rtmp_command_flood");
}

TEST(Conversation, AFloodOfCommandsEndsTheConnectionWithoutAFloodOfAnswers) {
  ClientBytes flood = Client();
  for (int i = 0; i < 500; ++i) flood.Command({"FCPublish", 0, Null{}, std::string(100, 'k')});
  tests::WriteSeed("rtmp_conversation_fuzz", "a flood of commands", flood.bytes());
  Dialogue dialogue;
  dialogue.Feed(flood);
  EXPECT_EQ(dialogue.error(), "rtmp_command_flood");
  EXPECT_LT(dialogue->TakeOutput().size(), 64u << 10);
}

TEST(Conversation, NamesAreRepeatedInPart) {
  Dialogue dialogue;
  dialogue.Feed(Client());
  dialogue.Answers();
  dialogue.Feed(ClientBytes().Command({"FCPublish", 0, Null{}, std::string(10'000, 'k')}));
  dialogue.Answers();
  EXPECT_EQ(dialogue.description(), std::string(255, 'k'));
}

TEST(AckWindow, CountGoesOnPast2To32) {
  AckWindow window(2'500'000);
  EXPECT_EQ(window.Receive(2'499'999), std::nullopt);
  EXPECT_EQ(window.Receive(1), 2'500'000u);
  EXPECT_EQ(window.Receive(0xFFFFFFFFu - 2'500'000u), 0xFFFFFFFFu);
  EXPECT_EQ(window.Receive(2'499'999), std::nullopt);
  EXPECT_EQ(window.Receive(2), 2'500'000u);
  window.SetSize(0);
  EXPECT_EQ(window.Receive(2'499'999), std::nullopt);
  window.SetSize(10);
  EXPECT_EQ(window.Receive(1), 5'000'000u);
}

TEST(Allowance, RefillsUpToItsBurst) {
  Allowance allowance(2, 1);
  EXPECT_TRUE(allowance.Take(100));
  EXPECT_TRUE(allowance.Take(100));
  EXPECT_FALSE(allowance.Take(100));
  EXPECT_FALSE(allowance.Take(1099));
  EXPECT_TRUE(allowance.Take(1100));
  EXPECT_TRUE(allowance.Take(INT64_MAX));
  EXPECT_TRUE(allowance.Take(0));
  EXPECT_FALSE(allowance.Take(0));
}

TEST(Conversation, ErrorStays) {
  Dialogue dialogue;
  dialogue.Feed(ClientBytes().CreateStream());
  EXPECT_EQ(dialogue.error(), "rtmp_command_before_connect");
  EXPECT_THAT(dialogue.Feed(Client()), IsEmpty());
}

TEST(Conversation, HandshakeAndCommandsInOnePiece) {
  std::vector<uint8_t> bytes = WholeHandshake(ServerHandshake::Kind::kDigestFirst);
  const ClientBytes client = Client().Publish();
  bytes.insert(bytes.end(), client.bytes().begin(), client.bytes().end());
  const auto events = tests::ExpectSameForAllSplits(bytes, [](auto feed) {
    std::vector<std::string> seen;
    ServerConversation conversation({}, OpenSslHmacSha256, PredictableBytes());
    feed([&](std::span<const uint8_t> piece) {
      conversation.Append(piece, 0);
      while (true) {
        auto event = conversation.Next();
        ASSERT_TRUE(event.ok());
        if (!event->has_value()) return;
        seen.push_back(Describe(**event));
      }
    });
    return seen;
  });
  EXPECT_THAT(events, ElementsAre("connected live test", "publish live/cam1"));
}

// The properties of connect's first object, by name.
std::string PropertiesOfResult(const ClientBytes& client) {
  ServerConversation conversation({}, OpenSslHmacSha256, PredictableBytes());
  const std::vector<uint8_t> handshake = WholeHandshake();
  conversation.Append(handshake, 0);
  EXPECT_TRUE(conversation.Next().ok());
  conversation.TakeOutput();
  conversation.Append(client.bytes(), 0);
  while (true) {
    auto event = conversation.Next();
    if (!event.ok() || !event->has_value()) break;
  }
  ChunkReader reader;
  const std::vector<uint8_t> output = conversation.TakeOutput();
  reader.Append(output);
  std::string names;
  while (true) {
    auto message = reader.Next();
    if (!message.ok() || !message->has_value()) return names;
    const auto values = media::amf::DecodeAll((*message)->body.bytes());
    if (!values.ok() || values->size() < 3 || (*values)[0].AsString() != "_result") continue;
    for (const auto& property : (*values)[2].properties()) names += property.key + " ";
  }
}

TEST(Conversation, ConnectAnswersEnhancementsInKind) {
  EXPECT_EQ(PropertiesOfResult(Client()), "fmsVer capabilities mode ");
  EXPECT_EQ(PropertiesOfResult(ClientBytes().Command(
                {"connect", 1,
                 MakeObject({{"app", "live"},
                             {"fourCcList", media::amf::StrictArray{{"hvc1"}}},
                             {"videoFourCcInfoMap", MakeObject({{"hvc1", 1}})}})})),
            "fmsVer capabilities mode fourCcList videoFourCcInfoMap audioFourCcInfoMap capsEx ");
}

}  // namespace
}  // namespace millrace::rtmp
