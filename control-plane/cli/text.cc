#include "control-plane/cli/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <span>
#include <utility>

#include "runtime/log/escape.h"

namespace millrace::cli {
namespace {

constexpr const char* kNothing = "–";

// Columns that `text` takes: code points, which is right for names and close for the rest.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

const char* Code(Style style) {
  switch (style) {
    case Style::kBold:
      return "\x1b[1m";
    case Style::kGood:
      return "\x1b[32m";
    case Style::kWarning:
      return "\x1b[33m";
    case Style::kBad:
      return "\x1b[31m";
    case Style::kFaint:
      return "\x1b[2m";
    default:
      return "";
  }
}

std::string Scaled(double value, double step, std::span<const char* const> units) {
  size_t unit = 0;
  while (value >= step && unit + 1 < units.size()) {
    value /= step;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 || value >= 100 ? 0 : 1, units[unit]);
}

std::tm Local(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm local{};
  localtime_r(&seconds, &local);
  return local;
}

}  // namespace

bool TerminalHasColours() {
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;
  if (term != nullptr && std::string_view(term) == "dumb") return false;
  return isatty(STDOUT_FILENO) == 1;
}

std::string Harmless(std::string_view text) {
  std::string result;
  log::AppendEscaped(result, text);
  return result;
}

std::string Painted(std::string_view text, Style style, bool colours) {
  if (!colours || style == Style::kPlain) return std::string(text);
  return fmt::format("{}{}\x1b[0m", Code(style), text);
}

std::string Duration(int64_t milliseconds) {
  if (milliseconds <= 0) return kNothing;
  if (milliseconds < 1'000) return fmt::format("{} ms", milliseconds);
  const int64_t seconds = milliseconds / 1'000;
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3'600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{} h {:02} min", seconds / 3'600, seconds / 60 % 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds / 3'600 % 24);
}

std::string Bitrate(double bits_per_second) {
  constexpr std::array<const char*, 4> kUnits = {"b/s", "kb/s", "Mb/s", "Gb/s"};
  return bits_per_second <= 0 ? kNothing : Scaled(bits_per_second, 1'000, kUnits);
}

std::string Bytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  return bytes == 0 ? kNothing : Scaled(static_cast<double>(bytes), 1'024, kUnits);
}

std::string LocalTime(int64_t unix_ms) {
  return unix_ms <= 0 ? kNothing : fmt::format("{:%Y-%m-%d %H:%M:%S}", Local(unix_ms));
}

std::string LocalClock(int64_t unix_ms) {
  return unix_ms <= 0 ? kNothing : fmt::format("{:%H:%M:%S}", Local(unix_ms));
}

Table::Table(std::vector<std::string> header, bool colours)
    : header_(std::move(header)), colours_(colours) {}

void Table::Add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = Harmless(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::Render() const {
  std::vector<size_t> widths;
  for (const std::string& title : header_) widths.push_back(Width(title));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i].text));
  }
  std::string out;
  const auto append = [&](size_t column, std::string_view text, Style style, bool right) {
    const std::string padding(widths[column] - Width(text), ' ');
    const bool last = column + 1 == widths.size();
    if (right) out += padding;
    out += Painted(text, style, colours_);
    if (!right && !last) out += padding;
    if (!last) out += "  ";
  };
  for (size_t i = 0; i < header_.size(); ++i) {
    const bool right = !rows_.empty() && i < rows_.front().size() && rows_.front()[i].right;
    append(i, header_[i], Style::kBold, right);
  }
  out += '\n';
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) append(i, row[i].text, row[i].style, row[i].right);
    out += '\n';
  }
  return out;
}

}  // namespace millrace::cli
