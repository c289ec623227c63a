#include "runtime/bus/stream_name.h"

#include <cstddef>
#include <cstdint>

namespace millrace::bus {
namespace {

// Length of the character at the front of `text`, 0 where it is not UTF-8 as RFC 3629 §4 has it.
size_t CharacterLength(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && byte(1) < 0xa0) return 0;   // overlong
    if (first == 0xed && byte(1) >= 0xa0) return 0;  // surrogates
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && byte(1) < 0x90) return 0;   // overlong
    if (first == 0xf4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

absl::Status Invalid(const char* why) { return absl::InvalidArgumentError(why); }

}  // namespace

absl::Status ValidateStreamName(std::string_view name) {
  if (name.empty()) return Invalid("stream name is empty");
  if (name.size() > kMaxStreamNameBytes) return Invalid("stream name is longer than 255 bytes");
  for (size_t i = 0; i < name.size();) {
    const auto byte = static_cast<uint8_t>(name[i]);
    if (byte < 0x20 || byte == 0x7f) return Invalid("stream name has a control character");
    const size_t length = CharacterLength(name.substr(i));
    if (length == 0) return Invalid("stream name is not UTF-8");
    i += length;
  }
  size_t parts = 0;
  for (size_t start = 0; start <= name.size(); ++parts) {
    size_t end = name.find('/', start);
    if (end == std::string_view::npos) end = name.size();
    const std::string_view part = name.substr(start, end - start);
    if (part.empty()) return Invalid("stream name has an empty part");
    if (part == "." || part == "..") return Invalid("stream name has a part '.' or '..'");
    start = end + 1;
  }
  if (parts < 2) return Invalid("stream name needs two parts: app/name");
  return absl::OkStatus();
}

std::string_view ApplicationOf(std::string_view name) { return name.substr(0, name.find('/')); }

}  // namespace millrace::bus
