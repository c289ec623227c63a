#pragma once
// Requests, responses and interleaved frames, RFC 2326 §4 to §7 and §10.12, and how they are
// written.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "media/base/bytes.h"
#include "media/base/payload.h"

namespace millrace::rtsp {

inline constexpr std::string_view kVersion = "RTSP/1.0";

// Header lines in the order of the message. Names compare in any case ("CSeq", "Cseq", "CSEQ").
class Headers {
 public:
  using Line = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Line> lines) : lines_(lines) {}

  void Add(std::string_view name, std::string_view value) {
    lines_.emplace_back(std::string(name), std::string(value));
  }
  // The first value of that name, or nullptr.
  const std::string* Find(std::string_view name) const;
  // The same, or "".
  std::string_view Get(std::string_view name) const;
  // All values of that name.
  std::vector<std::string_view> All(std::string_view name) const;
  const std::vector<Line>& lines() const { return lines_; }
  // Continues the last line (RFC 2326 takes folding from RFC 2616 §4.2).
  void Continue(std::string_view text);

  friend bool operator==(const Headers&, const Headers&) = default;

 private:
  std::vector<Line> lines_;
};

struct Request {
  std::string method;
  std::string uri;
  std::string version{kVersion};
  Headers headers;
  std::string body;

  friend bool operator==(const Request&, const Request&) = default;
};

struct Response {
  int status = 200;
  std::string reason;  // "" is written as the status's own
  Headers headers;
  std::string body;
  std::string version{kVersion};

  friend bool operator==(const Response&, const Response&) = default;
};

// `$`, channel, 16-bit length, payload.
struct Interleaved {
  uint8_t channel = 0;
  media::Payload payload;
};

using Message = std::variant<Request, Response, Interleaved>;

// RFC 2326 §7.1.1 and RFC 7826 §17; "Unknown" for numbers that are in neither.
std::string_view ReasonOf(int status);

// Appends the message. Content-Length is written where there is a body; line ends inside start line
// and headers are left out, so that no value can begin a line of its own.
void Write(const Request& request, std::vector<uint8_t>& out);
void Write(const Response& response, std::vector<uint8_t>& out);

inline constexpr size_t kInterleavedHeaderSize = 4;
inline constexpr size_t kMaxInterleavedSize = 0xffff;
// The four bytes in front of `size` bytes of payload.
void WriteInterleavedHeader(uint8_t channel, uint16_t size, std::vector<uint8_t>& out);

}  // namespace millrace::rtsp
