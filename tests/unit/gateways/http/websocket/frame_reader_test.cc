#include "gateways/http/websocket/frame_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "media/base/fault.h"
#include "tests/support/hex.h"
#include "tests/support/seeds.h"
#include "tests/support/split_feed.h"

namespace millrace::http {
namespace {

using tests::Hex;
constexpr uint64_t kMaxMessage = 1'000;

// A frame as a client sends it: `first` is its first byte.
std::vector<uint8_t> Frame(uint8_t first, std::string_view payload) {
  FrameHead head = MakeFrameHead(Opcode::kBinary, payload.size());
  head.bytes[0] = first;
  head.bytes[1] |= 0x80;
  std::vector<uint8_t> bytes(head.bytes.begin(), head.bytes.begin() + head.size);
  const uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d};
  bytes.insert(bytes.end(), std::begin(mask), std::end(mask));
  for (size_t i = 0; i < payload.size(); ++i) {
    bytes.push_back(static_cast<uint8_t>(payload[i]) ^ mask[i % 4]);
  }
  return bytes;
}
std::vector<uint8_t> operator+(std::vector<uint8_t> a, const std::vector<uint8_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Case {
  const char* name;
  std::vector<uint8_t> bytes;
  std::vector<std::string> expected;  // events, then the fault
};

std::vector<Case> Cases() {
  const std::vector<uint8_t> ping = Frame(0x89, "hi");
  return {
      // §5.7: "a single-frame masked text message … contains "Hello"".
      {"masked text of the RFC", Hex("8185 37fa213d 7f9f4d5158"), {}},
      {"ping", ping, {"ping hi"}},
      {"ping without a payload", Frame(0x89, ""), {"ping "}},
      {"longest ping", Frame(0x89, std::string(125, 'p')), {"ping " + std::string(125, 'p')}},
      {"pong that nobody asked for", Frame(0x8a, "x"), {}},
      {"close",
       Frame(0x88, std::string("\x03\xe8"
                               "bye",
                               5)),
       {"close 1000"}},
      {"close without a code", Frame(0x88, ""), {"close 1005"}},
      {"close of an application", Frame(0x88, "\x0f\xa0"), {"close 4000"}},
      {"what follows a close is let go",
       Frame(0x88, "\x03\xe9") + ping + Hex("ff"),
       {"close 1001"}},
      {"ping between the fragments of a text",
       Frame(0x01, "a") + ping + Frame(0x00, "b") + Frame(0x80, "c") + ping,
       {"ping hi", "ping hi"}},
      {"texts one after another",
       Frame(0x81, std::string(900, 'a')) + Frame(0x82, std::string(900, 'b')) + ping,
       {"ping hi"}},

      {"unmasked", Hex("8902 6869"), {"ws_unmasked"}},
      {"reserved bit", Hex("c180 00000000"), {"ws_reserved_bits"}},
      {"opcode 3", Hex("8380 00000000"), {"ws_opcode"}},
      {"opcode 11", Hex("8b80 00000000"), {"ws_opcode"}},
      {"ping in fragments", Frame(0x09, "hi"), {"ws_control_fragmented"}},
      {"ping too long", Frame(0x89, std::string(126, 'p')), {"ws_control_too_long"}},
      {"continuation of nothing", Frame(0x80, "x"), {"ws_fragments"}},
      {"text between the fragments of another",
       Frame(0x01, "a") + Frame(0x81, "b"),
       {"ws_fragments"}},
      {"close with half a code", Frame(0x88, "x"), {"ws_close_payload"}},
      {"close with a code that is never sent", Frame(0x88, "\x03\xed"), {"ws_close_payload"}},
      {"close with code 0", Frame(0x88, std::string(2, '\0')), {"ws_close_payload"}},
      {"frame of 2^63 bytes", Hex("82ff 8000000000000000 00000000"), {"ws_too_big"}},
      {"frame of 2^64 - 1 bytes", Hex("82ff ffffffffffffffff 00000000"), {"ws_too_big"}},
      {"message too big", Frame(0x82, std::string(1'001, 'x')), {"ws_too_big"}},
      {"message too big in fragments",
       Frame(0x02, std::string(600, 'x')) + Frame(0x80, std::string(401, 'x')),
       {"ws_too_big"}},
      {"length in two bytes for one", Hex("81fe 007d 00000000"), {"ws_length"}},
      {"length in eight bytes for two", Hex("81ff 000000000000ffff 00000000"), {"ws_length"}},
  };
}

std::vector<std::string> Events(FrameReader& reader, media::Bytes bytes, bool& failed) {
  std::vector<std::string> seen;
  while (!bytes.empty() && !failed) {
    const auto event = reader.Consume(bytes);
    if (!event.ok()) {
      failed = true;
      seen.push_back(media::FaultName(event.status()));
    } else if (event->has_value()) {
      if (const auto* ping = std::get_if<PingReceived>(&**event)) {
        seen.push_back("ping " + std::string(ping->payload.begin(), ping->payload.end()));
      } else {
        seen.push_back("close " +
                       std::to_string(static_cast<int>(std::get<CloseReceived>(**event).code)));
      }
    }
  }
  return seen;
}

TEST(FrameReader, EachCaseHoweverItsBytesArrive) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    tests::WriteSeed("websocket_frame_fuzz", c.name, c.bytes);
    const auto seen = tests::ExpectSameForAllSplits(c.bytes, [](const auto& feed) {
      FrameReader reader(kMaxMessage);
      std::vector<std::string> all;
      bool failed = false;
      feed([&](media::Bytes bytes) {
        for (std::string& one : Events(reader, bytes, failed)) all.push_back(std::move(one));
      });
      return all;
    });
    EXPECT_EQ(seen, c.expected);
  }
}

TEST(FrameReader, FaultsSayWhatToCloseWith) {
  EXPECT_EQ(CloseCodeOf(media::Fault("ws_too_big")), CloseCode::kTooBig);
  EXPECT_EQ(CloseCodeOf(media::Fault("ws_unmasked")), CloseCode::kProtocolError);
}

TEST(FrameReader, FailsForGood) {
  FrameReader reader;
  const std::vector<uint8_t> bad = Hex("8900"), good = Frame(0x89, "");
  media::Bytes bytes(bad);
  EXPECT_FALSE(reader.Consume(bytes).ok());
  bytes = good;
  EXPECT_FALSE(reader.Consume(bytes).ok());
}

}  // namespace
}  // namespace millrace::http
