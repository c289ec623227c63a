#include "gateways/rtmp/rtmp_unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "gateways/rtmp/protocol/chunk_reader.h"
#include "gateways/rtmp/protocol/chunk_writer.h"
#include "media/amf/amf0.h"
#include "media/flv/tags.h"

namespace millrace::rtmp {
namespace {

using media::Payload;

constexpr uint32_t kChunkSize = 200;

// All bytes from `skip` on, by as many lists as it takes.
std::vector<uint8_t> GatherAll(const stream::WireUnit& unit, size_t skip, int64_t base_ms) {
  auto list = std::make_unique<stream::IovecList>();
  std::vector<uint8_t> bytes;
  bool whole = false;
  while (!whole) {
    list->Clear();
    const size_t before = bytes.size();
    whole = unit.Gather(skip + before, base_ms, *list);
    for (const iovec& piece : list->pieces()) {
      const auto* data = static_cast<const uint8_t*>(piece.iov_base);
      bytes.insert(bytes.end(), data, data + piece.iov_len);
    }
    EXPECT_EQ(bytes.size() - before, list->bytes());
    if (!whole && bytes.size() == before) {
      ADD_FAILURE() << "no progress";
      break;
    }
  }
  return bytes;
}

std::vector<Message> ReadAll(media::Bytes bytes, uint32_t chunk_size = kChunkSize) {
  std::vector<uint8_t> stream;
  ChunkWriter().SetChunkSize(chunk_size, stream);
  stream.insert(stream.end(), bytes.begin(), bytes.end());
  ChunkReader reader;
  reader.Append(stream);
  std::vector<Message> messages;
  while (true) {
    auto message = reader.Next();
    if (!message.ok() || !message->has_value()) {
      EXPECT_TRUE(message.ok());
      return messages;
    }
    messages.push_back(**message);
  }
}

Payload Pattern(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 31 + size);
  return Payload::FromVector(std::move(bytes));
}

media::TrackSet Tracks(bool video, bool audio) {
  media::TrackSet tracks;
  tracks.version = 1;
  if (video) {
    media::Track track;
    track.id = 1;
    track.kind = media::TrackKind::kVideo;
    track.codec = media::Codec::kH264;
    track.config = {1, 100, 0, 31};
    track.width = 640;
    tracks.tracks.push_back(track);
  }
  if (audio) {
    media::Track track;
    track.id = 2;
    track.kind = media::TrackKind::kAudio;
    track.codec = media::Codec::kAac;
    track.config = {0x12, 0x10};
    track.sample_rate = 44100;
    track.channels = 2;
    tracks.tracks.push_back(track);
  }
  return tracks;
}

media::Frame MakeFrame(uint8_t track, int64_t dts_ms, size_t size, uint16_t flags = 0) {
  media::Frame frame;
  frame.track = track;
  frame.flags = flags;
  frame.dts_ns = dts_ms * 1'000'000;
  frame.pts_ns = frame.dts_ns + 80'000'000;
  frame.payload = Pattern(size);
  return frame;
}

// Bodies around each place where a chunk ends; one unit of all of them.
stream::WireUnitPtr BigUnit(int64_t dts_ms) {
  RtmpMuxer muxer(kChunkSize, "test");
  std::vector<media::Frame> frames;
  for (const size_t size : {1, 194, 195, 196, 199, 395, 396, 1000}) {
    frames.push_back(MakeFrame(1, dts_ms, size, media::kClosedRandomAccess));
    frames.push_back(MakeFrame(2, dts_ms - 5, size));
  }
  return muxer.Frames(Tracks(true, true), frames);
}

TEST(RtmpUnit, EverySkipYieldsTheTail) {
  for (const int64_t dts_ms : {int64_t{0}, int64_t{1000}, int64_t{0xFFFFFF}, int64_t{0x5000000}}) {
    SCOPED_TRACE(dts_ms);
    const auto unit = BigUnit(dts_ms);
    const std::vector<uint8_t> whole = GatherAll(*unit, 0, 0);
    ASSERT_EQ(whole.size(), unit->Size(0));
    for (size_t skip = 0; skip <= whole.size(); ++skip) {
      const std::vector<uint8_t> tail = GatherAll(*unit, skip, 0);
      ASSERT_TRUE(std::equal(tail.begin(), tail.end(), whole.begin() + static_cast<long>(skip),
                             whole.end()))
          << skip;
    }
  }
}

TEST(RtmpUnit, ChunkReaderReadsItBackAtAnyTimestamp) {
  const struct {
    int64_t dts_ms;
    int64_t base_ms;
    int64_t expected;
  } cases[] = {
      {0, 0, 0},
      {100, 40, 60},
      {40, 100, 0},  // before the viewer's start
      {0xFFFFFE, 0, 0xFFFFFE},
      {0xFFFFFF, 0, 0xFFFFFF},
      {0x1000000, 0, 0x1000000},
      {0x1000000, 0x10, 0xFFFFF0},
      {0xFFFFFFFF, 0, 0xFFFFFFFF},
      {0x100000005, 0, 5},  // the wire has 32 bits
      {0x100000005, 6, 0xFFFFFFFF},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(testing::Message() << one.dts_ms << " from " << one.base_ms);
    RtmpMuxer muxer(kChunkSize, "test");
    const std::vector<media::Frame> frames = {
        MakeFrame(1, one.dts_ms, 1000, media::kClosedRandomAccess), MakeFrame(2, one.dts_ms, 300)};
    const auto unit = muxer.Frames(Tracks(true, true), frames);
    const std::vector<uint8_t> bytes = GatherAll(*unit, 0, one.base_ms);
    EXPECT_EQ(bytes.size(), unit->Size(one.base_ms));
    const std::vector<Message> messages = ReadAll(bytes);
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_EQ(messages[0].type, MessageType::kVideo);
    EXPECT_EQ(messages[1].type, MessageType::kAudio);
    for (const Message& message : messages) {
      EXPECT_EQ(message.timestamp_ms, one.expected);
      EXPECT_EQ(message.stream_id, kMessageStream);
    }
    const auto video = media::flv::ParseVideoTagBody(messages[0].body.bytes());
    ASSERT_TRUE(video.ok());
    EXPECT_TRUE(video->is_key());
    ASSERT_EQ(video->packets.size(), 1u);
    EXPECT_EQ(video->packets[0].composition_ms, 80);
    EXPECT_THAT(video->packets[0].data, testing::ElementsAreArray(frames[0].data()));
    const auto audio = media::flv::ParseAudioTagBody(messages[1].body.bytes());
    ASSERT_TRUE(audio.ok());
    EXPECT_THAT(audio->packets.at(0).data, testing::ElementsAreArray(frames[1].data()));
  }
}

TEST(RtmpUnit, PayloadsAreNotCopied) {
  RtmpMuxer muxer(kChunkSize, "test");
  const media::Frame frame = MakeFrame(1, 0, 100);
  const auto unit = muxer.Frames(Tracks(true, false), {&frame, 1});
  stream::IovecList list;
  ASSERT_TRUE(unit->Gather(0, 0, list));
  ASSERT_EQ(list.pieces().size(), 2u);
  EXPECT_EQ(list.pieces()[1].iov_base, frame.payload.data());
}

TEST(RtmpUnit, RelayedHeadersStayInside) {
  RtmpMuxer muxer(kChunkSize, "test");
  media::Frame frame = MakeFrame(1, 0, 100);
  frame.header_len = 30;
  const auto unit = muxer.Frames(Tracks(true, false), {&frame, 1});
  const auto messages = ReadAll(GatherAll(*unit, 0, 0));
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].body.size(), 5u + 70u);
}

