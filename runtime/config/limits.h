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
};

// Of an integer field, in its own unit; the field's type where nothing narrower is known.
Range RangeOf(const google::protobuf::FieldDescriptor& field);

// Whether a text field may hold `value`: router endpoints, CIDRs, origins, host names, users and
// passwords of publishers.
absl::Status CheckText(const google::protobuf::FieldDescriptor& field, std::string_view value);

// Whether `name` can be the key of `applications`: an application or a path of parts below one.
absl::Status CheckApplicationName(std::string_view name);

// Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates.
bool IsUtf8(std::string_view text);

}  // namespace millrace::config
