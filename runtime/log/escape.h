#pragma once
// Makes text from outside harmless in a log line.

#include <string>
#include <string_view>

namespace millrace::log {

// Appends `text` as the inside of a JSON string: valid UTF-8 without control characters (C0, DEL,
// C1), line separators or bidirectional controls, which become \uXXXX; bytes that are not UTF-8
// become U+FFFD.
void AppendEscaped(std::string& out, std::string_view text);

// As AppendEscaped within double quotes.
void AppendQuoted(std::string& out, std::string_view text);

// For text lines: as it is where it is one harmless word, else quoted.
void AppendWord(std::string& out, std::string_view text);

}  // namespace millrace::log