// A list that is full goes on behind what it took: more messages than pieces, and than scratch
// space.
TEST(RtmpUnit, ManyFramesTakeManyLists) {
  RtmpMuxer muxer(kChunkSize, "test");
  std::vector<media::Frame> frames;
  for (int i = 0; i < 1500; ++i) frames.push_back(MakeFrame(2, i, 10));
  const auto unit = muxer.Frames(Tracks(true, true), frames);
  EXPECT_EQ(ReadAll(GatherAll(*unit, 0, 0)).size(), 1500u);

  const media::Frame large = MakeFrame(1, 0x2000000, 1'000'000);
  const auto extended = muxer.Frames(Tracks(true, true), {&large, 1});
  const std::vector<uint8_t> bytes = GatherAll(*extended, 0, 0);
  EXPECT_EQ(bytes.size(), extended->Size(0));
  EXPECT_EQ(ReadAll(bytes).size(), 1u);
}

std::vector<std::string> Kinds(const stream::WireUnit& unit, int64_t base_ms = 0) {
  std::vector<std::string> kinds;
  for (const Message& message : ReadAll(GatherAll(unit, 0, base_ms))) {
    const char* name = message.type == MessageType::kVideo   ? "video "
                       : message.type == MessageType::kAudio ? "audio "
                                                             : "data ";
    kinds.push_back(name + std::to_string(message.timestamp_ms));
  }
  return kinds;
}

