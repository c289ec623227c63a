#include "control-plane/kicks.h"

#include <utility>

namespace millrace::control {

bool CommandOutcome::found() const {
  for (const auto& [node, result] : results) {
    if (result.found()) return true;
  }
  return false;
}

uint32_t CommandOutcome::sessions() const {
  uint32_t sum = 0;
  for (const auto& [node, result] : results) sum += result.sessions();
  return sum;
}

uint64_t Kicks::Begin(const std::vector<std::string>& nodes, int64_t now_ms, CommandDone done) {
  const uint64_t id = next_++;
  Pending& pending = pending_[id];
  pending.awaited.insert(nodes.begin(), nodes.end());
  pending.done = std::move(done);
  pending.deadline_ms = now_ms + kTimeoutMs;
  return id;
}

void Kicks::Answered(const std::string& node, const v1::CommandResult& result) {
  const auto found = pending_.find(result.command_id());
  if (found == pending_.end() || found->second.awaited.erase(node) == 0) return;
  found->second.outcome.results[node] = result;
  EndIf([](const Pending& pending) { return pending.awaited.empty(); });
}

void Kicks::Lost(const std::string& node) {
  for (auto& [id, pending] : pending_) {
    if (pending.awaited.erase(node) > 0) pending.outcome.silent.push_back(node);
  }
  EndIf([](const Pending& pending) { return pending.awaited.empty(); });
}

void Kicks::Expire(int64_t now_ms) {
  EndIf([now_ms](const Pending& pending) { return pending.deadline_ms <= now_ms; });
}

void Kicks::EndAll() {
  EndIf([](const Pending&) { return true; });
}

void Kicks::EndIf(const std::function<bool(const Pending&)>& over) {
  std::vector<Pending> ended;  // told after the table is in order again
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (!over(it->second)) {
      ++it;
      continue;
    }
    ended.push_back(std::move(it->second));
    it = pending_.erase(it);
  }
  for (Pending& pending : ended) {
    for (const std::string& node : pending.awaited) pending.outcome.silent.push_back(node);
    pending.done(pending.outcome);
  }
}

}  // namespace millrace::control
