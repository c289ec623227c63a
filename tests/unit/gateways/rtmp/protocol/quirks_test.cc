// What devices and clients do that no specification tells, by their names. Shorter ones are cases
// of the tables of chunk_reader_test, target_test and conversation_test, under the same names.

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
using media::amf::Null;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using tests::Hex;

// --- chunks ---

struct Habit {
  bool repeats = false;  // the extended timestamp on fmt 3 chunks
  bool deltas = false;   // fmt 1 from the second message on
};

// Video of `count` messages of 300 bytes in chunks of 128, each `step` behind the one before.
std::vector<uint8_t> Stream(Habit habit, uint32_t start, uint32_t step, int count) {
  std::vector<uint8_t> bytes;
  media::ByteWriter writer(bytes);
  for (int i = 0; i < count; ++i) {
    const bool delta = habit.deltas && i > 0;
    const uint32_t field = delta ? step : start + static_cast<uint32_t>(i) * step;
    const bool extended = field >= kExtendedTimestamp;
    writer.U8(delta ? 0x46 : 0x06);
    writer.U24(extended ? kExtendedTimestamp : field);
    writer.U24(300);
    writer.U8(9);
    if (!delta) writer.U32(0x01000000);
    if (extended) writer.U32(field);
    const std::vector<uint8_t> body(300, static_cast<uint8_t>('a' + i % 26));
    for (size_t at = 0; at < body.size(); at += 128) {
      if (at > 0) {
        writer.U8(0xC6);
        if (extended && habit.repeats) writer.U32(field);
      }
      writer.Append(media::Bytes(body).subspan(at, std::min<size_t>(128, body.size() - at)));
    }
  }
  return bytes;
}

// The timestamps, where every message is whole.
std::vector<int64_t> Timestamps(const std::vector<uint8_t>& bytes) {
  return tests::ExpectSameForAllSplits(bytes, [](auto feed) {
    std::vector<int64_t> timestamps;
    ChunkReader reader;
    feed([&](std::span<const uint8_t> piece) {
      reader.Append(piece);
      while (true) {
        const auto message = reader.Next();
        EXPECT_TRUE(message.ok()) << message.status();
        if (!message.ok() || !message->has_value()) return;
        const media::Bytes body = (*message)->body.bytes();
        const size_t at = timestamps.size();
        EXPECT_EQ(std::string(media::AsText(body)),
                  std::string(300, static_cast<char>('a' + at % 26)));
        timestamps.push_back((*message)->timestamp_ms);
      }
    });
    return timestamps;
  });
}

std::vector<int64_t> Series(int64_t start, int64_t step, int count) {
  std::vector<int64_t> series;
  for (int i = 0; i < count; ++i) series.push_back(start + i * step);
  return series;
}

// After 4 h 39 min 37 s.
constexpr uint32_t kBeforeExtended = kExtendedTimestamp - 100;

TEST(Quirks, FFmpegFmleAndWeChatRepeatTheExtendedTimestamp) {
  const auto bytes = Stream({.repeats = true}, kBeforeExtended, 33, 10);
  tests::WriteSeed("rtmp_chunk_reader_fuzz", "FFmpeg past 0xFFFFFF", bytes);
  EXPECT_EQ(Timestamps(bytes), Series(kBeforeExtended, 33, 10));
}

TEST(Quirks, RtmpdumpAndOldObsDoNotRepeatTheExtendedTimestamp) {
  const auto bytes = Stream({.repeats = false}, kBeforeExtended, 33, 10);
  tests::WriteSeed("rtmp_chunk_reader_fuzz", "rtmpdump past 0xFFFFFF", bytes);
  EXPECT_EQ(Timestamps(bytes), Series(kBeforeExtended, 33, 10));
}

TEST(Quirks, LibrtmpGoesOnByDeltasPast0xFFFFFF) {
  EXPECT_EQ(Timestamps(Stream({.deltas = true}, kBeforeExtended, 33, 10)),
            Series(kBeforeExtended, 33, 10));
}

TEST(Quirks, SparseSourcesHaveDeltasOf0xFFFFFFAndMore) {
  for (const bool repeats : {false, true}) {
    const auto bytes = Stream({.repeats = repeats, .deltas = true}, 40, kExtendedTimestamp + 7, 4);
    tests::WriteSeed("rtmp_chunk_reader_fuzz",
                     repeats ? "extended deltas, repeated" : "extended deltas, not repeated",
                     bytes);
    EXPECT_EQ(Timestamps(bytes), Series(40, kExtendedTimestamp + 7, 4));
  }
}

