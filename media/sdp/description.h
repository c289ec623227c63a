#pragma once
// A session description as its lines say it, RFC 8866. What the lines mean is in sources.h.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::media::sdp {

// a=name or a=name:value.
struct Attribute {
  std::string name;
  std::string value;

  friend bool operator==(const Attribute&, const Attribute&) = default;
};
using Attributes = std::vector<Attribute>;

// The first attribute of that name in any case, or nullptr.
const Attribute* Find(const Attributes& attributes, std::string_view name);
// Its value, or "".
std::string_view ValueOf(const Attributes& attributes, std::string_view name);

// m= and what follows it up to the next one.
struct Media {
  std::string kind;  // "video", "audio", "application" …
  uint16_t port = 0;
  uint32_t port_count = 1;
  std::string transport = "RTP/AVP";
  std::vector<std::string> formats;  // payload types
  std::string title;                 // i=
  std::string connection;            // c=, as written: "IN IP4 224.2.0.1/127"
  std::string bandwidth;             // the first b=: "AS:500"
  Attributes attributes;

  friend bool operator==(const Media&, const Media&) = default;
};

struct Description {
  std::string origin;  // o=, as written
  std::string name;    // s=
  std::string information;
  std::string connection;
  std::string bandwidth;
  std::string timing = "0 0";  // the first t=
  Attributes attributes;
  std::vector<Media> media;

  friend bool operator==(const Description&, const Description&) = default;
};

struct Limits {
  size_t max_bytes = 64u << 10;
  size_t max_line = 16u << 10;
  size_t max_media = 16;
  size_t max_attributes = 64;  // of the session, and of each media
  size_t max_formats = 32;     // of a media
};

// Lines end with CR LF, LF or CR. Lines of other types, and lines that are none (devices write
// some), are passed over; so are zeros behind the text.
absl::StatusOr<Description> Parse(std::string_view text, const Limits& limits = {});

// With CR LF. Line ends inside values are left out, so that no value can begin a line of its own.
std::string Build(const Description& description);

}  // namespace millrace::media::sdp
