#include "router/event_log.h"

#include <chrono>
#include <optional>

namespace millrace::router {
namespace {

log::Level LevelOf(EventKind kind) {
  switch (kind) {
    case EventKind::kSkipped:
    case EventKind::kLost:
    case EventKind::kNodeGone:
    case EventKind::kPublisherLost:
      return log::Level::kWarning;
    case EventKind::kTracksChanged:
      return log::Level::kDebug;
    default:
      return log::Level::kInfo;
  }
}

}  // namespace

void EventLog::Write(const Event& event) {
  const log::Level level = LevelOf(event.kind);
  if (!logger_.Enabled(level)) return;
  std::optional<uint64_t> suppressed = 0;
  const auto now = std::chrono::steady_clock::now();
  if (event.kind == EventKind::kSkipped || event.kind == EventKind::kLost) {
    suppressed = losses_.Allow(now);
  } else if (event.kind == EventKind::kPublishRefused) {
    suppressed = refusals_.Allow(now);
  }
  if (!suppressed.has_value()) return;
  if (event.stream.empty()) {
    logger_.Write(level, EventName(event.kind), {{"peer", event.node}});
    return;
  }
  logger_.Write(level, EventName(event.kind),
                {{"stream", event.stream},
                 {"epoch", event.epoch},
                 {"sequence", event.sequence},
                 {"peer", event.node},
                 {"session", event.session},
                 {"detail", event.detail},
                 {"suppressed", *suppressed}});
}

}  // namespace millrace::router
