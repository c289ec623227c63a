#include "control-plane/relay_placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace millrace::control {
namespace {

std::string SchemeOf(const std::string& url) {
  std::string scheme = url.substr(0, url.find(':'));
  for (char& c : scheme) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return scheme;
}

bool CanRun(const NodeRow& row, bool push, const std::string& scheme) {
  const v1::Register& registration = row.node.registration();
  const auto& schemes = push ? registration.push_schemes() : registration.pull_schemes();
  return std::ranges::find(schemes, scheme) != schemes.end();
}

std::optional<v1::Ban> BanOf(const BanBook& bans, const std::string& stream) {
  v1::Session session;
  session.set_stream(stream);
  return bans.Match(session);
}

v1::RelayStatus Banned(const v1::Ban& ban) {
  v1::RelayStatus status;
  status.set_state(v1::RELAY_BACKING_OFF);
  status.set_reason(ban.reason().empty() ? "the stream is banned"
                                         : "the stream is banned: " + ban.reason());
  status.set_next_try_unix_ms(ban.expires_unix_ms());
  return status;
}

// Whether every stream that there is has been reported.
bool StreamsAreKnown(const Directory& directory) {
  bool routers = false;
  for (const auto& [name, row] : directory.nodes()) {
    if (row.node.registration().kind() != v1::NODE_KIND_ROUTER) continue;
    if (!row.node.attached()) return false;
    routers = true;
  }
  return routers;
}

}  // namespace

void RelayPlacement::Report(const std::string& node, const v1::RelayUpdate& update,
                            int64_t now_ms) {
  if (update.complete()) {
    reported_.insert(node);
    changed_.insert(node);
  }
  for (const v1::RelayReport& report : update.changed()) {
    const bool push = report.has_push();
    const Key key(push, push ? report.push() : report.pull());
    const bool desired =
        push ? book_.pushes().contains(key.second) : book_.pulls().contains(key.second);
    if (!desired) continue;
    Row& row = rows_[key];
    if (update.complete() && (row.owner.empty() || row.gone_ms > 0)) {
      row.owner = node;
      row.wanted_ms = now_ms;
    }
    if (row.owner != node) continue;
    row.status = report.status();
    row.status.set_node(node);
  }
}

void RelayPlacement::Detached(const std::string& node, int64_t now_ms) {
  reported_.erase(node);
  changed_.erase(node);
  for (auto& [key, row] : rows_) {
    if (row.owner == node && row.gone_ms == 0) row.gone_ms = now_ms;
  }
}

void RelayPlacement::Show(Row& row, v1::RelayState state, const std::string& reason,
                          int64_t now_ms) {
  if (row.status.state() == state && row.status.reason() == reason &&
      row.status.node() == row.owner) {
    return;
  }
  row.status.Clear();
  row.status.set_state(state);
  row.status.set_reason(reason);
  row.status.set_since_unix_ms(now_ms);
  row.status.set_node(row.owner);
}

void RelayPlacement::Release(Row& row) {
  if (row.owner.empty()) return;
  changed_.insert(row.owner);
  if (const auto load = load_.find(row.owner); load != load_.end() && load->second > 0) {
    --load->second;
  }
  row.owner.clear();
  row.gone_ms = 0;
}

std::string RelayPlacement::Choose(const Key& key, const std::string& scheme,
                                   const Directory& directory) const {
  std::string best;
  size_t best_load = 0;
  for (const auto& [name, row] : directory.nodes()) {
    if (!row.node.attached() || !row.node.ready() || row.node.draining() ||
        !reported_.contains(name) || !CanRun(row, key.first, scheme)) {
      continue;
    }
    const auto found = load_.find(name);
    const size_t load = found == load_.end() ? 0 : found->second;
    if (!best.empty() && load >= best_load) continue;
    best = name;
    best_load = load;
  }
  return best;
}

RelayPlacement::Wish RelayPlacement::WishFor(const v1::Pull& pull, Row& row,
                                             const Directory& directory, const BanBook& bans,
                                             const std::set<std::string>& pushed,
                                             int64_t now_ms) const {
  Wish wish;
  if (const auto ban = BanOf(bans, pull.stream())) {
    wish.otherwise = Banned(*ban);
    return wish;
  }
  const bool now =
      !pull.on_demand() || directory.viewers(pull.stream()) > 0 || pushed.contains(pull.stream());
  if (now) row.wanted_ms = now_ms;
  wish.wanted = now || (row.wanted_ms > 0 &&
                        now_ms - row.wanted_ms < static_cast<int64_t>(pull.idle_timeout_ms()));
  wish.otherwise.set_state(v1::RELAY_WAITING);
  return wish;
}

RelayPlacement::Wish RelayPlacement::WishFor(const v1::Push& push, Row& row,
                                             const Directory& directory, const BanBook& bans,
                                             bool streams_known, int64_t now_ms) const {
  Wish wish;
  if (const auto ban = BanOf(bans, push.stream())) {
    wish.otherwise = Banned(*ban);
    return wish;
  }
  // While a router is away what it has is only believed to go on.
  if (directory.live(push.stream()) || (!streams_known && !row.owner.empty())) {
    row.wanted_ms = now_ms;
  }
  wish.wanted = row.wanted_ms > 0 && now_ms - row.wanted_ms < kPushLingerMs;
  wish.otherwise.set_state(v1::RELAY_WAITING);
  return wish;
}

