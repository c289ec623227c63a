#pragma once
// Values as people read them. Nothing that clients or encoders named reaches the terminal
// unescaped.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::cli {

enum class Style { kPlain, kBold, kGood, kWarning, kBad, kFaint };

// Whether standard output is a terminal that wants colours (NO_COLOR is honoured).
bool TerminalHasColours();

// `text` without anything a terminal would act on.
std::string Harmless(std::string_view text);
std::string Painted(std::string_view text, Style style, bool colours);

// "–" for 0 and below.
std::string Duration(
    int64_t milliseconds);  // "840 ms", "12 s", "3 min 20 s", "4 h 05 min", "3 d 4 h"
std::string Bitrate(double bits_per_second);  // "640 kb/s", "2.4 Mb/s"
std::string Bytes(uint64_t bytes);            // "512 B", "1.2 MiB"
std::string LocalTime(int64_t unix_ms);       // "2024-05-01 13:05:59"
std::string LocalClock(int64_t unix_ms);      // "13:05:59"

// Rows in aligned columns under a header; the last column is not padded.
class Table {
 public:
  Table(std::vector<std::string> header, bool colours);
  struct Cell {
    std::string text;
    Style style = Style::kPlain;
    bool right = false;
  };
  void Add(std::vector<Cell> row);
  std::string Render() const;

 private:
  std::vector<std::string> header_;
  bool colours_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace millrace::cli
