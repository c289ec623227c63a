#include "runtime/config/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>

namespace millrace::config {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array<Unit, 5> kDurations{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
// Binary units first and falling: what FormatBytes prefers.
constexpr std::array<Unit, 4> kBinarySizes{
    {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}}};
constexpr std::array<Unit, 8> kSizes{{{"GiB", 1ULL << 30},
                                      {"MiB", 1ULL << 20},
                                      {"KiB", 1ULL << 10},
                                      {"B", 1},
                                      {"kB", 1'000},
                                      {"KB", 1'000},
                                      {"MB", 1'000'000},
                                      {"GB", 1'000'000'000}}};

constexpr std::array<Unit, 1> kSpeeds{{{"x", 100}}};
constexpr std::array<Unit, 4> kBitrates{
    {{"Gbps", 1'000'000'000}, {"Mbps", 1'000'000}, {"kbps", 1'000}, {"bps", 1}}};

bool IsNumberCharacter(char c) { return (c >= '0' && c <= '9') || c == '.'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

template <class Predicate>
std::string_view TakeWhile(std::string_view& text, Predicate predicate) {
  size_t length = 0;
  while (length < text.size() && predicate(text[length])) ++length;
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

// number * factor where the result is whole and fits.
std::optional<uint64_t> Scale(std::string_view number, uint64_t factor) {
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value,
                                            std::chars_format::fixed);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  const double scaled = value * static_cast<double>(factor);
  // Beyond 2^53 a double would no longer say what was written.
  if (scaled > 9e15) return std::nullopt;
  const double whole = std::round(scaled);
  if (std::abs(scaled - whole) > 1e-6) return std::nullopt;
  return static_cast<uint64_t>(whole);
}

absl::StatusOr<uint64_t> Parse(std::string_view text, std::span<const Unit> units, bool repeated,
                               const char* what, const char* examples) {
  if (text == "0") return 0;
  const auto refuse = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        fmt::format("`{}` {}: write a {} like {}", text, why, what, examples));
  };
  std::string_view rest = text;
  uint64_t total = 0;
  uint64_t last_factor = std::numeric_limits<uint64_t>::max();
  do {
    const std::string_view number = TakeWhile(rest, IsNumberCharacter);
    const std::string_view name = TakeWhile(rest, IsLetter);
    if (number.empty()) return refuse(fmt::format("is not a {}", what));
    if (name.empty()) return refuse("has no unit");
    const Unit* unit = nullptr;
    for (const Unit& candidate : units) {
      if (candidate.name == name) unit = &candidate;
    }
    if (unit == nullptr) return refuse(fmt::format("has an unknown unit `{}`", name));
    if (unit->factor >= last_factor) return refuse("has its units in the wrong order");
    last_factor = unit->factor;
    const std::optional<uint64_t> part = Scale(number, unit->factor);
    if (!part) return refuse("is not a whole number of the smallest unit, or too large");
    total += *part;
  } while (repeated && !rest.empty());
  if (!rest.empty()) return refuse(fmt::format("is not a {}", what));
  return total;
}

}  // namespace

absl::StatusOr<uint64_t> ParseMilliseconds(std::string_view text) {
  return Parse(text, kDurations, /*repeated=*/true, "duration", "350ms, 10s, 1m or 2h30m");
}

absl::StatusOr<uint64_t> ParseBytes(std::string_view text) {
  return Parse(text, kSizes, /*repeated=*/false, "size", "64KiB, 16MiB or 1GiB");
}

absl::StatusOr<uint64_t> ParseSpeed(std::string_view text) {
  return Parse(text, kSpeeds, /*repeated=*/false, "speed", "2x or 1.5x");
}

absl::StatusOr<uint64_t> ParseBitrate(std::string_view text) {
  return Parse(text, kBitrates, /*repeated=*/false, "bitrate", "800kbps, 2.5Mbps or 1Gbps");
}

std::string FormatMilliseconds(uint64_t milliseconds) {
  if (milliseconds == 0) return "0";
  if (milliseconds % 1'000 != 0) return fmt::format("{}ms", milliseconds);
  std::string text;
  for (const Unit& unit : kDurations) {
    const uint64_t count = milliseconds / unit.factor;
    milliseconds %= unit.factor;
    if (count > 0) text += fmt::format("{}{}", count, unit.name);
  }
  return text;
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes == 0) return "0";
  for (const Unit& unit : kBinarySizes) {
    if (bytes % unit.factor == 0) return fmt::format("{}{}", bytes / unit.factor, unit.name);
  }
  return fmt::format("{}B", bytes);
}

std::string FormatSpeed(uint64_t percent) {
  if (percent == 0) return "0";
  if (percent % 100 == 0) return fmt::format("{}x", percent / 100);
  return fmt::format("{}.{:02}x", percent / 100, percent % 100);
}

std::string FormatBitrate(uint64_t bits_per_second) {
  if (bits_per_second == 0) return "0";
  for (const Unit& unit : kBitrates) {
    if (bits_per_second % unit.factor == 0) {
      return fmt::format("{}{}", bits_per_second / unit.factor, unit.name);
    }
  }
  return fmt::format("{}bps", bits_per_second);
}

}  // namespace millrace::config
