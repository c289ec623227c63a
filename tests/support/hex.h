#pragma once
// Bytes written as text in cases tables: "17 00 000000 'onMetaData'". Spaces are free; text in
// single quotes stands for itself.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::tests {

inline std::vector<uint8_t> Hex(std::string_view text) {
  std::vector<uint8_t> bytes;
  std::string digits;
  bool quoted = false;
  for (char c : text) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (quoted) {
      bytes.push_back(static_cast<uint8_t>(c));
    } else if (c != ' ' && c != '\n') {
      digits += c;
      if (digits.size() < 2) continue;
      bytes.push_back(static_cast<uint8_t>(std::strtoul(digits.c_str(), nullptr, 16)));
      digits.clear();
    }
  }
  return bytes;
}

}  // namespace millrace::tests
