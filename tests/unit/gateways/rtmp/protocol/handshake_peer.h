#pragma once
// The client's half of the handshake, deterministic: what the golden digests were computed from.

#include <cstdint>
#include <span>
#include <vector>

#include "gateways/rtmp/crypto.h"
#include "gateways/rtmp/protocol/handshake.h"

namespace millrace::rtmp {

// C1: bytes 3, 10, 17 …, a version, and a digest by `kind`.
inline std::vector<uint8_t> ClientHello(ServerHandshake::Kind kind) {
  std::vector<uint8_t> block(kHandshakeSize);
  for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<uint8_t>(i * 7 + 3);
  const uint8_t front[] = {0, 0, 0, 9, 9, 0, 124, 2};
  std::copy(std::begin(front), std::end(front), block.begin());
  if (kind != ServerHandshake::Kind::kSimple) {
    const size_t offset = DigestOffset(kind, block);
    const Digest digest = BlockDigest(OpenSslHmacSha256, PlayerKey(), block, offset);
    std::copy(digest.begin(), digest.end(), block.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  return block;
}

// Bytes 5, 18, 31 …
inline RandomBytes PredictableBytes() {
  return [next = uint32_t{0}](std::span<uint8_t> out) mutable {
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(next++ * 13 + 5);
  };
}

// C0, C1 and C2.
inline std::vector<uint8_t> WholeHandshake(
    ServerHandshake::Kind kind = ServerHandshake::Kind::kSimple) {
  std::vector<uint8_t> bytes = {3};
  const std::vector<uint8_t> hello = ClientHello(kind);
  bytes.insert(bytes.end(), hello.begin(), hello.end());
  bytes.resize(bytes.size() + kHandshakeSize);  // zeros: nobody verifies C2
  return bytes;
}

}  // namespace millrace::rtmp
