#pragma once
// What values each setting may take.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace google::protobuf {
class FieldDescriptor;
}

namespace millrace::config {

struct Range {
  uint64_t min = 0;
  uint64_t max = UINT64_MAX;
  bool or_zero = false;  // 0 turns the setting off
};

// Of an integer field, in its own unit; the field's type where nothing narrower is known.
Range RangeOf(const google::protobuf::FieldDescriptor& field);

// Whether a text field may hold `value`: router endpoints, CIDRs, origins, host names, users and
// passwords of publishers and viewers.
absl::Status CheckText(const google::protobuf::FieldDescriptor& field, std::string_view value);

// Whether `key` can be a key of the map `field`: of `applications` an application or a path of
// parts below one, of `streams` a pattern.
absl::Status CheckKey(const google::protobuf::FieldDescriptor& field, std::string_view key);

inline constexpr int kMaxPatterns = 1'000;

// Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates.
bool IsUtf8(std::string_view text);

}  // namespace millrace::config
