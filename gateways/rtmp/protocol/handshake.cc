#include "gateways/rtmp/protocol/handshake.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "gateways/rtmp/protocol/errors.h"

namespace millrace::rtmp {
namespace {

using media::Bytes;

constexpr size_t kDigestSize = sizeof(Digest);
// Version of Flash Media Server that S1 claims: a zero would mean the simple handshake.
constexpr std::array<uint8_t, 4> kServerVersion = {4, 5, 0, 1};

// Both sides' constants end in the same 32 bytes.
constexpr size_t kSecretSize = 32;
constexpr std::string_view kPlayerText = "Genuine Adobe Flash Player 001";
constexpr std::string_view kServerText = "Genuine Adobe Flash Media Server 001";
constexpr std::array<uint8_t, kSecretSize> kSecret = {
    0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
    0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE};

template <size_t kTextSize>
constexpr std::array<uint8_t, kTextSize + kSecretSize> WithSecret(std::string_view text) {
  std::array<uint8_t, kTextSize + kSecretSize> key{};
  for (size_t i = 0; i < kTextSize; ++i) key[i] = static_cast<uint8_t>(text[i]);
  for (size_t i = 0; i < kSecretSize; ++i) key[kTextSize + i] = kSecret[i];
  return key;
}
constexpr auto kFullPlayerKey = WithSecret<kPlayerText.size()>(kPlayerText);
constexpr auto kFullServerKey = WithSecret<kServerText.size()>(kServerText);

}  // namespace

Bytes FullPlayerKey() { return kFullPlayerKey; }
Bytes FullServerKey() { return kFullServerKey; }
Bytes PlayerKey() { return FullPlayerKey().first(kPlayerText.size()); }
Bytes ServerKey() { return FullServerKey().first(kServerText.size()); }

// After time and version come two halves of 764 bytes, one of key, one of digest; the digest's
// begins with 4 bytes whose sum says where in the rest the digest lies.
size_t DigestOffset(ServerHandshake::Kind kind, Bytes block) {
  const size_t half = kind == ServerHandshake::Kind::kDigestFirst ? 8 : 772;
  size_t sum = 0;
  for (const uint8_t byte : block.subspan(half, 4)) sum += byte;
  return half + 4 + sum % 728;
}

Digest BlockDigest(const HmacSha256& hmac, Bytes key, Bytes block, size_t offset) {
  return hmac(key, block.first(offset), block.subspan(offset + kDigestSize));
}

absl::StatusOr<bool> HandshakeInput::Consume(Bytes& bytes,
                                             const std::function<void(Bytes hello)>& answer) {
  constexpr size_t kHelloSize = 1 + kHandshakeSize;
  if (!answered_ && !bytes.empty()) {
    const size_t size = std::min(kHelloSize - hello_.size(), bytes.size());
    hello_.insert(hello_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    bytes = bytes.subspan(size);
    if (hello_.front() != kHandshakeVersion) {
      return Fail(RtmpError::kHandshakeVersion, std::to_string(hello_.front()));
    }
    if (hello_.size() == kHelloSize) {
      answer(hello_);
      answered_ = true;
      std::vector<uint8_t>().swap(hello_);
    }
  }
  if (!answered_) return false;
  const size_t size = std::min(final_left_, bytes.size());
  final_left_ -= size;
  bytes = bytes.subspan(size);
  return final_left_ == 0;
}

absl::StatusOr<bool> ServerHandshake::Consume(Bytes& bytes, std::vector<uint8_t>& out) {
  return input_.Consume(bytes, [&](Bytes hello) { Answer(hello, out); });
}

bool ServerHandshake::Verify(Kind kind, Bytes hello) {
  const Bytes block = hello.subspan(1);
  const size_t offset = DigestOffset(kind, block);
  const Digest digest = BlockDigest(hmac_, PlayerKey(), block, offset);
  if (std::memcmp(digest.data(), block.data() + offset, kDigestSize) != 0) return false;
  kind_ = kind;
  client_digest_ = digest;
  return true;
}

void ServerHandshake::Answer(Bytes hello, std::vector<uint8_t>& out) {
  const Bytes block = hello.subspan(1);
  // Without a version there is no digest; some clients send a version and none either.
  const Bytes version = block.subspan(4, 4);
  const bool has_version =
      std::any_of(version.begin(), version.end(), [](uint8_t byte) { return byte != 0; });
  const bool digest =
      has_version && (Verify(Kind::kKeyFirst, hello) || Verify(Kind::kDigestFirst, hello));

  const size_t start = out.size();
  out.resize(start + 1 + 2 * kHandshakeSize);
  out[start] = kHandshakeVersion;
  const std::span<uint8_t> first(out.data() + start + 1, kHandshakeSize);
  const std::span<uint8_t> second(out.data() + start + 1 + kHandshakeSize, kHandshakeSize);
  random_(first.subspan(8));
  if (!digest) {
    std::copy(block.begin(), block.end(), second.begin());
    return;
  }
  std::copy(kServerVersion.begin(), kServerVersion.end(), first.begin() + 4);
  const size_t offset = DigestOffset(kind_, first);
  const Digest own = BlockDigest(hmac_, ServerKey(), first, offset);
  std::copy(own.begin(), own.end(), first.begin() + static_cast<std::ptrdiff_t>(offset));

  random_(second);
  const Digest key = hmac_(FullServerKey(), client_digest_, {});
  const Digest proof = hmac_(key, second.first(kHandshakeSize - kDigestSize), {});
  std::copy(proof.begin(), proof.end(), second.end() - static_cast<std::ptrdiff_t>(kDigestSize));
}

}  // namespace millrace::rtmp