TEST(RtmpMuxer, PreambleHasMetadataAndConfigurations) {
  RtmpMuxer muxer(kChunkSize, "test");
  EXPECT_THAT(Kinds(*muxer.Preamble(Tracks(true, true))),
              testing::ElementsAre("data 0", "video 0", "audio 0"));
  EXPECT_THAT(Kinds(*muxer.Preamble(Tracks(true, false))),
              testing::ElementsAre("data 0", "video 0"));
  EXPECT_THAT(Kinds(*muxer.Preamble(Tracks(false, true))),
              testing::ElementsAre("data 0", "audio 0"));
  EXPECT_EQ(muxer.Preamble(Tracks(false, false)), nullptr);
}

TEST(RtmpMuxer, TellsOnlyWhatChanged) {
  RtmpMuxer muxer(kChunkSize, "test");
  media::TrackSet tracks = Tracks(true, true);
  muxer.Preamble(tracks);
  tracks.version = 2;
  EXPECT_EQ(muxer.TracksChanged(tracks, 1000), nullptr);
  tracks.tracks[0].config.push_back(9);
  const auto changed = muxer.TracksChanged(tracks, 1000);
  ASSERT_NE(changed, nullptr);
  EXPECT_THAT(Kinds(*changed, 400), testing::ElementsAre("data 600", "video 600"));
  muxer.Preamble(tracks);
  tracks.tracks[1].config.push_back(9);
  EXPECT_THAT(Kinds(*muxer.TracksChanged(tracks, 2000)),
              testing::ElementsAre("data 2000", "audio 2000"));
}

TEST(RtmpMuxer, LeavesOutWhatRtmpCannotCarry) {
  RtmpMuxer muxer(kChunkSize, "test");
  media::TrackSet tracks = Tracks(true, false);
  tracks.tracks[0].codec = media::Codec::kG726;
  EXPECT_EQ(muxer.Preamble(tracks), nullptr);
  const media::Frame frame = MakeFrame(1, 0, 100);
  EXPECT_EQ(muxer.Frames(tracks, {&frame, 1}), nullptr);
  const media::Frame stray = MakeFrame(7, 0, 100);
  EXPECT_EQ(muxer.Frames(Tracks(true, true), {&stray, 1}), nullptr);
  const media::Frame monstrous = MakeFrame(1, 0, (1u << 24) - 5);
  EXPECT_EQ(muxer.Frames(Tracks(true, true), {&monstrous, 1}), nullptr);
}

