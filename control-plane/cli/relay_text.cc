#include "control-plane/cli/relay_text.h"

#include <fmt/format.h>

#include <chrono>

namespace millrace::cli {
namespace {

int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

const char* RelayStateWord(const v1::RelayStatus& status) {
  switch (status.state()) {
    case v1::RELAY_UNASSIGNED:
      return "unassigned";
    case v1::RELAY_WAITING:
      return "waiting";
    case v1::RELAY_CONNECTING:
      return "connecting";
    case v1::RELAY_RUNNING:
      return "running";
    case v1::RELAY_BACKING_OFF:
      return "backing off";
    default:
      return "?";
  }
}

Style RelayStateStyle(const v1::RelayStatus& status) {
  switch (status.state()) {
    case v1::RELAY_RUNNING:
      return Style::kGood;
    case v1::RELAY_UNASSIGNED:
    case v1::RELAY_BACKING_OFF:
      return Style::kBad;
    case v1::RELAY_CONNECTING:
      return Style::kWarning;
    default:
      return Style::kPlain;
  }
}

std::string RelayAge(const v1::RelayStatus& status) {
  return Duration(status.since_unix_ms() == 0 ? 0 : UnixMilliseconds() - status.since_unix_ms());
}

void PrintStatus(const Context& context, const v1::RelayStatus& status) {
  context.Line("state", RelayStateWord(status), RelayStateStyle(status));
  if (status.since_unix_ms() > 0) context.Line("since", LocalTime(status.since_unix_ms()));
  if (!status.reason().empty()) context.Line("reason", status.reason());
  if (status.attempts() > 0) context.Line("attempts", fmt::format("{}", status.attempts()));
  if (status.next_try_unix_ms() > 0) {
    context.Line("next try", fmt::format("{}, in {}", LocalTime(status.next_try_unix_ms()),
                                         Duration(status.next_try_unix_ms() - UnixMilliseconds())));
  }
  context.Line("node", status.node());
  if (!status.session().empty()) context.Line("session", status.session());
}

absl::Status WithReplaceHint(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kAlreadyExists) return status;
  return {status.code(), std::string(status.message()) + " (--replace)"};
}

}  // namespace millrace::cli
