#include "gateways/rtsp/protocol/auth.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "media/base/secret.h"
#include "media/base/text.h"

namespace millrace::rtsp {
namespace {

using media::EqualsIgnoringCase;
using media::Trim;

constexpr size_t kNonceBytes = 16;
constexpr size_t kMaxParameters = 32;

// The next "name=value" or "name=\"value\"" behind commas and spaces; backslashes escape in quotes.
std::pair<std::string_view, std::string> CutParameter(std::string_view& rest) {
  rest = Trim(rest, " \t,");
  const size_t equals = rest.find_first_of("=,");
  const std::string_view name = Trim(rest.substr(0, equals));
  if (equals == std::string_view::npos || rest[equals] == ',') {
    rest.remove_prefix(equals == std::string_view::npos ? rest.size() : equals);
    return {name, {}};
  }
  rest = Trim(rest.substr(equals + 1));
  std::string value;
  if (!rest.starts_with('"')) {
    value = Trim(media::CutFront(rest, ","));
    return {name, value};
  }
  size_t at = 1;
  for (; at < rest.size() && rest[at] != '"'; ++at) {
    if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
    value += rest[at];
  }
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return {name, value};
}

template <typename OnParameter>
void ForEachParameter(std::string_view rest, OnParameter on_parameter) {
  for (size_t i = 0; i < kMaxParameters && !rest.empty(); ++i) {
    const auto [name, value] = CutParameter(rest);
    on_parameter([n = name](std::string_view known) { return EqualsIgnoringCase(n, known); },
                 value);
  }
}

Challenge::Scheme SchemeOf(std::string_view name) {
  if (EqualsIgnoringCase(name, "Basic")) return Challenge::Scheme::kBasic;
  if (EqualsIgnoringCase(name, "Digest")) return Challenge::Scheme::kDigest;
  return Challenge::Scheme::kUnknown;
}

bool HasItem(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    if (EqualsIgnoringCase(Trim(media::CutFront(list, ",")), item)) return true;
  }
  return false;
}

std::string HexOf(const Md5& md5, std::string_view text) {
  return media::FormatHex(md5(media::AsBytes(text)));
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string BasicToken(const Login& login) {
  return absl::Base64Escape(login.user + ":" + login.password);
}

// Path and query without scheme, host and slashes behind; "*" as it is.
std::string_view PathOf(std::string_view uri) {
  if (const size_t scheme = uri.find("://"); scheme != std::string_view::npos) {
    uri.remove_prefix(scheme + 3);
    uri.remove_prefix(std::min(uri.find_first_of("/?"), uri.size()));
  }
  while (uri.ends_with('/')) uri.remove_suffix(1);
  return uri;
}

}  // namespace

Challenge ParseChallenge(std::string_view header) {
  Challenge challenge;
  std::string_view rest = Trim(header);
  challenge.scheme = SchemeOf(media::CutFront(rest, " \t"));
  ForEachParameter(rest, [&](const auto& is, const std::string& value) {
    if (is("realm")) challenge.realm = value;
    if (is("nonce")) challenge.nonce = value;
    if (is("opaque")) {
      challenge.opaque = value;
      challenge.has_opaque = true;
    }
    if (is("qop")) challenge.qop_auth = HasItem(value, "auth");
    if (is("stale")) challenge.stale = EqualsIgnoringCase(value, "true");
    if (is("algorithm") && !EqualsIgnoringCase(value, "MD5")) {
      challenge.scheme = Challenge::Scheme::kUnknown;
    }
  });
  return challenge;
}

Authorization ParseAuthorization(std::string_view header) {
  Authorization of;
  std::string_view rest = Trim(header);
  of.scheme = SchemeOf(media::CutFront(rest, " \t"));
  if (of.scheme == Challenge::Scheme::kBasic) {
    const std::string_view token = Trim(rest);
    std::string plain;
    if (!absl::Base64Unescape(absl::string_view(token.data(), token.size()), &plain)) {
      of.scheme = Challenge::Scheme::kUnknown;
      return of;
    }
    std::string_view password = plain;
    of.login.user = media::CutFront(password, ":");
    of.login.password = password;
    return of;
  }
  ForEachParameter(rest, [&](const auto& is, const std::string& value) {
    if (is("username")) of.login.user = value;
    if (is("realm")) of.realm = value;
    if (is("nonce")) of.nonce = value;
    if (is("uri")) of.uri = value;
    if (is("response")) of.response = value;
    if (is("qop")) of.qop = value;
    if (is("nc")) of.nonce_count = value;
    if (is("cnonce")) of.cnonce = value;
  });
  return of;
}

std::string DigestResponse(const Md5& md5, const Login& login, std::string_view method,
                           const Authorization& of) {
  const std::string secret = HexOf(md5, login.user + ":" + of.realm + ":" + login.password);
  const std::string subject = HexOf(md5, std::string(method) + ":" + of.uri);
  std::string between = of.nonce;
  if (!of.qop.empty()) between += ":" + of.nonce_count + ":" + of.cnonce + ":" + of.qop;
  return HexOf(md5, secret + ":" + between + ":" + subject);
}

ClientAuth::ClientAuth(Login login, Md5 md5, RandomBytes random)
    : login_(std::move(login)), md5_(std::move(md5)), random_(std::move(random)) {}

bool ClientAuth::OnUnauthorized(const Headers& headers, bool was_authorized) {
  if (login_.user.empty() && login_.password.empty()) return false;
  std::optional<Challenge> best;
  for (const std::string_view line : headers.All("WWW-Authenticate")) {
    Challenge challenge = ParseChallenge(line);
    if (challenge.scheme == Challenge::Scheme::kUnknown) continue;
    if (!best.has_value() || (best->scheme == Challenge::Scheme::kBasic &&
                              challenge.scheme == Challenge::Scheme::kDigest)) {
      best = std::move(challenge);
    }
  }
  if (!best.has_value()) return false;
  // Some cameras let a nonce expire and do not say that it is stale.
  const bool fresh = best->stale || !was_authorized || !challenge_.has_value() ||
                     (best->scheme == Challenge::Scheme::kDigest &&
                      best->nonce != challenge_->nonce && count_ > 1);
  if (fresh) {
    challenge_ = std::move(best);
    count_ = 0;
  }
  return fresh;
}

std::string ClientAuth::Header(std::string_view method, std::string_view uri) {
  if (!challenge_.has_value()) return {};
  if (challenge_->scheme == Challenge::Scheme::kBasic) return "Basic " + BasicToken(login_);
  Authorization of;
  of.realm = challenge_->realm;
  of.nonce = challenge_->nonce;
  of.uri = uri;
  ++count_;
  if (challenge_->qop_auth) {
    std::array<uint8_t, 8> bytes{};
    random_(bytes);
    of.cnonce = media::FormatHex(bytes);
    of.qop = "auth";
    const uint8_t count[] = {static_cast<uint8_t>(count_ >> 24), static_cast<uint8_t>(count_ >> 16),
                             static_cast<uint8_t>(count_ >> 8), static_cast<uint8_t>(count_)};
    of.nonce_count = media::FormatHex(count);
  }
  std::string text = "Digest username=" + Quoted(login_.user) + ", realm=" + Quoted(of.realm) +
                     ", nonce=" + Quoted(of.nonce) + ", uri=" + Quoted(of.uri) +
                     ", response=" + Quoted(DigestResponse(md5_, login_, method, of));
  if (challenge_->has_opaque) text += ", opaque=" + Quoted(challenge_->opaque);
  if (!of.qop.empty()) {
    text += ", qop=auth, nc=" + of.nonce_count + ", cnonce=" + Quoted(of.cnonce);
  }
  return text;
}

ServerAuth::ServerAuth(std::string realm, PasswordOf password_of, Md5 md5,
                       const RandomBytes& random)
    : realm_(std::move(realm)), password_of_(std::move(password_of)), md5_(std::move(md5)) {
  std::array<uint8_t, kNonceBytes> bytes{};
  random(bytes);
  nonce_ = media::FormatHex(bytes);
}

ServerAuth ServerAuth::With(PasswordOf password_of) const {
  ServerAuth other = *this;
  other.password_of_ = std::move(password_of);
  return other;
}

ServerAuth::Verdict ServerAuth::Check(const Request& request) const {
  const std::string* header = request.headers.Find("Authorization");
  if (header == nullptr) return Verdict::kMissing;
  const Authorization authorization = ParseAuthorization(*header);
  switch (authorization.scheme) {
    case Challenge::Scheme::kUnknown:
      return Verdict::kMissing;
    case Challenge::Scheme::kDigest:
      return CheckDigest(authorization, request);
    case Challenge::Scheme::kBasic: {
      const auto password = password_of_(authorization.login.user);
      return password.has_value() && media::SameSecret(*password, authorization.login.password)
                 ? Verdict::kRight
                 : Verdict::kWrong;
    }
  }
  return Verdict::kWrong;
}

ServerAuth::Verdict ServerAuth::CheckDigest(const Authorization& authorization,
                                            const Request& request) const {
  if (authorization.nonce != nonce_) return Verdict::kStale;
  if (authorization.realm != realm_) return Verdict::kWrong;
  if (!DigestUriFits(authorization.uri, request.uri)) return Verdict::kWrong;
  const auto password = password_of_(authorization.login.user);
  if (!password.has_value()) return Verdict::kWrong;
  const Login login = {authorization.login.user, *password};
  const std::string expected = DigestResponse(md5_, login, request.method, authorization);
  return media::SameSecret(expected, authorization.response) ? Verdict::kRight : Verdict::kWrong;
}

std::vector<std::string> ServerAuth::Challenges(Verdict verdict) const {
  std::string digest = "Digest realm=" + Quoted(realm_) + ", nonce=" + Quoted(nonce_);
  if (verdict == Verdict::kStale) digest += ", stale=\"true\"";
  return {digest, "Basic realm=" + Quoted(realm_)};
}

bool DigestUriFits(std::string_view uri, std::string_view request_uri) {
  const std::string_view claimed = PathOf(uri);
  const std::string_view actual = PathOf(request_uri);
  if (claimed == actual) return true;
  if (claimed.empty() || actual.size() <= claimed.size()) return false;
  // The presentation that the track belongs to; GStreamer puts the track in front of the query.
  if (actual.starts_with(claimed) && (actual[claimed.size()] == '/')) return true;
  const std::string_view path = claimed.substr(0, claimed.find('?'));
  return path.size() < claimed.size() && actual.starts_with(path) && actual[path.size()] == '/' &&
         actual.ends_with(claimed.substr(path.size()));
}

}  // namespace millrace::rtsp
