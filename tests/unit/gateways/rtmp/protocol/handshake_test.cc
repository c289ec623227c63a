#include "gateways/rtmp/protocol/handshake.h"

#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <string>

#include "media/base/fault.h"
#include "tests/support/seeds.h"
#include "tests/support/split_feed.h"
#include "tests/unit/gateways/rtmp/protocol/handshake_peer.h"

namespace millrace::rtmp {
namespace {

using Kind = ServerHandshake::Kind;

std::string Sha256(media::Bytes bytes) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(bytes.data(), bytes.size(), digest);
  std::string hex;
  for (const uint8_t byte : digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

struct Outcome {
  std::vector<uint8_t> output;
  std::string rest;
  std::string error;
  Kind kind = Kind::kSimple;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome Shake(std::span<const uint8_t> bytes) {
  return tests::ExpectSameForAllSplits(bytes, [](auto feed) {
    Outcome outcome;
    ServerHandshake handshake(OpenSslHmacSha256, PredictableBytes());
    bool done = false;
    feed([&](std::span<const uint8_t> piece) {
      if (!outcome.error.empty()) return;
      media::Bytes left = piece;
      const auto result = handshake.Consume(left, outcome.output);
      if (!result.ok()) {
        outcome.error = media::FaultName(result.status());
        return;
      }
      done = *result;
      EXPECT_TRUE(done || left.empty());
      outcome.rest += media::AsText(left);
    });
    outcome.kind = handshake.kind();
    return outcome;
  });
}

struct Case {
  const char* name;
  Kind kind;
  const char* hello;   // SHA-256 of C1
  const char* answer;  // SHA-256 of S0, S1 and S2
};

// Computed by an independent implementation (Python's hmac).
const Case kGolden[] = {
    {"simple", Kind::kSimple, "a814793b9ca3997a8a076577fd3ca4e326231d07cbeb3d2867b3bd26478405d3",
     "9d107c071cd7ff92b850a5685eba7793b79ff2c96dd5581e4d1e473d2cd3af10"},
    {"digest in the second half", Kind::kKeyFirst,
     "fe662d3674e179968b330772b851e07fd8c10189eb86cdf38b0aecabab5387ce",
     "60fad56d5da157d4a284181b7fa96ee7da0d2e38a1220a1f7af651a5f52b1dd6"},
    {"digest in the first half", Kind::kDigestFirst,
     "c9db5902d2f830b27d810f376c718ed58c472968af59bbde7a2f50b6dc3645d9",
     "d9b9e2b4cbe480c412171555a61726d8101c49a1b8a219563b4d147d881daa2b"},
};

TEST(Handshake, GoldenDigests) {
  for (const Case& one : kGolden) {
    SCOPED_TRACE(one.name);
    EXPECT_EQ(Sha256(ClientHello(one.kind)), one.hello);
    std::vector<uint8_t> bytes = WholeHandshake(one.kind);
    tests::WriteSeed("rtmp_handshake_fuzz", one.name, bytes);
    for (const char c : {'n', 'e', 'x', 't'}) bytes.push_back(static_cast<uint8_t>(c));
    const Outcome outcome = Shake(bytes);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.kind, one.kind);
    EXPECT_EQ(outcome.rest, "next");
    ASSERT_EQ(outcome.output.size(), 1 + 2 * kHandshakeSize);
    EXPECT_EQ(Sha256(outcome.output), one.answer);
  }
}

// Flash Player plays no H.264 without; FFmpeg and librtmp check S1 and S2 like this.
TEST(Handshake, FlashAndFFmpegCanVerifyTheAnswer) {
  for (const Kind kind : {Kind::kKeyFirst, Kind::kDigestFirst}) {
    const std::vector<uint8_t> bytes = WholeHandshake(kind);
    const Outcome outcome = Shake(bytes);
    const media::Bytes first = media::Bytes(outcome.output).subspan(1, kHandshakeSize);
    const size_t offset = DigestOffset(kind, first);
    const Digest own = BlockDigest(OpenSslHmacSha256, ServerKey(), first, offset);
    EXPECT_TRUE(std::equal(own.begin(), own.end(), first.begin() + static_cast<long>(offset)));

    const media::Bytes hello = media::Bytes(bytes).subspan(1, kHandshakeSize);
    const media::Bytes second = media::Bytes(outcome.output).last(kHandshakeSize);
    const Digest key =
        OpenSslHmacSha256(FullServerKey(), hello.subspan(DigestOffset(kind, hello), 32), {});
    const Digest proof = OpenSslHmacSha256(key, second.first(kHandshakeSize - 32), {});
    EXPECT_TRUE(std::equal(proof.begin(), proof.end(), second.end() - 32));
  }
}

TEST(Handshake, FFmpegSendsAC2ThatDoesNotFit) {
  for (const Kind kind : {Kind::kSimple, Kind::kKeyFirst, Kind::kDigestFirst}) {
    std::vector<uint8_t> bytes = WholeHandshake(kind);
    for (size_t i = 1 + kHandshakeSize; i < bytes.size(); ++i) {
      bytes[i] = static_cast<uint8_t>(i * 31);
    }
    bytes.push_back('x');
    const Outcome outcome = Shake(bytes);
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.rest, "x");
  }
}

// Versions without a digest, and a time where others write zeros.
TEST(Handshake, EncodersFillC1AsTheyLike) {
  std::vector<uint8_t> bytes = WholeHandshake(Kind::kSimple);
  for (size_t i = 1; i < 9; ++i) bytes[i] = 0xAB;
  const Outcome outcome = Shake(bytes);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.kind, Kind::kSimple);
}

TEST(Handshake, SimpleEchoesTheHello) {
  std::vector<uint8_t> bytes(1 + 2 * kHandshakeSize);
  bytes[0] = 3;
  for (size_t i = 9; i < 1 + kHandshakeSize; ++i) bytes[i] = static_cast<uint8_t>(i);
  const Outcome outcome = Shake(bytes);
  EXPECT_EQ(outcome.kind, Kind::kSimple);
  EXPECT_TRUE(std::equal(bytes.begin() + 1, bytes.begin() + 1 + kHandshakeSize,
                         outcome.output.begin() + 1 + kHandshakeSize));
}

TEST(Handshake, NothingIsSaidBeforeTheHelloIsComplete) {
  const std::vector<uint8_t> bytes = WholeHandshake();
  EXPECT_TRUE(Shake(media::Bytes(bytes).first(kHandshakeSize)).output.empty());
  EXPECT_FALSE(Shake(media::Bytes(bytes).first(kHandshakeSize + 1)).output.empty());
}

TEST(Handshake, RefusesOtherProtocols) {
  struct {
    const char* name;
    std::vector<uint8_t> bytes;
  } const cases[] = {
      {"RTMPE", {6, 0, 0}},
      {"HTTP", {'G', 'E', 'T', ' ', '/'}},
      {"TLS", {0x16, 3, 1}},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.name);
    tests::WriteSeed("rtmp_handshake_fuzz", one.name, one.bytes);
    EXPECT_EQ(Shake(one.bytes).error, "rtmp_handshake_version");
    EXPECT_TRUE(Shake(one.bytes).output.empty());
  }
}

// RFC 4231 §4.3, test case 2.
TEST(Handshake, HmacVector) {
  const Digest digest = OpenSslHmacSha256(
      media::AsBytes("Jefe"), media::AsBytes("what do ya want "), media::AsBytes("for nothing?"));
  EXPECT_EQ(digest[0], 0x5b);
  EXPECT_EQ(digest[31], 0x43);
}

}  // namespace
}  // namespace millrace::rtmp
