#include "runtime/relay/core.h"

#include <algorithm>
#include <set>

namespace millrace::relay {
namespace {

std::string BytesOf(const Job& job) {
  return std::visit([](const auto& one) { return one.SerializeAsString(); }, job);
}

}  // namespace

const char* EndName(End end) {
  switch (end) {
    case End::kLost:
      return "lost";
    case End::kRefused:
      return "refused";
    case End::kOver:
      return "over";
    case End::kReplaced:
      return "replaced";
    case End::kKicked:
      return "kicked";
    case End::kStopped:
      return "stopped";
  }
  return "unknown";
}

void Core::Assign(const v1::RelayAssignments& assignments, Time now) {
  std::set<JobId> wanted;
  for (const v1::Pull& pull : assignments.pulls()) {
    const JobId id{false, pull.stream()};
    if (wanted.insert(id).second) AssignOne(id, pull, now);
  }
  for (const v1::Push& push : assignments.pushes()) {
    const JobId id{true, push.name()};
    if (wanted.insert(id).second) AssignOne(id, push, now);
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    auto& [id, entry] = *it;
    if (wanted.contains(id)) {
      ++it;
      continue;
    }
    entry.assigned = false;
    if (entry.phase == Phase::kPausing) {
      it = entries_.erase(it);
      continue;
    }
    Stop(id, entry, draining_ ? StopKind::kHandOver : StopKind::kGoodbye);
    ++it;
  }
}

void Core::AssignOne(const JobId& id, Job job, Time now) {
  const auto [found, is_new] = entries_.try_emplace(id);
  Entry& entry = found->second;
  const bool same = !is_new && BytesOf(entry.job) == BytesOf(job);
  entry.assigned = true;
  if (same) return;
  entry.job = std::move(job);
  entry.failures = 0;
  entry.replaced = false;
  entry.status.set_attempts(0);
  entry.status.clear_reason();
  if (entry.phase == Phase::kPausing) {
    Start(id, entry, now);
  } else {
    Stop(id, entry, StopKind::kHandOver);
  }
}

void Core::Enter(Entry& entry, v1::RelayState state, Time now) {
  entry.status.set_state(state);
  entry.status.set_since_unix_ms(now.unix_ms);
  entry.status.clear_next_try_unix_ms();
  entry.status.clear_session();
}

void Core::Start(const JobId& id, Entry& entry, Time now) {
  if (draining_) return;
  entry.phase = Phase::kConnecting;
  Enter(entry, v1::RELAY_CONNECTING, now);
  entry.status.set_attempts(entry.status.attempts() + 1);
  actions_.emplace_back(StartAction{id, entry.job});
}

void Core::Stop(const JobId& id, Entry& entry, StopKind kind) {
  if (entry.phase == Phase::kStopping) return;
  entry.phase = Phase::kStopping;
  actions_.emplace_back(StopAction{id, kind});
}

void Core::Running(const JobId& id, std::string_view session, Time now) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.phase != Phase::kConnecting) return;
  Entry& entry = found->second;
  entry.phase = Phase::kRunning;
  entry.running_since_ms = now.steady_ms;
  entry.replaced = false;
  Enter(entry, v1::RELAY_RUNNING, now);
  entry.status.clear_reason();
  entry.status.set_attempts(0);
  entry.status.set_session(std::string(session));
}

int64_t Core::DelayAfter(End end, const Entry& entry) {
  const uint32_t doublings = std::min<uint32_t>(entry.failures - 1, 16);
  int64_t delay = std::min(kFirstDelayMs << doublings, kMaxDelayMs);
  if (end == End::kKicked) delay = 2 * kKickedDelayMs;
  if (end == End::kReplaced) delay = 2 * kReplacedDelayMs;
  return delay / 2 + static_cast<int64_t>(random_() * static_cast<double>(delay / 2));
}

void Core::Ended(const JobId& id, End end, std::string_view reason, Time now) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.phase == Phase::kPausing) return;
  Entry& entry = found->second;
  const Phase phase = std::exchange(entry.phase, Phase::kPausing);
  if (!entry.assigned) {
    entries_.erase(found);
    return;
  }
  if (phase == Phase::kStopping) {
    Start(id, entry, now);
    return;
  }
  const bool steady =
      phase == Phase::kRunning && now.steady_ms - entry.running_since_ms >= kSteadyMs;
  entry.failures = steady ? 1 : entry.failures + 1;
  entry.replaced = end == End::kReplaced;
  const int64_t delay = DelayAfter(end, entry);
  entry.next_try_ms = now.steady_ms + delay;
  Enter(entry, v1::RELAY_BACKING_OFF, now);
  entry.status.set_reason(std::string(reason));
  entry.status.set_next_try_unix_ms(now.unix_ms + delay);
}

void Core::OnTimer(Time now, bool attached) {
  for (auto& [id, entry] : entries_) {
    if (draining_ || entry.phase != Phase::kPausing || entry.next_try_ms > now.steady_ms) continue;
    if (entry.replaced && !attached) {
      entry.next_try_ms = now.steady_ms + kMaxDelayMs;
      continue;
    }
    Start(id, entry, now);
  }
}

std::optional<int64_t> Core::NextDeadline() const {
  std::optional<int64_t> next;
  if (draining_) return next;
  for (const auto& [id, entry] : entries_) {
    if (entry.phase != Phase::kPausing) continue;
    next = std::min(next.value_or(entry.next_try_ms), entry.next_try_ms);
  }
  return next;
}

v1::RelayUpdate Core::Describe() const {
  v1::RelayUpdate update;
  for (const auto& [id, entry] : entries_) {
    v1::RelayReport& report = *update.add_changed();
    if (id.push) {
      report.set_push(id.name);
    } else {
      report.set_pull(id.name);
    }
    *report.mutable_status() = entry.status;
  }
  update.set_complete(true);
  return update;
}

std::map<v1::RelayState, int> Core::Count(bool pushes) const {
  std::map<v1::RelayState, int> count;
  for (const auto& [id, entry] : entries_) {
    if (id.push == pushes) ++count[entry.status.state()];
  }
  return count;
}

}  // namespace millrace::relay
