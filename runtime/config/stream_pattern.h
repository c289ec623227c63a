#pragma once
// Patterns of stream names in the configuration: parts divided by '/', of which `*` is any one
// part, `**` any number of parts (also none), and anything else itself.

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::config {

class StreamPattern {
 public:
  // InvalidArgument says what is wrong: empty parts, "." or "..", control characters, a `*` among
  // other characters, more than 255 bytes.
  static absl::StatusOr<StreamPattern> Parse(std::string_view text);

  // Whether it is the whole of `stream`. Time is bounded by the product of both lengths.
  bool Matches(std::string_view stream) const;
  // The order from the least to the most specific, as v1::Configuration has it. No two patterns
  // are equal, unless they are the same text.
  std::strong_ordering operator<=>(const StreamPattern& other) const;
  bool operator==(const StreamPattern& other) const { return text_ == other.text_; }

  const std::string& text() const { return text_; }
  // The first part, where that is plain; else empty: a pattern that may match anything.
  std::string_view first_part() const;
  // The plain parts before the first wildcard: "cams/gate" of "cams/gate/*/low".
  std::string_view plain_prefix() const;

 private:
  enum class Kind : uint8_t { kAnyDepth, kAnyPart, kPlain };  // rising
  struct Part {
    Kind kind;
    std::string text;  // of kPlain
  };

  std::string text_;
  std::vector<Part> parts_;
  size_t plain_ = 0, any_part_ = 0, any_depth_ = 0;  // how many
};

}  // namespace millrace::config