TEST(Quirks, EncodersThatRunFor49DaysWrapAt2To32) {
  constexpr uint32_t kStart = 0xFFFFFFFF - 50;
  for (const bool repeats : {false, true}) {
    const auto bytes = Stream({.repeats = repeats}, kStart, 40, 6);
    tests::WriteSeed("rtmp_chunk_reader_fuzz",
                     repeats ? "past 2^32, repeated" : "past 2^32, not repeated", bytes);
    EXPECT_EQ(Timestamps(bytes), Series(kStart, 40, 6));
  }
  EXPECT_EQ(Timestamps(Stream({.repeats = true, .deltas = true}, kStart, 40, 6)),
            Series(kStart, 40, 6));
}

// OBS 4096, FFmpeg 60000 or 128, some cameras 2^31 - 1.
TEST(Quirks, ObsFFmpegAndCamerasSetTheirChunkSizesAtAnyTime) {
  std::vector<uint8_t> bytes;
  ChunkWriter writer;
  const std::vector<uint8_t> body(5000, 'b');
  for (const uint32_t size : {4096u, 60000u, 128u, 0x7FFFFFFFu, 1u, 65536u}) {
    writer.SetChunkSize(size, bytes);
    writer.Write(6, MessageType::kVideo, 1, 40, body, bytes);
  }
  tests::WriteSeed("rtmp_chunk_reader_fuzz", "chunk sizes of OBS, FFmpeg and cameras", bytes);
  ChunkReader reader;
  reader.Append(bytes);
  for (int i = 0; i < 6; ++i) {
    const auto message = reader.Next();
    ASSERT_TRUE(message.ok() && message->has_value());
    EXPECT_EQ((*message)->timestamp_ms, 40);
    EXPECT_EQ(media::AsText((*message)->body.bytes()), std::string(5000, 'b'));
  }
}

// --- commands ---

ClientBytes Client() { return ClientBytes().Connect(); }

TEST(Quirks, UniviewPutsANumberBeforeSetDataFrame) {
  Dialogue camera;
  camera.Feed(Client().Publish());
  EXPECT_THAT(camera.Feed(ClientBytes().Raw(
                  MessageType::kDataAmf0,
                  Amf({0, "@setDataFrame", "onMetaData", MakeEcmaArray({{"width", 640}})}))),
              ElementsAre("script 0 onMetaData 1", "metadata 0 width"));
}

TEST(Quirks, FFmpegSendsTimecodesThatAreNoAmf) {
  Dialogue encoder;
  encoder.Feed(Client().Publish());
  encoder.Answers();
  EXPECT_THAT(encoder.Feed(ClientBytes()
                               .Raw(MessageType::kDataAmf0, Hex("00010203"), 40)
                               .Raw(MessageType::kDataAmf0, Hex("12345678"), 80)
                               .Video(80, "v")),
              ElementsAre("video 80 v"));
  EXPECT_THAT(encoder.Answers(), IsEmpty());
}

TEST(Quirks, EmptyDataMessagesAreNotAnswered) {
  Dialogue encoder;
  encoder.Feed(Client().Publish());
  encoder.Answers();
  EXPECT_THAT(encoder.Feed(ClientBytes()
                               .Raw(MessageType::kDataAmf0, {})
                               .Raw(MessageType::kDataAmf3, {})
                               .Raw(MessageType::kCommandAmf0, {})
                               .Raw(MessageType::kCommandAmf3, {})
                               .Raw(MessageType::kAggregate, {})),
              IsEmpty());
  EXPECT_THAT(encoder.Answers(), IsEmpty());
  EXPECT_EQ(encoder.error(), "");
}

TEST(Quirks, ObsSendsMediaBeforeItHearsThatItMay) {
  Dialogue encoder;
  EXPECT_THAT(
      encoder.Feed(Client().CreateStream().Publish().Video(0, "key").Audio(10)),
      ElementsAre("connected live test", "publish live/cam1", "video 0 key", "audio 10 audio"));
  encoder->AcceptPublish();
  EXPECT_THAT(encoder.Feed(ClientBytes().Video(40)), ElementsAre("video 40 video"));
}

