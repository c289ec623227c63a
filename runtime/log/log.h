#pragma once
// Structured logs: a message that is a constant, and fields that say about what. Text with colours
// on a terminal, one JSON object a line otherwise.
//
//   logger.Info("publish accepted", {{"stream", name}, {"session", id}});
//
// A Logger is cheap to copy and handed to whoever logs; there is no global one. Writing never
// blocks the caller: lines go through a bounded queue whose oldest entries give way, so that a
// stuck terminal or log driver cannot stall media. Hostile text (control characters, invalid UTF-8,
// bidirectional overrides) is escaped in both forms.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"

namespace millrace::log {

enum class Level { kDebug, kInfo, kWarning, kError };
// "debug", "info", "warning" (or "warn"), "error".
absl::StatusOr<Level> ParseLevel(std::string_view text);

enum class Format {
  kAuto,  // text where standard error is a terminal, else JSON
  kText,
  kJson,
};
absl::StatusOr<Format> ParseFormat(std::string_view text);  // "auto", "text", "json"

// What a field may hold. Text is borrowed for the duration of the call.
class Value {
 public:
  // NOLINTBEGIN(google-explicit-constructor): fields are written as {"key", value}
  Value(const char* text) : value_(std::string_view(text != nullptr ? text : "")) {}
  Value(bool value) : value_(value) {}
  Value(double value) : value_(value) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Value(T value) {
    if constexpr (std::signed_integral<T>) {
      value_ = static_cast<int64_t>(value);
    } else {
      value_ = static_cast<uint64_t>(value);
    }
  }
  // std::string, std::string_view, absl::string_view.
  template <class T>
    requires requires(const T& text) {
      { text.data() } -> std::convertible_to<const char*>;
      { text.size() } -> std::convertible_to<size_t>;
    }
  Value(const T& text) : value_(std::string_view(text.data(), text.size())) {}
  // NOLINTEND(google-explicit-constructor)

  const std::variant<std::string_view, int64_t, uint64_t, double, bool>& get() const {
    return value_;
  }

 private:
  std::variant<std::string_view, int64_t, uint64_t, double, bool> value_;
};

struct Field {
  // A literal in snake_case. What every line has already (time, level, node, msg) gets "about_" in
  // front.
  const char* key;
  Value value;
};
using Fields = std::initializer_list<Field>;

struct Options {
  Format format = Format::kAuto;
  Level level = Level::kInfo;
  std::string node;                // field of every line; empty: none
  std::ostream* stream = nullptr;  // for tests: written at once, instead of standard error
};

class Backend;

class Logger {
 public:
  // Writes nothing.
  Logger() = default;
  // One a process, in main. Lines still queued are written when the last copy is gone.
  static Logger Create(const Options& options);

  // A logger whose lines also bear `fields`. Rendered once, here.
  Logger With(Fields fields) const;

  void Debug(std::string_view message, Fields fields = {}) const;
  void Info(std::string_view message, Fields fields = {}) const;
  void Warning(std::string_view message, Fields fields = {}) const;
  void Error(std::string_view message, Fields fields = {}) const;
  void Write(Level level, std::string_view message, Fields fields) const;
  bool Enabled(Level level) const;
  // Waits until everything written so far is out, at most a second (before an exit that runs no
  // destructors).
  void Flush() const;

 private:
  std::shared_ptr<Backend> backend_;
  std::shared_ptr<const std::string> context_;  // rendered fields, with the separator in front
};

}  // namespace millrace::log
