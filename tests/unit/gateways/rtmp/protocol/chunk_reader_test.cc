#include "gateways/rtmp/protocol/chunk_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateways/rtmp/protocol/chunk_writer.h"
#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"
#include "tests/support/split_feed.h"

namespace millrace::rtmp {
namespace {

using tests::Hex;

struct Seen {
  int type = 0;
  int64_t timestamp_ms = 0;
  std::string body;
  uint32_t stream_id = 1;
  friend bool operator==(const Seen&, const Seen&) = default;
};

void PrintTo(const Seen& seen, std::ostream* out) {
  *out << "{" << seen.type << " at " << seen.timestamp_ms << " stream " << seen.stream_id << " '"
       << seen.body << "'}";
}

struct Outcome {
  std::vector<Seen> messages;
  std::string error;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Read(std::span<const uint8_t> bytes, const ChunkLimits& limits = {}) {
  return tests::ExpectSameForAllSplits(bytes, [&](auto feed) {
    Outcome outcome;
    ChunkReader reader(limits);
    feed([&](std::span<const uint8_t> piece) {
      reader.Append(piece);
      while (outcome.error.empty()) {
        auto message = reader.Next();
        if (!message.ok()) {
          outcome.error = media::FaultName(message.status());
        } else if (!message->has_value()) {
          return;
        } else {
          const Message& read = **message;
          outcome.messages.push_back({static_cast<int>(read.type), read.timestamp_ms,
                                      std::string(media::AsText(read.body.bytes())),
                                      read.stream_id});
        }
      }
    });
    return outcome;
  });
}

struct Case {
  std::string name;
  std::string bytes;
  std::vector<Seen> messages;
  std::string error = {};
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

std::vector<Case> Cases() {
  return {
      {"one chunk", "04 000064 000003 08 01000000 'abc'", {{8, 100, "abc"}}},
      {"message stream id is little-endian",
       "04 000064 000001 08 01020000 'a'",
       {{8, 100, "a", 0x201}}},
      {"empty message", "04 000064 000000 12 01000000", {{18, 100, ""}}},
      {"chunk stream id in two bytes", "00 24 000064 000001 08 01000000 'a'", {{8, 100, "a"}}},
      {"chunk stream id in three bytes",
       "01 24 01 000064 000001 08 01000000 'a' C1 24 01 'b'",
       {{8, 100, "a"}, {8, 200, "b"}}},
      {"same chunk stream in both long forms",
       "00 24 000064 000001 08 01000000 'a' 81 24 00 000005 'b'",
       {{8, 100, "a"}, {8, 105, "b"}}},
      {"fmt 1 changes length and type",
       "04 000064 000001 08 01000000 'a' 44 000017 000002 09 'bc'",
       {{8, 100, "a"}, {9, 123, "bc"}}},
      {"fmt 2 changes the delta only",
       "04 000064 000001 08 01000000 'a' 84 000017 'b'",
       {{8, 100, "a"}, {8, 123, "b"}}},
      {"fmt 3 repeats the delta",
       "04 000064 000001 08 01000000 'a' 84 000017 'b' C4 'c' C4 'd'",
       {{8, 100, "a"}, {8, 123, "b"}, {8, 146, "c"}, {8, 169, "d"}}},
      {"FMLE: fmt 3 after fmt 0 repeats a short timestamp",
       "04 000014 000001 08 01000000 'a' C4 'b' C4 'c'",
       {{8, 20, "a"}, {8, 40, "b"}, {8, 60, "c"}}},
      {"fmt 3 after fmt 0 does not repeat hours",
       "04 100000 000001 08 01000000 'a' C4 'b' C4 'c'",
       {{8, 0x100000, "a"}, {8, 0x100000, "b"}, {8, 0x100000, "c"}}},
      {"librtmp ping: fmt 1 first on its chunk stream",
       "42 000000 000006 04 0003 00000001",
       {{4, 0, std::string("\0\3\0\0\0\1", 6), 0}}},
      {"fmt 2 first on its chunk stream", "82 000000", {}, "rtmp_chunk_without_header"},
      {"fmt 3 first on its chunk stream", "C2", {}, "rtmp_chunk_without_header"},
      {"set chunk size splits",
       "02 000000 000004 01 00000000 00000002 04 000064 000005 08 01000000 'ab' C4 'cd' C4 'e'",
       {{8, 100, "abcde"}}},
      {"OBS: chunk size grows in the middle of another chunk stream's message",
       "02 000000 000004 01 00000000 00000002 04 000064 000006 08 01000000 'ab'"
       "02 000000 000004 01 00000000 0000 C2 1000 C4 'cdef'",
       {{8, 100, "abcdef"}}},
      {"interleaved messages",
       "02 000000 000004 01 00000000 00000002"
       "04 000064 000004 08 01000000 'ab' 06 00006E 000003 09 01000000 'xy' C4 'cd' C6 'z'",
       {{8, 100, "abcd"}, {9, 110, "xyz"}}},
      {"chunk size 0", "02 000000 000004 01 00000000 00000000", {}, "rtmp_bad_chunk_size"},
      {"chunk size with the top bit",
       "02 000000 000004 01 00000000 80000000",
       {},
       "rtmp_bad_chunk_size"},
      {"chunk size of 2^31-1",
       "02 000000 000004 01 00000000 7FFFFFFF 04 000064 000002 08 01000000 'ab'",
       {{8, 100, "ab"}}},
      {"set chunk size too short", "02 000000 000003 01 00000000 000001", {}, "rtmp_short_control"},
      {"abort drops that chunk stream's part only",
       "02 000000 000004 01 00000000 00000002"
       "04 000064 000004 08 01000000 'ab' 06 00006E 000004 09 01000000 'wx'"
       "02 000000 000004 02 00000000 0000 C2 0004 C6 'yz' 04 000078 000001 08 01000000 'n'",
       {{9, 110, "wxyz"}, {8, 120, "n"}}},
      {"abort of an unknown chunk stream",
       "02 000000 000004 02 00000000 00000009 04 000064 000001 08 01000000 'a'",
       {{8, 100, "a"}}},
      {"abort too short", "02 000000 000000 02 00000000", {}, "rtmp_short_control"},
      {"a header in the middle of a message",
       "02 000000 000004 01 00000000 00000002 04 000064 000004 08 01000000 'ab'"
       "04 000064 000004 08 01000000",
       {},
       "rtmp_header_inside_message"},
      {"message beyond the limit", "04 000064 A00001 08 01000000", {}, "rtmp_message_too_long"},

      // Extended timestamps. In the cases below the chunk size is 4.
      {"FFmpeg: fmt 3 repeats an extended timestamp",
       "02 000000 000004 01 00000000 00000004"
       "06 FFFFFF 00000A 09 01000000 01000000 'abcd' C6 01000000 'efgh' C6 01000000 'ij'",
       {{9, 0x1000000, "abcdefghij"}}},
      {"rtmpdump: fmt 3 does not repeat an extended timestamp",
       "02 000000 000004 01 00000000 00000004"
       "06 FFFFFF 00000A 09 01000000 01000000 'abcd' C6 'efgh' C6 'ij'",
       {{9, 0x1000000, "abcdefghij"}}},
      {"OBS before 30.1: payload that begins like the timestamp",
       "02 000000 000004 01 00000000 00000004"
       "06 FFFFFF 000008 09 01000000 01000000 'abcd' C6 01 00 00 'h'",
       {{9, 0x1000000, std::string("abcd\1\0\0h", 8)}}},
      {"extended at exactly 0xFFFFFF",
       "06 FFFFFF 000001 09 01000000 00FFFFFF 'a'",
       {{9, 0xFFFFFF, "a"}}},
      {"extended below 0xFFFFFF", "06 FFFFFF 000001 09 01000000 00000064 'a'", {{9, 100, "a"}}},
      {"FFmpeg: extended delta, repeated on fmt 3",
       "02 000000 000004 01 00000000 00000004"
       "06 000010 000001 09 01000000 'a'"
       "46 FFFFFF 000006 09 01000000 'abcd' C6 01000000 'ef'",
       {{9, 16, "a"}, {9, 0x1000010, "abcdef"}}},
      {"fmt 3 repeats the absolute time of an extended delta",
       "02 000000 000004 01 00000000 00000004"
       "06 000010 000001 09 01000000 'a'"
       "46 FFFFFF 000006 09 01000000 'abcd' C6 01000010 'ef'",
       {{9, 16, "a"}, {9, 0x1000010, "abcdef"}}},
      {"rtmpdump: extended delta, not repeated on fmt 3",
       "02 000000 000004 01 00000000 00000004"
       "06 000010 000001 09 01000000 'a'"
       "46 FFFFFF 000006 09 01000000 'abcd' C6 'ef'",
       {{9, 16, "a"}, {9, 0x1000010, "abcdef"}}},
      {"extended mode ends with the next header",
       "02 000000 000004 01 00000000 00000004"
       "06 FFFFFF 000001 09 01000000 01000000 'a' 86 000021 'b' C6 'c'",
       {{9, 0x1000000, "a"}, {9, 0x1000021, "b"}, {9, 0x1000042, "c"}}},
      {"new message by fmt 3 in extended mode, repeated",
       "06 FFFFFF 000001 09 01000000 01000000 'a' C6 01000000 'b'",
       {{9, 0x1000000, "a"}, {9, 0x1000000, "b"}}},
      {"new message by fmt 3 in extended mode, not repeated",
       "06 FFFFFF 000001 09 01000000 01000000 'a' C6 'b'",
       {{9, 0x1000000, "a"}, {9, 0x1000000, "b"}}},

      // Unwrapping.
      {"past 2^32 by absolute timestamps",
       "06 FFFFFF 000001 09 01000000 FFFFFFF0 'a' 06 000010 000001 09 01000000 'b'"
       "04 FFFFFF 000001 08 01000000 FFFFFFF8 'c' 04 000018 000001 08 01000000 'd'",
       {{9, 0xFFFFFFF0, "a"}, {9, 0x100000010, "b"}, {8, 0xFFFFFFF8, "c"}, {8, 0x100000018, "d"}}},
      {"past 2^32 by deltas",
       "06 FFFFFF 000001 09 01000000 FFFFFFF0 'a' 86 000020 'b' C6 'c'",
       {{9, 0xFFFFFFF0, "a"}, {9, 0x100000010, "b"}, {9, 0x100000030, "c"}}},
      {"GStreamer: metadata at 0, media at a large timestamp: one reference for all",
       "05 000000 000001 12 01000000 'm' 04 FFFFFF 000001 08 01000000 FFFFFF00 'a'"
       "05 FFFFFF 000001 09 01000000 FFFFFF10 'v'",
       {{18, 0, "m"}, {8, 0xFFFFFF00, "a"}, {9, 0xFFFFFF10, "v"}}},
      {"FFmpeg: 31 bits wrap after 24 days",
       "06 FFFFFF 000001 09 01000000 7FFFFFF0 'a' 04 FFFFFF 000001 08 01000000 7FFFFFF8 'b'"
       "06 000010 000001 09 01000000 'c' 04 000008 000001 08 01000000 'd'"
       "06 000038 000001 09 01000000 'e' 84 000010 'f'",
       {{9, 0x7FFFFFF0, "a"},
        {8, 0x7FFFFFF8, "b"},
        {9, 0x80000010, "c"},
        {8, 0x80000008, "d"},
        {9, 0x80000038, "e"},
        {8, 0x80000018, "f"}}},
      {"a step back",
       "04 000064 000001 08 01000000 'a' 04 000032 000001 08 01000000 'b'",
       {{8, 100, "a"}, {8, 50, "b"}}},
  };
}

// One test a case, by its name.
class ChunkReaderCase : public testing::TestWithParam<Case> {};

TEST_P(ChunkReaderCase, IsRead) {
  const Case& one = GetParam();
  const std::vector<uint8_t> bytes = Hex(one.bytes);
  tests::WriteSeed("rtmp_chunk_reader_fuzz", one.name, bytes);
  const Outcome outcome = Read(bytes);
  EXPECT_THAT(outcome.messages, testing::ElementsAreArray(one.messages));
  EXPECT_EQ(outcome.error, one.error);
}

INSTANTIATE_TEST_SUITE_P(All, ChunkReaderCase, testing::ValuesIn(Cases()),
                         [](const auto& test) { return tests::TestName(test.param.name); });

std::vector<uint8_t> Write(uint32_t chunk_size, uint32_t timestamp_ms, size_t size) {
  std::vector<uint8_t> bytes;
  ChunkWriter writer;
  if (chunk_size != kDefaultChunkSize) writer.SetChunkSize(chunk_size, bytes);
  const std::vector<uint8_t> body(size, 'x');
  writer.Write(6, MessageType::kVideo, 1, timestamp_ms, body, bytes);
  writer.Write(4, MessageType::kAudio, 1, timestamp_ms, body, bytes);
  return bytes;
}

TEST(ChunkReader, ReadsWhatChunkWriterWrites) {
  for (const uint32_t chunk_size : {1u, 2u, 128u, 4096u, 60000u}) {
    for (const uint32_t timestamp : {0u, 0xFFFFFEu, 0xFFFFFFu, 0x1000000u, 0xFFFFFFFFu}) {
      for (const size_t size :
           {size_t{0}, size_t{1}, size_t{127}, size_t{128}, size_t{129}, size_t{5000}}) {
        SCOPED_TRACE(testing::Message() << chunk_size << " " << timestamp << " " << size);
        const Outcome outcome = Read(Write(chunk_size, timestamp, size));
        EXPECT_EQ(outcome.error, "");
        const std::string body(size, 'x');
        EXPECT_THAT(outcome.messages,
                    testing::ElementsAre(Seen{9, timestamp, body}, Seen{8, timestamp, body}));
      }
    }
  }
}

TEST(ChunkReader, MessageLimitIsInclusive) {
  const ChunkLimits limits{.max_message = 300, .max_partial = 10000, .max_chunk_streams = 8};
  EXPECT_EQ(Read(Write(128, 0, 300), limits).error, "");
  EXPECT_EQ(Read(Write(128, 0, 301), limits).error, "rtmp_message_too_long");
}

// Announced lengths count, however little of the messages has come.
TEST(ChunkReader, LimitsPartialMessagesTogether) {
  const ChunkLimits limits{.max_message = 1000, .max_partial = 1500, .max_chunk_streams = 8};
  const std::string chunk = std::string(128, 'x');
  const Outcome outcome = Read(
      Hex("04 000000 0003E8 08 01000000 '" + chunk + "' 05 000000 0003E8 08 01000000"), limits);
  EXPECT_EQ(outcome.error, "rtmp_partial_too_large");
}

TEST(ChunkReader, LimitsIncompleteMessagesAtOnce) {
  const ChunkLimits limits{.max_message = 1000, .max_partial = 1500, .max_chunk_streams = 3};
  std::string bytes = "02 000000 000004 01 00000000 00000001";
  for (const char* id : {"03", "04"}) bytes += std::string(id) + "000000 000002 08 01000000 'a'";
  // The control chunk stream is idle and makes room; then nobody can.
  EXPECT_EQ(Read(Hex(bytes + "05 000000 000002 08 01000000 'a'"), limits).error, "");
  EXPECT_EQ(Read(Hex(bytes + "05 000000 000002 08 01000000 'a'"
                             "06 000000 000002 08 01000000 'a'"),
                 limits)
                .error,
            "rtmp_too_many_chunk_streams");
}

// The header of the chunk stream that was idle longest is forgotten.
TEST(ChunkReader, ForgetsIdleChunkStreams) {
  const ChunkLimits limits{.max_message = 1000, .max_partial = 1500, .max_chunk_streams = 2};
  const std::string used =
      "03 000001 000001 08 01000000 'a' 04 000002 000001 08 01000000 'b'"
      "C3 'c' 05 000003 000001 08 01000000 'd' C3 'e'";
  const Outcome outcome = Read(Hex(used + "C4 'f'"), limits);
  EXPECT_EQ(outcome.messages.size(), 5u);
  EXPECT_EQ(outcome.error, "rtmp_chunk_without_header");
  EXPECT_EQ(Read(Hex(used + "44 000001 000001 08 'f'"), limits).error, "rtmp_chunk_without_header");
  EXPECT_EQ(Read(Hex(used + "04 000001 000001 08 01000000 'f'"), limits).messages.size(), 6u);
}

// All that three bytes can name: each costs the message that it carries, and nothing for long.
TEST(ChunkReader, AllChunkStreamsThatThereAre) {
  std::vector<uint8_t> bytes;
  media::ByteWriter writer(bytes);
  constexpr uint32_t kAll = 65'536;
  for (uint32_t id = 0; id < kAll; ++id) {
    writer.U8(0x01);
    writer.U8(static_cast<uint8_t>(id));
    writer.U8(static_cast<uint8_t>(id >> 8));
    writer.Append(Hex("000000 000001 08 01000000 'a'"));
  }
  ChunkReader reader;
  reader.Append(bytes);
  uint32_t count = 0;
  while (true) {
    const auto message = reader.Next();
    ASSERT_TRUE(message.ok());
    if (!message->has_value()) break;
    ++count;
  }
  EXPECT_EQ(count, kAll);
  EXPECT_LE(reader.chunk_streams(), 64u);
}

// The last chunk of a peer that does not repeat extended timestamps may be shorter than the 4 bytes
// that are looked at: its message must not wait for the next one.
TEST(ChunkReader, ShortLastChunkIsNotHeldBack) {
  ChunkReader reader;
  const std::vector<uint8_t> bytes =
      Hex("02 000000 000004 01 00000000 00000004"
          "06 FFFFFF 000005 09 01000000 01000000 'abcd' C6 'e'");
  reader.Append(bytes);
  const auto message = reader.Next();
  ASSERT_TRUE(message.ok());
  ASSERT_TRUE(message->has_value());
  EXPECT_EQ((*message)->body.size(), 5u);
}

TEST(ChunkReader, ErrorStays) {
  ChunkReader reader;
  const std::vector<uint8_t> bad = Hex("C2");
  reader.Append(bad);
  EXPECT_FALSE(reader.Next().ok());
  const std::vector<uint8_t> good = Hex("04 000064 000003 08 01000000 'abc'");
  reader.Append(good);
  EXPECT_EQ(media::FaultName(reader.Next().status()), "rtmp_chunk_without_header");
}

}  // namespace
}  // namespace millrace::rtmp
