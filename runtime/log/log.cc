#include "runtime/log/log.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <thread>
#include <type_traits>
#include <utility>

#include "runtime/log/escape.h"

namespace millrace::log {
namespace {

constexpr size_t kQueuedLines = 4096;

spdlog::level::level_enum SpdLevel(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void AppendValue(std::string& out, const Value& value, bool json) {
  std::visit(
      [&](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          json ? AppendQuoted(out, held) : AppendWord(out, held);
        } else if constexpr (std::is_same_v<T, bool>) {
          out += held ? "true" : "false";
        } else if constexpr (std::is_same_v<T, double>) {
          // JSON has no NaN and no infinity (RFC 8259 §6).
          out += std::isfinite(held) || !json ? fmt::format("{}", held) : "null";
        } else {
          out += std::to_string(held);
        }
      },
      value.get());
}

bool Reserved(std::string_view key) {
  return key == "time" || key == "level" || key == "node" || key == "msg";
}

void AppendFields(std::string& out, Fields fields, bool json) {
  for (const Field& field : fields) {
    if (json) {
      out += Reserved(field.key) ? ",\"about_" : ",\"";
      out += field.key;
      out += "\":";
    } else {
      out += Reserved(field.key) ? " about_" : " ";
      out += field.key;
      out += '=';
    }
    AppendValue(out, field.value, json);
  }
}

}  // namespace

class Backend {
 public:
  explicit Backend(const Options& options)
      : json_(options.format == Format::kJson ||
              (options.format == Format::kAuto &&
               (options.stream != nullptr || isatty(STDERR_FILENO) == 0))) {
    if (!options.node.empty()) {
      node_ = json_ ? ",\"node\":" : " node=";
      json_ ? AppendQuoted(node_, options.node) : AppendWord(node_, options.node);
    }
    if (options.stream != nullptr) {
      logger_ = std::make_shared<spdlog::logger>(
          "millrace", std::make_shared<spdlog::sinks::ostream_sink_mt>(*options.stream, true));
    } else {
      spdlog::sink_ptr sink;
      if (json_) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
      } else {
        sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
      }
      // The writer takes no signals: it may start before main has said who handles them.
      queue_ = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1, [] {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
      });
      logger_ = std::make_shared<spdlog::async_logger>(
          "millrace", std::move(sink), queue_, spdlog::async_overflow_policy::overrun_oldest);
    }
    if (json_) {
      logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
          R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l"%v})", spdlog::pattern_time_type::utc));
    } else {
      logger_->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%7l%$ %v");
    }
    logger_->set_level(SpdLevel(options.level));
    logger_->flush_on(spdlog::level::warn);
  }

  bool json() const { return json_; }
  bool Enabled(Level level) const { return logger_->should_log(SpdLevel(level)); }

  void Write(Level level, std::string_view message, const std::string* context, Fields fields) {
    std::string line;
    if (json_) {
      line = node_ + ",\"msg\":";
      AppendQuoted(line, message);
    } else {
      AppendEscaped(line, message);
      line += node_;
    }
    if (context != nullptr) line += *context;
    AppendFields(line, fields, json_);
    logger_->log(SpdLevel(level), spdlog::string_view_t(line.data(), line.size()));
  }
  void Flush() {
    for (int i = 0; i < 1000 && queue_ != nullptr && queue_->queue_size() > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (const spdlog::sink_ptr& sink : logger_->sinks()) sink->flush();
  }

 private:
  const bool json_;
  std::string node_;  // rendered
  std::shared_ptr<spdlog::details::thread_pool> queue_;
  std::shared_ptr<spdlog::logger> logger_;
};

absl::StatusOr<Level> ParseLevel(std::string_view text) {
  if (text == "debug") return Level::kDebug;
  if (text == "info") return Level::kInfo;
  if (text == "warning" || text == "warn") return Level::kWarning;
  if (text == "error") return Level::kError;
  return absl::InvalidArgumentError("log level is one of debug, info, warning, error");
}

absl::StatusOr<Format> ParseFormat(std::string_view text) {
  if (text == "auto") return Format::kAuto;
  if (text == "text") return Format::kText;
  if (text == "json") return Format::kJson;
  return absl::InvalidArgumentError("log format is one of auto, text, json");
}

Logger Logger::Create(const Options& options) {
  Logger logger;
  logger.backend_ = std::make_shared<Backend>(options);
  return logger;
}

Logger Logger::With(Fields fields) const {
  Logger logger = *this;
  if (backend_ == nullptr) return logger;
  std::string context = context_ != nullptr ? *context_ : std::string();
  AppendFields(context, fields, backend_->json());
  logger.context_ = std::make_shared<const std::string>(std::move(context));
  return logger;
}

bool Logger::Enabled(Level level) const { return backend_ != nullptr && backend_->Enabled(level); }

void Logger::Write(Level level, std::string_view message, Fields fields) const {
  if (Enabled(level)) backend_->Write(level, message, context_.get(), fields);
}

void Logger::Debug(std::string_view message, Fields fields) const {
  Write(Level::kDebug, message, fields);
}
void Logger::Info(std::string_view message, Fields fields) const {
  Write(Level::kInfo, message, fields);
}
void Logger::Warning(std::string_view message, Fields fields) const {
  Write(Level::kWarning, message, fields);
}
void Logger::Error(std::string_view message, Fields fields) const {
  Write(Level::kError, message, fields);
}
void Logger::Flush() const {
  if (backend_ != nullptr) backend_->Flush();
}

}  // namespace millrace::log
