#pragma once
// Who may publish: Adobe's challenge login ("authmod=adobe", as OBS, Larix, FFmpeg, GStreamer and
// librtmp speak it) and plain `?user=…&pass=…`. Sans I/O; the same for all connections.
//
// The challenge takes three connections, each refused by a description that the encoder parses:
//   1. nothing                                    "code=403 need auth; authmod=adobe"
//   2. app?authmod=adobe&user=U "?reason=needauth&user=U&salt=…&challenge=…&opaque=…"
//   3. app?authmod=adobe&user=U&challenge=C&response=R&opaque=…
// R = Base64(MD5(Base64(MD5(U + salt + password)) + opaque + C)). Nothing is remembered in between:
// the opaque text is a time and its HMAC. So the connections of one login must come to servers
// with the same secret, and whoever overhears a response can repeat it for kChallengeLifetimeMs.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "gateways/rtmp/protocol/handshake.h"
#include "gateways/rtmp/protocol/target.h"
#include "media/base/bytes.h"

namespace millrace::rtmp {

using Md5Digest = std::array<uint8_t, 16>;
using Md5 = std::function<Md5Digest(media::Bytes)>;

inline constexpr int64_t kChallengeLifetimeMs = 60'000;

// Where publishing takes a login. Paths are applications or streams ("live", "live/cam1").
class Publishers {
 public:
  enum class Door {
    kOpen,       // nobody needs to log in
    kKey,        // credentials are in the address or in the stream key
    kChallenge,  // who connects to publish is challenged, unless credentials are in the address
  };
  virtual ~Publishers() = default;
  virtual Door DoorOf(std::string_view path) const = 0;
  // Nothing where the user may not publish there.
  virtual std::optional<std::string> PasswordOf(std::string_view path,
                                                std::string_view user) const = 0;
};

// Who has proven to be somebody.
struct Identity {
  std::string user;  // empty: nobody
  std::string password;
};

struct Verdict {
  enum class Kind {
    kAdmitted,
    kAsked,    // turned away to come back with more
    kRefused,  // wrong or missing credentials
  };
  Kind kind = Kind::kAdmitted;
  Identity identity;   // where admitted by a login
  std::string text;    // where not: what the client is told
  std::string user{};  // where refused: who it was said to be
};

class Login {
 public:
  using Secret = std::array<uint8_t, 32>;

  // `publishers` must outlive the Login.
  Login(const Publishers& publishers, Md5 md5, HmacSha256 hmac, const Secret& secret)
      : publishers_(publishers), md5_(std::move(md5)), hmac_(std::move(hmac)), secret_(secret) {}

  // `address` is what connect's tcUrl and app resolve to; `publishes` whether the client seems to
  // have come to publish. `now_ms` is the server's own clock, the same for all of its connections.
  Verdict AtConnect(const Target& address, bool publishes, int64_t now_ms) const;
  // `identity` is what AtConnect found.
  Verdict AtPublish(const Target& target, const Identity& identity) const;

 private:
  std::string Salt(std::string_view user) const;
  std::string Opaque(std::string_view user, int64_t now_ms) const;
  bool IsCurrent(std::string_view opaque, std::string_view user, int64_t now_ms) const;
  std::string Expected(std::string_view user, std::string_view password, std::string_view opaque,
                       std::string_view challenge) const;
  Verdict Challenge(std::string_view user, int64_t now_ms) const;
  Verdict CheckResponse(const Target& address, std::string_view user, int64_t now_ms) const;
  bool CheckPlain(const Target& target, Identity& identity) const;

  const Publishers& publishers_;
  const Md5 md5_;
  const HmacSha256 hmac_;
  const Secret secret_;
};

// Values of `user` or `username`, and of `pass` or `password`.
std::string_view UserOf(const Params& params);
std::string_view PasswordOf(const Params& params);

// RFC 4648 §4.
std::string Base64(media::Bytes bytes);

}  // namespace millrace::rtmp
