#include "runtime/log/escape.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace millrace::log {
namespace {

// Length of the well-formed UTF-8 sequence at the front of `text` (RFC 3629 §4), 0 where there is
// none.
size_t Utf8Length(std::string_view text, uint32_t& code) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) {
    code = first;
    return 1;
  }
  size_t length = 0;
  uint32_t least = 0;
  if (first >= 0xc2 && first < 0xe0) {
    length = 2, least = 0x80, code = first & 0x1f;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3, least = 0x800, code = first & 0x0f;
  } else if (first >= 0xf0 && first < 0xf5) {
    length = 4, least = 0x10000, code = first & 0x07;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    code = (code << 6) | (at(i) & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return code < least || code > 0x10ffff || surrogate ? 0 : length;
}

bool Harmful(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

void AppendCode(std::string& out, uint32_t code) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[(code >> shift) & 15];
}

}  // namespace

void AppendEscaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    uint32_t code = 0;
    const size_t length = Utf8Length(text, code);
    if (length == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    if (code == '"' || code == '\\') {
      out += '\\';
      out += static_cast<char>(code);
    } else if (code == '\n') {
      out += "\\n";
    } else if (code == '\r') {
      out += "\\r";
    } else if (code == '\t') {
      out += "\\t";
    } else if (Harmful(code)) {
      AppendCode(out, code);
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
}

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  AppendEscaped(out, text);
  out += '"';
}

void AppendWord(std::string& out, std::string_view text) {
  const bool word = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
  });
  if (word) {
    out.append(text);
  } else {
    AppendQuoted(out, text);
  }
}

}  // namespace millrace::log
