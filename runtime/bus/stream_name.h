#pragma once
// What a stream may be called: `app/name` of any depth.

#include <string_view>

#include "absl/status/status.h"

namespace millrace::bus {

inline constexpr size_t kMaxStreamNameBytes = 255;

// InvalidArgument says which rule `name` breaks: two parts or more divided by '/', none of them
// empty, "." or
// "..", valid UTF-8 (RFC 3629) without control characters, at most 255 bytes.
absl::Status ValidateStreamName(std::string_view name);

// The application that a stream belongs to: what stands before the first '/'.
std::string_view ApplicationOf(std::string_view name);

}  // namespace millrace::bus
