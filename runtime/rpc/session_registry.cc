#include "runtime/rpc/session_registry.h"

#include <chrono>
#include <utility>

namespace millrace::rpc {
namespace {

const char* RoleLabel(v1::Role role) {
  switch (role) {
    case v1::ROLE_PUBLISHER:
      return "publisher";
    case v1::ROLE_VIEWER:
      return "viewer";
    default:
      return "none";  // connected, has asked for nothing yet
  }
}

metrics::Labels SessionLabels(const v1::Session& session) {
  return {{"protocol", session.protocol()}, {"role", RoleLabel(session.role())}};
}

int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// "1.2.3.4" of "1.2.3.4:80", "::1" of "[::1]:80"; an address without a port as it is.
std::string_view HostOf(std::string_view address) {
  if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
  const size_t colon = address.find(':');
  if (colon == std::string_view::npos || address.find(':', colon + 1) != std::string_view::npos) {
    return address;
  }
  return address.substr(0, colon);
}

}  // namespace

SessionRegistry::SessionRegistry(std::string node, std::string id_prefix,
                                 metrics::Registry& metrics)
    : node_(std::move(node)), id_prefix_(std::move(id_prefix)), metrics_(metrics) {}

prometheus::Gauge& SessionRegistry::OpenSessions(const v1::Session& session) {
  return metrics_.Gauge("millrace_sessions", "Client sessions that are open.",
                        SessionLabels(session));
}

void SessionRegistry::CountStart(const v1::Session& session) {
  // A session without a role is counted once it has one, or not at all.
  if (session.role() == v1::ROLE_UNSPECIFIED) return;
  metrics_
      .Counter("millrace_sessions_total", "Client sessions that were opened.",
               SessionLabels(session))
      .Increment();
}

void SessionRegistry::MarkDirty(const std::string& id) {
  dirty_.insert(id);
  if (listener_) listener_();
}

std::shared_ptr<SessionRecord> SessionRegistry::Open(v1::Session session, Kick kick) {
  session.set_node(node_);
  session.set_started_unix_ms(UnixMilliseconds());
  OpenSessions(session).Increment();
  CountStart(session);

  std::lock_guard lock(mutex_);
  session.set_id(id_prefix_ + "-" + std::to_string(next_number_++));
  auto record = std::make_shared<SessionRecord>(std::move(session));
  entries_.emplace(record->id(), Entry{record, std::move(kick), 0});
  MarkDirty(record->id());
  return record;
}

void SessionRegistry::Describe(SessionRecord& record, std::string_view stream, v1::Role role,
                               std::string_view user) {
  std::lock_guard lock(mutex_);
  if (!entries_.contains(record.id())) return;  // already closed
  if (role != record.session_.role()) {
    OpenSessions(record.session_).Decrement();
    record.session_.set_role(role);
    OpenSessions(record.session_).Increment();
    CountStart(record.session_);
  }
  record.session_.set_stream(std::string(stream));
  record.session_.set_user(std::string(user));
  MarkDirty(record.id());
}

void SessionRegistry::Close(const SessionRecord& record, const char* reason) {
  Entry entry;  // its kick function is destroyed after the lock
  {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(record.id());
    if (found == entries_.end()) return;
    entry = std::move(found->second);
    entries_.erase(found);
    dirty_.erase(record.id());
    if (entry.record->reported_) closed_.push_back(record.id());
    if (listener_) listener_();
  }
  OpenSessions(record.session_).Decrement();
  metrics::Labels labels = SessionLabels(record.session_);
  labels["reason"] = reason;
  metrics_.Counter("millrace_session_ends_total", "Client sessions that ended.", labels)
      .Increment();
}

bool SessionRegistry::KickSession(const std::string& id, const std::string& reason) {
  Kick kick;
  {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return false;
    kick = found->second.kick;
  }
  if (kick) kick({.reason = reason});
  return true;
}

size_t SessionRegistry::KickStream(const std::string& stream, const std::string& reason) {
  std::vector<Kick> kicks;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      if (entry.record->session_.stream() == stream) kicks.push_back(entry.kick);
    }
  }
  for (const Kick& kick : kicks) {
    if (kick) kick({.reason = reason, .whole_stream = true});
  }
  return kicks.size();
}

size_t SessionRegistry::KickAll(const std::string& reason) {
  std::vector<Kick> kicks;
  {
    std::lock_guard lock(mutex_);
    kicks.reserve(entries_.size());
    for (const auto& [id, entry] : entries_) kicks.push_back(entry.kick);
  }
  for (const Kick& kick : kicks) {
    if (kick) kick({.reason = reason});
  }
  return kicks.size();
}

size_t SessionRegistry::KickBanned(const BanList& bans) {
  const int64_t now_unix_ms = UnixMilliseconds();
  std::vector<std::pair<Kick, KickOrder>> kicks;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      const v1::Session& session = entry.record->session_;
      const std::optional<v1::Ban> ban =
          bans.Find(session.stream(), HostOf(session.address()), session.user(), now_unix_ms);
      if (!ban.has_value()) continue;
      kicks.emplace_back(entry.kick,
                         KickOrder{.reason = ban->reason().empty() ? "banned" : ban->reason(),
                                   .whole_stream = ban->kind() == v1::BAN_STREAM});
    }
  }
  for (const auto& [kick, order] : kicks) {
    if (kick) kick(order);
  }
  return kicks.size();
}

uint64_t SessionRegistry::Activity(const SessionRecord& record) {
  // The counters only rise and states are literals, so that this differs whenever a row does.
  return record.bytes_in.load(std::memory_order_relaxed) +
         record.bytes_out.load(std::memory_order_relaxed) +
         record.frames_dropped.load(std::memory_order_relaxed) +
         reinterpret_cast<uintptr_t>(record.state.load(std::memory_order_relaxed));
}

v1::Session SessionRegistry::Snapshot(const SessionRecord& record) const {
  v1::Session session = record.session_;
  session.set_bytes_in(record.bytes_in.load(std::memory_order_relaxed));
  session.set_bytes_out(record.bytes_out.load(std::memory_order_relaxed));
  session.set_frames_dropped(record.frames_dropped.load(std::memory_order_relaxed));
  session.set_state(record.state.load(std::memory_order_relaxed));
  return session;
}

v1::SessionUpdate SessionRegistry::TakeUpdate(bool complete, bool counters) {
  v1::SessionUpdate update;
  std::lock_guard lock(mutex_);
  const auto report = [&](Entry& entry) {
    entry.reported_activity = Activity(*entry.record);
    entry.record->reported_ = true;
    *update.add_opened_or_changed() = Snapshot(*entry.record);
  };
  if (complete || counters) {
    for (auto& [id, entry] : entries_) {
      if (complete || dirty_.contains(id) || entry.reported_activity != Activity(*entry.record)) {
        report(entry);
      }
    }
  } else {
    for (const std::string& id : dirty_) report(entries_.at(id));
  }
  dirty_.clear();
  if (!complete) update.mutable_closed()->Assign(closed_.begin(), closed_.end());
  closed_.clear();
  update.set_complete(complete);
  return update;
}

size_t SessionRegistry::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

void SessionRegistry::SetListener(std::function<void()> listener) {
  std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

}  // namespace millrace::rpc
