#pragma once
// The server's half of the RTMP handshake: the simple one (RTMP §5.2) and the one with digests that
// Flash Player 9 and later want before they play H.264. RTMPE is refused.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "media/base/bytes.h"

namespace millrace::rtmp {

inline constexpr size_t kHandshakeSize = 1536;

using Digest = std::array<uint8_t, 32>;
// HMAC-SHA256 (RFC 2104) of `first` followed by `second`.
using HmacSha256 = std::function<Digest(media::Bytes key, media::Bytes first, media::Bytes second)>;
// Fills its argument with unpredictable bytes.
using RandomBytes = std::function<void(std::span<uint8_t>)>;

inline constexpr uint8_t kHandshakeVersion = 3;

// What the peer's half of a handshake consists of, whichever half that is: version and hello (C0
// and C1, S0 and S1), which are answered, then as many bytes again, which are not looked at.
class HandshakeInput {
 public:
  // Takes what belongs to the handshake off the front of `bytes`, and calls `answer` with version
  // and hello once they are complete. True when the rest is complete too. Fault:
  // rtmp_handshake_version.
  absl::StatusOr<bool> Consume(media::Bytes& bytes,
                               const std::function<void(media::Bytes hello)>& answer);

 private:
  std::vector<uint8_t> hello_;  // until answered
  bool answered_ = false;
  size_t final_left_ = kHandshakeSize;
};

// C0 and C1 in, S0, S1 and S2 out; then C2, which is not verified (FFmpeg's would fail).
class ServerHandshake {
 public:
  enum class Kind {
    kSimple,
    kKeyFirst,     // "schema 0": the digest lies in the second half of C1
    kDigestFirst,  // "schema 1": in the first half
  };

  ServerHandshake(HmacSha256 hmac, RandomBytes random)
      : hmac_(std::move(hmac)), random_(std::move(random)) {}

  // Takes what belongs to the handshake off the front of `bytes` and appends the answer to `out`
  // once C1 is complete. True when C2 is complete too.
  absl::StatusOr<bool> Consume(media::Bytes& bytes, std::vector<uint8_t>& out);
  // What the client spoke; meaningful once the answer was written.
  Kind kind() const { return kind_; }

 private:
  void Answer(media::Bytes hello, std::vector<uint8_t>& out);
  bool Verify(Kind kind, media::Bytes hello);

  HmacSha256 hmac_;
  RandomBytes random_;
  HandshakeInput input_;
  Kind kind_ = Kind::kSimple;
  Digest client_digest_{};
};

// Where the 32 bytes of digest begin in C1 or S1.
size_t DigestOffset(ServerHandshake::Kind kind, media::Bytes block);
// Digest of C1 or S1: HMAC of all of it but the digest's own place.
Digest BlockDigest(const HmacSha256& hmac, media::Bytes key, media::Bytes block, size_t offset);

// "Genuine Adobe Flash Player 001", "Genuine Adobe Flash Media Server 001", and the same with the
// 32 bytes that follow: what the peers prove to know.
media::Bytes PlayerKey();
media::Bytes ServerKey();
media::Bytes FullPlayerKey();
media::Bytes FullServerKey();

}  // namespace millrace::rtmp
