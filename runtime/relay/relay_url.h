#pragma once
// The URLs of pulls and pushes, and what may be shown of them. Bytes and text, no I/O.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace::relay {

inline constexpr size_t kMaxUrlBytes = 2'000;

struct RelayUrl {
  std::string scheme;  // "rtmp", "rtmps", "rtsp" or "rtsps"
  std::string user;    // percent-decoded, as is password
  std::string password;
  std::string host;   // without the brackets of an IPv6 address
  uint16_t port = 0;  // the scheme's own where the URL has none
  std::string path;   // as written, without the slash in front: "live/cam1"
  std::string query;  // as written, without the question mark
  bool secure() const { return scheme.ends_with('s'); }
};

// scheme://[user[:password]@]host[:port]/path[?query] (RFC 3986 §3; what stands in front of the
// last
// @ of the authority is user and password, also where they hold an @ that is not escaped).
// InvalidArgument says what is wrong, without repeating anything of `url` that may be secret.
absl::StatusOr<RelayUrl> ParseRelayUrl(std::string_view url);

enum class Direction { kPull, kPush };

// For answers, logs and people: user and password, the values of the query and, of a push, the last
// part of the path (the stream key) are ***. What is no URL is *** altogether.
std::string ShownUrl(std::string_view url, Direction direction);

// `text`, which the far end may have made of what it was sent, without what ShownUrl hides. Values
// of fewer than four bytes, but for a password, are left: channel=1 would black out every 1.
std::string WithoutSecrets(std::string text, std::string_view url, Direction direction);

}  // namespace millrace::relay
