#include "gateways/rtsp/protocol/message_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/seeds.h"
#include "tests/support/split_feed.h"
#include "tests/unit/gateways/rtsp/protocol/message_text.h"

namespace millrace::rtsp {
namespace {

using media::AsBytes;

struct Case {
  std::string name;
  std::string bytes;
  std::vector<std::string> messages;  // the last one is the error where there is one
};

std::string Frame(char channel, const std::string& payload) {
  return std::string("$") + channel + '\0' + static_cast<char>(payload.size()) + payload;
}

const std::string kOptions = "OPTIONS rtsp://h/s RTSP/1.0\r\nCSeq: 1\r\n\r\n";
const std::string kOptionsText = "OPTIONS rtsp://h/s RTSP/1.0 [CSeq: 1]";
const std::string kRtp = Frame(0, "rtp");

std::vector<Case> TextCases() {
  return {
      {"request", kOptions, {kOptionsText}},
      {"two requests", kOptions + kOptions, {kOptionsText, kOptionsText}},
      {"request with a body",
       "ANNOUNCE rtsp://h/s RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\nv=0\n" + kOptions,
       {"ANNOUNCE rtsp://h/s RTSP/1.0 [CSeq: 2] [Content-Length: 4] v=0\n", kOptionsText}},
      {"response",
       "RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: OPTIONS, PLAY\r\n\r\n",
       {"200 OK [CSeq: 1] [Public: OPTIONS, PLAY]"}},
      {"response without a reason", "RTSP/1.0 404\r\n\r\n", {"404 "}},
      {"lines end with LF", "OPTIONS * RTSP/1.0\nCSeq: 1\n\n", {"OPTIONS * RTSP/1.0 [CSeq: 1]"}},
      {"folded header",
       "OPTIONS * RTSP/1.0\r\nA: 1,\r\n  2,\r\n\t3\r\nB:\r\n x\r\n\r\n",
       {"OPTIONS * RTSP/1.0 [A: 1, 2, 3] [B: x]"}},
      {"spaces around a header", "OPTIONS * RTSP/1.0\r\n CSeq", {}},
      {"header without a space",
       "OPTIONS * RTSP/1.0\r\ncseq:7\r\nX :  y \r\n\r\n",
       {"OPTIONS * RTSP/1.0 [cseq: 7] [X: y]"}},
      {"blank lines keep alive", "\r\n\r\n" + kOptions + "\r\n\r\n", {kOptionsText}},
      {"zeros behind a body",
       "SETUP * RTSP/1.0\r\nContent-Length: 1\r\n\r\nx" + std::string(3, '\0') + kOptions,
       {"SETUP * RTSP/1.0 [Content-Length: 1] x", kOptionsText}},
      {"URI with spaces",
       "PLAY rtsp://h/my camera RTSP/1.0\r\n\r\n",
       {"PLAY rtsp://h/my camera RTSP/1.0"}},
      {"unknown method", "FROB rtsp://h/s RTSP/2.0\r\n\r\n", {"FROB rtsp://h/s RTSP/2.0"}},
      {"the same length twice",
       "PLAY * RTSP/1.0\r\nContent-Length: 1\r\nContent-length: 1\r\n\r\nx",
       {"PLAY * RTSP/1.0 [Content-Length: 1] [Content-length: 1] x"}},
  };
}

std::vector<Case> InterleavedCases() {
  return {
      {"frames", kRtp + Frame(1, "rtcp"), {"$0 rtp", "$1 rtcp"}},
      {"empty frame", Frame(2, "") + kRtp, {"$2 ", "$0 rtp"}},
      {"request between frames", kRtp + kOptions + kRtp, {"$0 rtp", kOptionsText, "$0 rtp"}},
      {"response between frames",
       kRtp + "RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n" + kRtp,
       {"$0 rtp", "200 OK [CSeq: 9]", "$0 rtp"}},
      {"blank lines between frames", kRtp + "\r\n" + kRtp, {"$0 rtp", "$0 rtp"}},
      {"lost bytes, then a frame", kRtp + "\x80junk" + kRtp, {"$0 rtp", "$0 rtp"}},
      {"lost bytes, then a request",
       kRtp + "xyzOPT" + kOptions + kRtp,
       {"$0 rtp", kOptionsText, "$0 rtp"}},
      {"lost bytes with a $ of no channel", kRtp + "\x81$\x09$$" + kRtp, {"$0 rtp", "$0 rtp"}},
      {"lost bytes at the end", kRtp + "OPTIO", {"$0 rtp"}},
  };
}

std::vector<Case> RefusedCases() {
  const auto repeat = [](int count, const std::string& text) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
  };
  const std::string start = "PLAY * RTSP/1.0\r\n";
  return {
      {"TLS on the wrong port", std::string("\x16\x03\x01", 3), {"rtsp_not_rtsp"}},
      {"HTTP", "GET / HTTP/1.1\r\n\r\n", {"rtsp_bad_start_line"}},
      {"no version", "PLAY rtsp://h/s\r\n\r\n", {"rtsp_bad_start_line"}},
      {"no URI", "PLAY  RTSP/1.0\r\n\r\n", {"rtsp_bad_start_line"}},
      {"status that is no number", "RTSP/1.0 abc OK\r\n\r\n", {"rtsp_bad_start_line"}},
      {"status out of range", "RTSP/1.0 99 OK\r\n\r\n", {"rtsp_bad_start_line"}},
      {"header without a colon", start + "junk\r\n\r\n", {"rtsp_bad_header"}},
      {"header without a name", start + ": x\r\n\r\n", {"rtsp_bad_header"}},
      {"folding of nothing", start + " x\r\n\r\n", {"rtsp_bad_header"}},
      {"length that is no number",
       start + "Content-Length: -1\r\n\r\n",
       {"rtsp_bad_content_length"}},
      {"two lengths",
       start + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
       {"rtsp_bad_content_length"}},
      {"long line", "PLAY " + std::string(9000, 'x'), {"rtsp_line_too_long"}},
      {"long folded header",
       start + "A: " + repeat(10, std::string(1000, 'x') + "\r\n "),
       {"rtsp_line_too_long"}},
      {"many headers", start + repeat(65, "A: b\r\n"), {"rtsp_too_many_headers"}},
      {"large body", start + "Content-Length: 131073\r\n\r\n", {"rtsp_body_too_large"}},
  };
}

TEST(MessageReader, Cases) {
  std::vector<Case> cases = TextCases();
  for (auto& more : {InterleavedCases(), RefusedCases()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("rtsp_message_reader_fuzz", c.name, AsBytes(c.bytes));
    const auto messages = tests::ExpectSameForAllSplits(AsBytes(c.bytes), [](auto feed) {
      MessageReader reader;
      reader.ExpectChannels(4);
      std::vector<std::string> out;
      feed([&](media::Bytes bytes) {
        reader.Append(bytes);
        Drain(reader, out);
      });
      return out;
    });
    EXPECT_EQ(messages, c.messages);
  }
}

// Tapo sends packets of more than 10,000 bytes.
TEST(MessageReader, TakesFramesOfAnySize) {
  for (const size_t size : {10'001u, 65'535u}) {
    MessageReader reader;
    std::vector<uint8_t> bytes;
    WriteInterleavedHeader(0, static_cast<uint16_t>(size), bytes);
    bytes.resize(bytes.size() + size, 'x');
    reader.Append(bytes);
    std::vector<std::string> out;
    Drain(reader, out);
    EXPECT_EQ(out, std::vector<std::string>{"$0 " + std::string(size, 'x')});
  }
}

TEST(MessageReader, GivesUpWhenItFindsNothingForTooLong) {
  MessageReader reader({.max_skipped = 100});
  std::vector<std::string> out;
  reader.Append(AsBytes(kRtp + std::string(101, 'x')));
  Drain(reader, out);
  EXPECT_EQ(out, (std::vector<std::string>{"$0 rtp", "rtsp_lost_sync"}));
}

TEST(MessageReader, SkippedBytesAreCounted) {
  MessageReader reader;
  std::vector<std::string> out;
  reader.Append(AsBytes(kRtp + "12345" + kRtp));
  Drain(reader, out);
  EXPECT_EQ(reader.skipped(), 5u);
  EXPECT_EQ(reader.pending(), 0u);
}

TEST(MessageReader, AnErrorIsRepeated) {
  MessageReader reader;
  reader.Append(AsBytes("junk\r\n"));
  EXPECT_FALSE(reader.Next().ok());
  reader.Append(AsBytes(kOptions));
  EXPECT_EQ(media::FaultName(reader.Next().status()), "rtsp_bad_start_line");
}

TEST(Write, IsReadAgainAsItWas) {
  Request request{"SETUP", "rtsp://h/s", "RTSP/1.0", {{"CSeq", "3"}, {"A", "b: c"}}, "body"};
  Response response{461, "", {{"CSeq", "3"}}, ""};
  std::vector<uint8_t> bytes;
  Write(request, bytes);
  Write(response, bytes);
  WriteInterleavedHeader(7, 2, bytes);
  bytes.insert(bytes.end(), {'o', 'k'});
  MessageReader reader;
  reader.Append(bytes);
  std::vector<std::string> out;
  Drain(reader, out);
  EXPECT_EQ(out, (std::vector<std::string>{
                     "SETUP rtsp://h/s RTSP/1.0 [CSeq: 3] [A: b: c] [Content-Length: 4] body",
                     "461 Unsupported Transport [CSeq: 3]", "$7 ok"}));
}

TEST(Write, AValueCannotBeginALineOfItsOwn) {
  std::vector<uint8_t> bytes;
  Write(Response{200, "O\r\nK", {{"CSeq", "1\r\nSet: x\n"}}, ""}, bytes);
  EXPECT_EQ(media::AsText(bytes), "RTSP/1.0 200 OK\r\nCSeq: 1Set: x\r\n\r\n");
}

}  // namespace
}  // namespace millrace::rtsp
