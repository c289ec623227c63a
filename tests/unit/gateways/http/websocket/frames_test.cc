#include "gateways/http/websocket/frames.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateways/http/websocket/upgrade.h"
#include "tests/support/hex.h"

namespace millrace::http {
namespace {

using tests::Hex;

std::vector<uint8_t> Head(uint64_t size) {
  const FrameHead head = MakeFrameHead(Opcode::kBinary, size);
  return {head.bytes.begin(), head.bytes.begin() + head.size};
}

// RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length".
TEST(Frames, AHeadIsAsShortAsItsLengthAllows) {
  EXPECT_EQ(Head(0), Hex("8200"));
  EXPECT_EQ(Head(125), Hex("827d"));
  EXPECT_EQ(Head(126), Hex("827e007e"));
  EXPECT_EQ(Head(65'535), Hex("827effff"));
  EXPECT_EQ(Head(65'536), Hex("827f0000000000010000"));
}

TEST(Frames, APongHoldsWhatThePingHeld) {
  EXPECT_EQ(PongFrame(Hex("'hi'")), Hex("8a02 'hi'"));
  EXPECT_EQ(PongFrame({}), Hex("8a00"));
}

TEST(Frames, ACloseSaysWhy) {
  EXPECT_EQ(CloseFrame(CloseCode::kNormal, "over"), Hex("8806 03e8 'over'"));
  EXPECT_EQ(CloseFrame(CloseCode::kNoStatus, "over"), Hex("8800"));
}

TEST(Frames, AReasonIsCutBetweenCharacters) {
  const std::vector<uint8_t> exact = CloseFrame(CloseCode::kPolicy, std::string(123, 'x'));
  EXPECT_EQ(exact.size(), 127u);
  // 61 characters of two bytes each and one byte of the next would fit.
  std::string text;
  for (int i = 0; i < 100; ++i) text += "\xc3\xa4";
  const std::vector<uint8_t> cut = CloseFrame(CloseCode::kPolicy, text);
  EXPECT_EQ(cut[1], 2 + 122);
  EXPECT_EQ(std::string(cut.begin() + 4, cut.end()), text.substr(0, 122));
}

// The example of RFC 6455 §1.3.
TEST(Upgrade, TheKeyIsAnswered) {
  EXPECT_EQ(AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(Upgrade, KeysAre16BytesInBase64) {
  EXPECT_TRUE(IsKey("dGhlIHNhbXBsZSBub25jZQ=="));
  for (const char* key : {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=a",
                          "dGhl HNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZTEyMw=="}) {
    EXPECT_FALSE(IsKey(key)) << key;
  }
}

TEST(Upgrade, TokensAreFoundInListsInAnyCase) {
  EXPECT_TRUE(HasToken("websocket", "websocket"));
  EXPECT_TRUE(HasToken("h2c, WebSocket", "websocket"));
  EXPECT_TRUE(HasToken("keep-alive,\tUpgrade ", "upgrade"));
  EXPECT_FALSE(HasToken("", "upgrade"));
  EXPECT_FALSE(HasToken("websockets, websocket/13", "websocket"));
}

}  // namespace
}  // namespace millrace::http