void RelayPlacement::PlanOne(const Key& key, const std::string& definition, const std::string& url,
                             Row& row, const Wish& wish, const Directory& directory,
                             int64_t now_ms) {
  const std::string scheme = SchemeOf(url);
  if (row.definition != definition) {
    if (!row.definition.empty() && !row.owner.empty()) {
      changed_.insert(row.owner);
      Show(row, v1::RELAY_CONNECTING, "", now_ms);
    }
    row.definition = definition;
  }
  if (!wish.wanted) {
    Release(row);
    Show(row, wish.otherwise.state(), wish.otherwise.reason(), now_ms);
    row.status.set_next_try_unix_ms(wish.otherwise.next_try_unix_ms());
    return;
  }
  if (!row.owner.empty()) {
    const auto node = directory.nodes().find(row.owner);
    const bool attached = node != directory.nodes().end() && node->second.node.attached();
    if (attached) row.gone_ms = 0;
    if (attached && !node->second.node.draining() && CanRun(node->second, key.first, scheme)) {
      return;
    }
    if (!attached && row.gone_ms == 0) row.gone_ms = now_ms;
    // Who was draining does not come back for it.
    const bool leaving = node == directory.nodes().end() || node->second.node.draining();
    if (!attached && !leaving && now_ms - row.gone_ms < kLeaseMs) {
      Show(row, v1::RELAY_UNASSIGNED,
           fmt::format("node {} is gone; another one takes over in a moment", row.owner), now_ms);
      return;
    }
    Release(row);
  }
  row.owner = now_ms < settled_ms_ ? std::string() : Choose(key, scheme, directory);
  if (row.owner.empty()) {
    Show(row, v1::RELAY_UNASSIGNED,
         now_ms < settled_ms_
             ? "the control plane has just started: nodes come back first"
             : fmt::format("no node that can {} {}:// is ready: start an {}-gateway",
                           key.first ? "push to" : "pull from", scheme,
                           scheme.starts_with("rtsp") ? "rtsp" : "rtmp"),
         now_ms);
    return;
  }
  ++load_[row.owner];
  changed_.insert(row.owner);
  Show(row, v1::RELAY_CONNECTING, "", now_ms);
}

std::vector<std::string> RelayPlacement::Plan(const Directory& directory, const BanBook& bans,
                                              int64_t now_ms) {
  for (auto it = rows_.begin(); it != rows_.end();) {
    auto& [key, row] = *it;
    const bool desired =
        key.first ? book_.pushes().contains(key.second) : book_.pulls().contains(key.second);
    if (desired) {
      ++it;
      continue;
    }
    Release(row);
    it = rows_.erase(it);
  }
  load_.clear();
  for (const auto& [key, row] : rows_) {
    if (!row.owner.empty()) ++load_[row.owner];
  }
  std::set<std::string> pushed;
  for (const auto& [name, push] : book_.pushes()) pushed.insert(push.stream());
  for (const auto& [stream, pull] : book_.pulls()) {
    const Key key(false, stream);
    Row& row = rows_[key];
    const Wish wish = WishFor(pull, row, directory, bans, pushed, now_ms);
    PlanOne(key, pull.SerializeAsString(), pull.url(), row, wish, directory, now_ms);
  }
  const bool streams_known = now_ms >= settled_ms_ && StreamsAreKnown(directory);
  for (const auto& [name, push] : book_.pushes()) {
    const Key key(true, name);
    Row& row = rows_[key];
    const Wish wish = WishFor(push, row, directory, bans, streams_known, now_ms);
    PlanOne(key, push.SerializeAsString(), push.url(), row, wish, directory, now_ms);
  }
  std::vector<std::string> tell;
  for (const std::string& node : changed_) {
    if (reported_.contains(node)) tell.push_back(node);
  }
  changed_.clear();
  return tell;
}

v1::RelayAssignments RelayPlacement::AssignmentsOf(const std::string& node) {
  v1::RelayAssignments assignments;
  assignments.set_revision(++revision_);
  for (const auto& [key, row] : rows_) {
    if (row.owner != node) continue;
    if (key.first) {
      *assignments.add_pushes() = book_.pushes().at(key.second);
    } else {
      *assignments.add_pulls() = book_.pulls().at(key.second);
    }
  }
  return assignments;
}

v1::RelayStatus RelayPlacement::PullStatus(const std::string& stream) const {
  const auto found = rows_.find(Key(false, stream));
  return found == rows_.end() ? v1::RelayStatus() : found->second.status;
}

v1::RelayStatus RelayPlacement::PushStatus(const std::string& name) const {
  const auto found = rows_.find(Key(true, name));
  return found == rows_.end() ? v1::RelayStatus() : found->second.status;
}

}  // namespace millrace::control