TEST(RtmpMuxer, EachPlayerIsSentTheFormThatItTakes) {
  media::TrackSet tracks = Tracks(true, true);
  tracks.tracks[0].codec = media::Codec::kH265;
  const media::Frame key = MakeFrame(1, 0, 1, media::kClosedRandomAccess);
  const auto first_bytes = [&](const media::flv::PresentationOptions& options) {
    RtmpMuxer muxer(kChunkSize, "test", options);
    std::vector<std::string> bytes;
    std::vector<Message> messages = ReadAll(GatherAll(*muxer.Preamble(tracks), 0, 0));
    if (const auto unit = muxer.Frames(tracks, {&key, 1}); unit != nullptr) {
      for (Message& message : ReadAll(GatherAll(*unit, 0, 0))) {
        messages.push_back(std::move(message));
      }
    }
    for (const Message& message : messages) {
      if (message.type == MessageType::kDataAmf0) continue;
      bytes.emplace_back(media::AsText(message.body.bytes().first(5)));
    }
    return bytes;
  };
  using std::string_literals::operator""s;
  const std::string aac = "\xaf\0\x12\x10"s.substr(0, 4);
  using media::flv::Form;
  media::flv::CodecSet hevc;
  hevc.Add(media::Codec::kH265);
  EXPECT_EQ(first_bytes({.form = Form::kLegacy})[0], "\x1c\0\0\0\0"s);
  EXPECT_EQ(first_bytes({.form = Form::kLegacy})[2], "\x1c\x01\0\0P"s);
  EXPECT_EQ(first_bytes({.enhanced = hevc})[0], "\x90hvc1"s);
  EXPECT_EQ(first_bytes({.enhanced = hevc})[1].substr(0, 2), "\xaf\0"s);
  EXPECT_EQ(first_bytes({.enhanced = hevc})[2], "\x91hvc1"s);
  EXPECT_EQ(first_bytes({.form = Form::kEnhanced})[1], "\x90mp4a"s);
  EXPECT_EQ(first_bytes({.enhanced = {}}).size(), 1u) << "audio alone";
}

TEST(RtmpMuxer, PublishesElsewhereAsAnEncoderDoes) {
  const stream::Lane lane = RtmpLane(kChunkSize, {}, 5);
  EXPECT_EQ(lane.key, "rtmp-published-5");
  const auto muxer = lane.make_muxer();
  const media::TrackSet tracks = Tracks(true, true);
  const std::vector<Message> first = ReadAll(GatherAll(*muxer->Preamble(tracks), 0, 0));
  ASSERT_EQ(first.size(), 3u);
  EXPECT_EQ(first[0].type, MessageType::kDataAmf0);
  const auto values = media::amf::DecodeAll(first[0].body.bytes());
  ASSERT_TRUE(values.ok());
  ASSERT_EQ(values->size(), 3u);
  EXPECT_EQ((*values)[0].AsString(), "@setDataFrame");
  EXPECT_EQ((*values)[1].AsString(), "onMetaData");
  const media::Frame frame = MakeFrame(1, 0, 500, media::kClosedRandomAccess);
  std::vector<Message> all = ReadAll(GatherAll(*muxer->Frames(tracks, {&frame, 1}), 0, 0));
  all.insert(all.end(), first.begin(), first.end());
  for (const Message& message : all) EXPECT_EQ(message.stream_id, 5u);
}

TEST(RtmpLane, PlayersThatAreSentTheSameShareOne) {
  using media::flv::CodecSet;
  using media::flv::Form;
  const auto key = [](const media::flv::PresentationOptions& options) {
    return RtmpLane(kChunkSize, options).key;
  };
  CodecSet some;
  some.Add(media::Codec::kOpus);
  some.Add(media::Codec::kH265);
  EXPECT_EQ(key({}), "rtmp");
  EXPECT_EQ(key({.form = Form::kLegacy}), "rtmp-legacy");
  EXPECT_EQ(key({.form = Form::kEnhanced}), "rtmp-enhanced");
  EXPECT_EQ(key({.enhanced = some}), "rtmp-only-h265-opus");
  EXPECT_EQ(key({.enhanced = some, .multitrack = true}), "rtmp-only-h265-opus-multitrack");
  some.Add(media::Codec::kH264);
  EXPECT_EQ(key({.enhanced = some}), "rtmp-only-h265-opus") << "it has a legacy form anyway";
}

}  // namespace
}  // namespace millrace::rtmp
