#pragma once
// Action Message Format 0 ("Action Message Format -- AMF 0", Adobe 2007), and AMF 3 where an AMF 0
// value switches to it by marker 0x11. Sans I/O: bytes to values and back.

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "media/amf/value.h"
#include "media/base/bytes.h"

namespace millrace::media::amf {

// What a decoder accepts of one message. Depth counts nested containers.
struct Limits {
  size_t max_depth = 32;
  size_t max_values = 10000;
  size_t max_string = 1u << 20;
  size_t max_bytes = 4u << 20;  // all strings of the message, expanded references included
};

// Reads one value from the front of `reader`. ECMA array counts are not believed; an object that
// the message ends in, between two properties, is taken as ended (some encoders omit the end
// marker). References to containers that are still open, or that did not fit the budget, decode as
// undefined.
absl::StatusOr<Value> Decode(ByteReader& reader, const Limits& limits = {});

// Reads values to the end of `bytes`; the limits hold for all of them together.
absl::StatusOr<std::vector<Value>> DecodeAll(Bytes bytes, const Limits& limits = {});

// Reads values from the front of `bytes` into `values` for as long as they decode. OK where all of
// them did; else what was wrong with the first that did not, and `values` holds those before it.
absl::Status DecodeUntilWrong(Bytes bytes, const Limits& limits, std::vector<Value>& values);

// Strings beyond 65535 bytes become long strings; keys are cut at 65535 bytes.
void EncodeAmf0(ByteWriter& writer, const Value& value);

}  // namespace millrace::media::amf
