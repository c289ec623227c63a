#pragma once
// Basic (RFC 7617) and Digest (RFC 2617, MD5) as RTSP peers speak them, for both ends. MD5 and
// random bytes come in as functions. SHA-256 is not offered: FFmpeg breaks when it is listed.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateways/rtsp/protocol/message.h"
#include "media/base/bytes.h"

namespace millrace::rtsp {

using Md5 = std::function<std::array<uint8_t, 16>(media::Bytes)>;
using RandomBytes = std::function<void(std::span<uint8_t>)>;

struct Login {
  std::string user;
  std::string password;
};

// A WWW-Authenticate line.
struct Challenge {
  enum class Scheme { kBasic, kDigest, kUnknown };
  Scheme scheme = Scheme::kUnknown;  // kUnknown also for Digest of another algorithm than MD5
  std::string realm;
  std::string nonce;
  std::string opaque;
  bool has_opaque = false;
  bool qop_auth = false;  // the server wants qop=auth
  bool stale = false;

  friend bool operator==(const Challenge&, const Challenge&) = default;
};
Challenge ParseChallenge(std::string_view header);

// An Authorization line.
struct Authorization {
  Challenge::Scheme scheme = Challenge::Scheme::kUnknown;
  Login login;  // Basic: both; Digest: the user
  std::string realm;
  std::string nonce;
  std::string uri;
  std::string response;
  std::string qop;
  std::string nonce_count;
  std::string cnonce;
};
Authorization ParseAuthorization(std::string_view header);

// RFC 2617 §3.2.2: the `response` of Digest. The nonce count and cnonce count only where `qop` is
// not empty.
std::string DigestResponse(const Md5& md5, const Login& login, std::string_view method,
                           const Authorization& of);

// The client's half: remembers the last challenge and answers it with every request.
class ClientAuth {
 public:
  ClientAuth(Login login, Md5 md5, RandomBytes random);

  // A 401 was answered. True where the request should be sent again: there is a scheme that we know
  // (Digest before Basic) and it was not tried yet, or the nonce was stale.
  bool OnUnauthorized(const Headers& headers, bool was_authorized);
  // The value of Authorization, or "" where nobody asked.
  std::string Header(std::string_view method, std::string_view uri);
  bool active() const { return challenge_.has_value(); }

 private:
  const Login login_;
  const Md5 md5_;
  const RandomBytes random_;
  std::optional<Challenge> challenge_;
  uint32_t count_ = 0;  // requests with this nonce
};

// The server's half, one a connection: its nonce is good as long as the connection.
class ServerAuth {
 public:
  // The password of a user, or nothing where there is no such user.
  using PasswordOf = std::function<std::optional<std::string>(std::string_view user)>;
  enum class Verdict { kRight, kMissing, kWrong, kStale };

  ServerAuth(std::string realm, PasswordOf password_of, Md5 md5, const RandomBytes& random);

  // The same nonce with other passwords.
  ServerAuth With(PasswordOf password_of) const;
  Verdict Check(const Request& request) const;
  // The WWW-Authenticate lines of a 401.
  std::vector<std::string> Challenges(Verdict verdict) const;

 private:
  Verdict CheckDigest(const Authorization& authorization, const Request& request) const;

  std::string realm_;
  PasswordOf password_of_;
  Md5 md5_;
  std::string nonce_;
};

// Whether a Digest `uri` speaks of the request's URI: the same, its path alone, the URL of the
// presentation that it is part of (VLC, Bosch), each with or without a slash behind (HappyTime), or
// another name of this host.
bool DigestUriFits(std::string_view uri, std::string_view request_uri);

}  // namespace millrace::rtsp
