#include "gateways/rtmp/protocol/login.h"

#include <algorithm>
#include <utility>

#include "media/base/secret.h"

namespace millrace::rtmp {
namespace {

using media::AsBytes;
using media::Bytes;

// FFmpeg reads 300 bytes of a challenge, and writes 500 of its answer.
constexpr size_t kMaxUser = 64;
constexpr size_t kBase64Challenge = 8;  // of librtmp, 4 bytes
constexpr size_t kBase64Response = 24;  // of 16 bytes
constexpr size_t kTimeSize = 8;         // of an opaque text, in bytes
constexpr size_t kProofSize = 8;        // likewise

// Encoders look for these very words.
constexpr std::string_view kReject = "[ AccessManager.Reject ] : ";
constexpr std::string_view kDemand = "[ code=403 need auth; authmod=adobe ] : ";
constexpr std::string_view kNeedAuth = "[ authmod=adobe ] : ?reason=needauth";
constexpr std::string_view kAuthFailed = "[ authmod=adobe ] : ?reason=authfailed&opaque=-";

std::string HexOf(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

std::string Join(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

Verdict Refused(std::string_view user, std::string text) {
  Verdict verdict;
  verdict.kind = Verdict::Kind::kRefused;
  verdict.text = std::move(text);
  verdict.user = user.substr(0, kMaxUser);
  return verdict;
}

Verdict Admitted(Identity identity) {
  Verdict verdict;
  verdict.identity = std::move(identity);
  return verdict;
}

// librtmp with GnuTLS does not end its Base64 texts: what follows the padding at `size` is rubbish.
std::string_view WithoutRubbish(std::string_view text, size_t size) {
  return text.size() > size && text.substr(size - 2, 2) == "==" ? text.substr(0, size) : text;
}

std::string_view Either(const Params& params, std::string_view name, std::string_view other) {
  const std::string_view value = FindParam(params, name);
  return value.empty() ? FindParam(params, other) : value;
}

}  // namespace

std::string_view UserOf(const Params& params) { return Either(params, "user", "username"); }
std::string_view PasswordOf(const Params& params) { return Either(params, "pass", "password"); }

std::string Base64(Bytes bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0u);
    for (size_t k = 0; k < 4; ++k) {
      text.push_back(k <= count ? kAlphabet[group >> (18 - 6 * k) & 63] : '=');
    }
  }
  return text;
}

Verdict Login::AtConnect(const Target& address, bool publishes, int64_t now_ms) const {
  const Publishers::Door door = publishers_.DoorOf(address.stream);
  if (door == Publishers::Door::kOpen) return {};
  const std::string_view user = UserOf(address.params);
  if (FindParam(address.params, "authmod") == "adobe") {
    if (user.empty() || user.size() > kMaxUser) {
      return Refused(user, Join({kReject, kAuthFailed}));
    }
    if (FindParam(address.params, "response").empty()) return Challenge(user, now_ms);
    return CheckResponse(address, user, now_ms);
  }
  if (!PasswordOf(address.params).empty()) {
    Identity identity;
    if (CheckPlain(address, identity)) return Admitted(std::move(identity));
    if (publishes) return Refused(user, "wrong user or password");
    return {};  // perhaps a viewer's: what is asked for will show
  }
  // Players are asked when they play, and credentials may be in the key that is yet to come.
  if (door != Publishers::Door::kChallenge || !publishes) return {};
  Verdict verdict;
  verdict.kind = Verdict::Kind::kAsked;
  verdict.text = Join({kReject, kDemand});
  return verdict;
}

Verdict Login::AtPublish(const Target& target, const Identity& identity) const {
  if (publishers_.DoorOf(target.stream) == Publishers::Door::kOpen) return Admitted(identity);
  if (!identity.user.empty()) {
    const auto password = publishers_.PasswordOf(target.stream, identity.user);
    if (password.has_value() && media::SameSecret(*password, identity.password)) {
      return Admitted(identity);
    }
  }
  Identity found;
  if (CheckPlain(target, found)) return Admitted(std::move(found));
  const std::string_view user = UserOf(target.params);
  if (!identity.user.empty() || !PasswordOf(target.params).empty()) {
    return Refused(user.empty() ? std::string_view(identity.user) : user,
                   "wrong user or password for this stream");
  }
  return Refused(user,
                 "publishing here takes a user and a password: use the encoder's authentication, "
                 "or ?user=...&pass=... behind the address or the stream key");
}

bool Login::CheckPlain(const Target& target, Identity& identity) const {
  const std::string_view user = UserOf(target.params);
  const std::string_view given = rtmp::PasswordOf(target.params);
  const auto password = publishers_.PasswordOf(target.stream, user);
  if (user.empty() || !password.has_value() || !media::SameSecret(*password, given)) return false;
  identity = {std::string(user), *password};
  return true;
}

// Also for users that there are not: nobody learns here who there is.
Verdict Login::Challenge(std::string_view user, int64_t now_ms) const {
  const std::string opaque = Opaque(user, now_ms);
  Verdict verdict;
  verdict.kind = Verdict::Kind::kAsked;
  verdict.text = Join({kReject, kNeedAuth, "&user=", user, "&salt=", Salt(user),
                       "&challenge=", opaque, "&opaque=", opaque});
  return verdict;
}

Verdict Login::CheckResponse(const Target& address, std::string_view user, int64_t now_ms) const {
  const std::string_view opaque = FindParam(address.params, "opaque");
  if (!IsCurrent(opaque, user, now_ms)) return Challenge(user, now_ms);
  const auto password = publishers_.PasswordOf(address.stream, user);
  const std::string_view challenge =
      WithoutRubbish(FindParam(address.params, "challenge"), kBase64Challenge);
  const std::string_view response =
      WithoutRubbish(FindParam(address.params, "response"), kBase64Response);
  const std::string expected = Expected(user, password.value_or(""), opaque, challenge);
  if (!password.has_value() || !media::SameSecret(expected, response)) {
    return Refused(user, Join({kReject, kAuthFailed}));
  }
  return Admitted({std::string(user), *password});
}

std::string Login::Expected(std::string_view user, std::string_view password,
                            std::string_view opaque, std::string_view challenge) const {
  const std::string inner = Base64(md5_(AsBytes(Join({user, Salt(user), password}))));
  return Base64(md5_(AsBytes(Join({inner, opaque, challenge}))));
}

std::string Login::Salt(std::string_view user) const {
  const Digest digest = hmac_(secret_, AsBytes("salt "), AsBytes(user));
  return HexOf(Bytes(digest).first(4));
}

std::string Login::Opaque(std::string_view user, int64_t now_ms) const {
  std::array<uint8_t, kTimeSize> time;
  for (size_t i = 0; i < kTimeSize; ++i) {
    time[i] = static_cast<uint8_t>(static_cast<uint64_t>(now_ms) >> (8 * (kTimeSize - 1 - i)));
  }
  const Digest proof = hmac_(secret_, time, AsBytes(user));
  return HexOf(time) + HexOf(Bytes(proof).first(kProofSize));
}

bool Login::IsCurrent(std::string_view opaque, std::string_view user, int64_t now_ms) const {
  if (opaque.size() != 2 * (kTimeSize + kProofSize)) return false;
  uint64_t then = 0;
  for (const char digit : opaque.substr(0, 2 * kTimeSize)) {
    const bool decimal = digit >= '0' && digit <= '9';
    if (!decimal && (digit < 'a' || digit > 'f')) return false;
    then = then << 4 | static_cast<uint64_t>(decimal ? digit - '0' : digit - 'a' + 10);
  }
  const auto then_ms = static_cast<int64_t>(then);
  if (!media::SameSecret(opaque, Opaque(user, then_ms))) return false;
  return then_ms <= now_ms && now_ms - then_ms <= kChallengeLifetimeMs;
}

}  // namespace millrace::rtmp
