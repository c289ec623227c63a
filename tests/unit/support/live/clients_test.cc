// The parsers of the test clients: what was written is read, whole and in pieces.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/live/amf.h"
#include "tests/support/live/chunks.h"
#include "tests/support/live/http_flv_client.h"
#include "tests/support/live/url.h"

namespace millrace::live {
namespace {

using ::testing::ElementsAre;

std::vector<uint8_t> Body(size_t size) {
  std::vector<uint8_t> body(size);
  for (size_t i = 0; i < size; ++i) body[i] = static_cast<uint8_t>(i * 7);
  return body;
}

class Pieces : public ::testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, Pieces, ::testing::Values(1, 2, 17, 512, 1 << 20));

TEST_P(Pieces, ChunksAreReadAsTheyWereWritten) {
  ChunkWriter writer;
  std::vector<uint8_t> wire;
  const std::vector<uint32_t> times = {0, 40, 80, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0x3000000, 5};
  for (size_t i = 0; i < times.size(); ++i) {
    writer.Write(wire, 6, 9, 1, times[i], Body(100 * i));
    writer.Write(wire, 4, 8, 1, times[i], Body(10));
  }
  ChunkReader reader;
  std::vector<RtmpMessage> messages;
  for (size_t at = 0; at < wire.size(); at += GetParam()) {
    reader.Append(std::span(wire).subspan(at, std::min(GetParam(), wire.size() - at)));
    while (auto message = reader.Next()) messages.push_back(std::move(*message));
  }
  EXPECT_EQ(reader.error(), "");
  ASSERT_EQ(messages.size(), 2 * times.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(messages[i].timestamp, times[i / 2]) << i;
    EXPECT_EQ(messages[i].body, Body(i % 2 == 0 ? 100 * (i / 2) : 10)) << i;
    EXPECT_EQ(messages[i].stream_id, 1);
  }
}

TEST(Chunks, AnInterruptedMessageIsAnError) {
  ChunkWriter writer;
  std::vector<uint8_t> wire;
  writer.Write(wire, 6, 9, 1, 0, Body(300));
  wire.resize(12 + 128);  // its first chunk
  wire.insert(wire.end(), wire.begin(), wire.begin() + 12 + 128);
  ChunkReader reader;
  reader.Append(wire);
  EXPECT_FALSE(reader.Next());
  EXPECT_NE(reader.error(), "");
}

TEST(Amf, IsReadAsItWasWritten) {
  AmfWriter writer;
  writer.String("onStatus").Number(0).Null().Begin();
  writer.Key("code").String("NetStream.Play.Start").Key("live").Bool(true).End();
  const auto values = ReadAmf(writer.bytes());
  ASSERT_TRUE(values);
  ASSERT_EQ(values->size(), 4);
  EXPECT_EQ((*values)[3].Text("code"), "NetStream.Play.Start");
  EXPECT_EQ((*values)[3].Find("live")->number, 1);
  EXPECT_FALSE(ReadAmf(std::span(writer.bytes()).first(writer.bytes().size() - 1)));
}

struct Seen : HttpFlvClient::Observer {
  void OnResponse(int status) override { log.push_back(std::to_string(status)); }
  void OnFlvHeader(bool audio, bool video) override {
    log.push_back(std::string("flv") + (audio ? " audio" : "") + (video ? " video" : ""));
  }
  void OnTag(uint8_t type, uint32_t timestamp_ms, std::span<const uint8_t> body) override {
    log.push_back(std::to_string(type) + "@" + std::to_string(timestamp_ms) + ":" +
                  std::to_string(body.size()));
  }
  std::vector<std::string> log;
};

std::string Flv() {
  std::string flv("FLV\x01\x05\0\0\0\x09\0\0\0\0", 13);
  flv += std::string("\x09\0\0\x03\x01\x02\x03\x04\0\0\0xyz\0\0\0\x0e", 18);
  return flv;
}

std::vector<std::string> Parse(const std::string& text, size_t piece, std::string& error,
                               bool& complete) {
  Seen seen;
  HttpFlvClient client(*ParseUrl("http://127.0.0.1:8080/live/x.flv"), seen);
  for (size_t at = 0; at < text.size(); at += piece) {
    const size_t size = std::min(piece, text.size() - at);
    if (!client.Feed(std::span(reinterpret_cast<const uint8_t*>(text.data()) + at, size))) break;
  }
  error = client.error();
  complete = client.complete();
  return seen.log;
}

TEST_P(Pieces, CloseDelimitedFlv) {
  std::string error;
  bool complete = false;
  EXPECT_THAT(
      Parse("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + Flv(), GetParam(), error, complete),
      ElementsAre("200", "flv audio video", "9@67174915:3"));
  EXPECT_EQ(error, "");
  EXPECT_TRUE(complete);
}

TEST_P(Pieces, ChunkedFlv) {
  const std::string flv = Flv();
  std::string text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + flv.substr(0, 5) + "\r\n";
  std::string error;
  bool complete = false;
  text += "1A\r\n" + flv.substr(5) + "\r\n";
  Parse(text, GetParam(), error, complete);
  EXPECT_FALSE(complete);
  EXPECT_THAT(Parse(text + "0\r\n\r\n", GetParam(), error, complete),
              ElementsAre("200", "flv audio video", "9@67174915:3"));
  EXPECT_EQ(error, "");
  EXPECT_TRUE(complete);
}

// A server's frames: FLV in two messages with a ping between them, then a close.
std::string WsFlv() {
  const std::string flv = Flv();
  const auto frame = [](char opcode, const std::string& payload) {
    return std::string{static_cast<char>(0x80 | opcode), static_cast<char>(payload.size())} +
           payload;
  };
  return std::string("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: ") +
         kWebSocketAccept + "\r\n\r\n" + frame(2, flv.substr(0, 20)) + frame(9, "?") +
         frame(2, flv.substr(20)) + frame(8, std::string("\x03\xe8", 2) + "bye");
}

TEST_P(Pieces, FlvInWebSocketMessages) {
  Seen seen;
  HttpFlvClient client(*ParseUrl("ws://127.0.0.1:8080/live/x.flv"), seen);
  client.Start();
  const std::string request(client.output().begin(), client.output().end());
  EXPECT_NE(request.find("Upgrade: websocket\r\n"), std::string::npos);
  client.output().clear();
  const std::string text = WsFlv();
  for (size_t at = 0; at < text.size(); at += GetParam()) {
    const size_t size = std::min(GetParam(), text.size() - at);
    client.Feed(std::span(reinterpret_cast<const uint8_t*>(text.data()) + at, size));
  }
  EXPECT_EQ(client.error(), "");
  EXPECT_THAT(seen.log, ElementsAre("101", "flv audio video", "9@67174915:3"));
  EXPECT_TRUE(client.complete());
  EXPECT_EQ(client.frames().close_code(), 1000);
  EXPECT_EQ(client.frames().close_reason(), "bye");
  // A masked pong with the ping's payload, a masked close with its status.
  EXPECT_THAT(client.output(), ElementsAre(0x8A, 0x81, 0x12, 0x34, 0x56, 0x78, '?' ^ 0x12, 0x88,
                                           0x82, 0x12, 0x34, 0x56, 0x78, 0x03 ^ 0x12, 0xE8 ^ 0x34));
}

TEST(WsFrames, SeesWhatIsWrong) {
  const auto error = [](std::vector<uint8_t> frame) {
    frame.resize(200);
    WsFrames frames;
    std::vector<uint8_t> output;
    frames.Feed(
        frame, [](std::span<const uint8_t>) {}, output);
    return frames.error();
  };
  EXPECT_NE(error({0x82, 0x81}), "") << "masked";
  EXPECT_NE(error({0x02, 0x01}), "") << "a fragment";
  EXPECT_NE(error({0xC2, 0x01}), "") << "a reserved bit";
  EXPECT_NE(error({0x82, 126, 0, 100}), "") << "not the shortest length";
  EXPECT_NE(error({0x82, 127, 0x80}), "") << "2^63 bytes";
  EXPECT_NE(error({0x89, 126, 0, 126}), "") << "a ping above 125 bytes";
  EXPECT_NE(error({0x83, 1, 0}), "") << "an opcode that is not defined";
  EXPECT_NE(error({0x88, 0, 0x82, 0}), "") << "a message behind the close";
}

TEST(HttpFlv, SeesWhatIsWrong) {
  std::string error;
  bool complete = false;
  std::string flv = Flv();
  flv.back() = 0x0d;
  Parse("HTTP/1.1 200 OK\r\n\r\n" + flv, 512, error, complete);
  EXPECT_EQ(error, "PreviousTagSize is wrong");
  flv = Flv();
  flv[13] = 7;
  Parse("HTTP/1.1 200 OK\r\n\r\n" + flv, 512, error, complete);
  EXPECT_EQ(error, "FLV tag of type 7");
  Parse("HTTP/1.1 200 OK\r\n\r\n" + Flv() + "\x09", 512, error, complete);
  EXPECT_EQ(error, "");
  EXPECT_FALSE(complete);
}

TEST(Url, Parts) {
  const auto url = ParseUrl("rtmp://127.0.0.1:1936/site3/gate/cam1?token=a");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->port, 1936);
  EXPECT_EQ(url->app(), "site3");
  EXPECT_EQ(url->name(), "gate/cam1?token=a");
  EXPECT_FALSE(ParseUrl("127.0.0.1:1935"));
  EXPECT_FALSE(ParseUrl("rtmp://:19x/"));
}

}  // namespace
}  // namespace millrace::live