TEST(Quirks, FmleWantsEachCommandAnswered) {
  Dialogue encoder;
  encoder.Feed(Client());
  encoder.Answers();
  double transaction = 1;
  for (const char* name : {"releaseStream", "getStreamLength", "_checkbw", "pause", "whatever"}) {
    encoder.Feed(ClientBytes().Command({name, ++transaction, Null{}, "cam1"}));
    const auto answers = encoder.Answers();
    ASSERT_EQ(answers.size(), 1u) << name;
    EXPECT_THAT(answers[0], testing::StartsWith("_result " + std::to_string(int(transaction))));
  }
}

TEST(Quirks, CdnClientsSubscribeFirst) {
  Dialogue player;
  player.Feed(Client());
  player.Answers();
  player.Feed(ClientBytes().Command({"FCSubscribe", 3, Null{}, "cam1"}));
  EXPECT_THAT(player.Answers(), ElementsAre("_result 3", "onFCSubscribe NetStream.Play.Start"));
}

TEST(Quirks, FmlePublishesAgainOnOneConnection) {
  Dialogue encoder;
  encoder.Feed(Client().Publish("a"));
  encoder->AcceptPublish();
  EXPECT_THAT(encoder.Feed(ClientBytes()
                               .Command({"FCUnpublish", 6, Null{}, "a"})
                               .Command({"deleteStream", 7, Null{}, 1})
                               .Command({"FCPublish", 8, Null{}, "a"})
                               .CreateStream(9)
                               .Publish("a")
                               .Video(0)),
              ElementsAre("unpublish", "publish live/a", "video 0 video"));
}

TEST(Quirks, JwplayerPausesByCloseStream) {
  Dialogue player;
  player.Feed(Client().CreateStream().Play());
  player->StartPlay();
  EXPECT_THAT(player.Feed(ClientBytes().Command({"closeStream", 0, Null{}})), ElementsAre("stop"));
  player->StopPlay();
  player.Answers();
  EXPECT_THAT(player.Feed(ClientBytes().Play()), ElementsAre("play live/cam1"));
  player->StartPlay();
  EXPECT_THAT(player.Answers(), Contains("onStatus NetStream.Play.Start"));
}

TEST(Quirks, EncodersPauseByCloseStreamToo) {
  Dialogue encoder;
  encoder.Feed(Client().Publish());
  encoder->AcceptPublish();
  EXPECT_THAT(encoder.Feed(ClientBytes().Command({"closeStream", 0, Null{}}).Video(40).Publish()),
              ElementsAre("unpublish", "publish live/cam1"));
}

TEST(Quirks, VlcAndMpvNameTheContainer) {
  for (const char* key : {"mp4:cam1", "flv:cam1", "cam1"}) {
    Dialogue player;
    EXPECT_THAT(player.Feed(Client().Play(key)), Contains("play live/cam1")) << key;
  }
}

TEST(Quirks, RtmpdumpLeavesOutTheArgumentsOfPlay) {
  for (const Values& play :
       {Values{"play", 0, Null{}, "cam1"}, Values{"play", 0, Null{}, "cam1", -2},
        Values{"play", 0, Null{}, "cam1", -1, -1},
        Values{"play", 5, Null{}, "cam1", 0, -1, true}}) {
    Dialogue player;
    EXPECT_THAT(player.Feed(Client().Command(play)), Contains("play live/cam1"));
    player->StartPlay();
    EXPECT_THAT(player.Answers(), Contains("onStatus NetStream.Play.Reset"));
  }
}

TEST(Quirks, PlayersPingAndSetTheirBufferLength) {
  Dialogue player;
  player.Feed(Client());
  player.Answers();
  player.Feed(ClientBytes()
                  .Raw(MessageType::kUserControl, Hex("0003 00000001 00000BB8"))
                  .Raw(MessageType::kUserControl, Hex("0006 00ABCDEF")));
  EXPECT_THAT(player.Answers(), ElementsAre("pong " + std::to_string(0xABCDEF)));
}

TEST(Quirks, ObsShowsWhatOnStatusSays) {
  Dialogue encoder;
  encoder.Feed(Client().Publish());
  encoder->RejectPublish(Refusal::kUnauthorized, "this key was revoked");
  EXPECT_THAT(encoder.Answers(), Contains("onStatus NetStream.Publish.Unauthorized"));
  EXPECT_EQ(encoder.description(), "this key was revoked");
}

TEST(Quirks, DevicesMixUpMessageStreams) {
  Dialogue device;
  EXPECT_THAT(device.Feed(Client().CreateStream().Publish().Raw(MessageType::kVideo,
                                                                media::AsBytes("v"), 0, 7)),
              Contains("video 0 v"));
}

}  // namespace
}  // namespace millrace::rtmp
