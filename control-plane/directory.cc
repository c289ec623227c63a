#include "control-plane/directory.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

namespace millrace::control {
namespace {

bool HasPublisher(const v1::Stream& stream) {
  return stream.state() == v1::STREAM_LIVE || stream.state() == v1::STREAM_GRACE;
}

}  // namespace

// Which of two routers' rows tells the truth while a stream moves between them.
bool Directory::Better(const Row& a, const Row& b) {
  if (HasPublisher(a.stream) != HasPublisher(b.stream)) return HasPublisher(a.stream);
  if (a.expires_ms.has_value() != b.expires_ms.has_value()) return !a.expires_ms;
  return a.stream.epoch() > b.stream.epoch();
}

void Directory::Attach(const v1::Register& registration, const std::string& address,
                       int64_t now_ms) {
  NodeRow& row = nodes_[registration.node()];
  if (row.node.registration().incarnation() != registration.incarnation()) {
    DropSessions(row);
    // A router that started anew reports what re-attaches to it; until then the old rows stand, for
    // grace.
    for (auto& [name, entry] : streams_) {
      const auto found = entry.rows.find(registration.node());
      if (found != entry.rows.end() && !found->second.expires_ms) {
        found->second.expires_ms = now_ms + grace_ms_;
      }
    }
  }
  *row.node.mutable_registration() = registration;
  row.node.set_address(address);
  row.node.set_attached_unix_ms(now_ms);
  row.node.set_last_heartbeat_unix_ms(now_ms);
  row.node.set_attached(true);
  row.node.set_ready(false);
  row.node.set_draining(false);
  row.last_report_ms = now_ms;
}

void Directory::Remember(const v1::Register& registration, const std::string& address,
                         int64_t seen_ms, int64_t now_ms) {
  NodeRow& row = nodes_[registration.node()];
  *row.node.mutable_registration() = registration;
  row.node.set_address(address);
  row.node.set_last_heartbeat_unix_ms(seen_ms);
  row.detached_ms = now_ms;
}

void Directory::Detach(const std::string& node, int64_t now_ms) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || !found->second.node.attached()) return;
  NodeRow& row = found->second;
  row.node.set_attached(false);
  row.node.set_ready(false);
  row.detached_ms = now_ms;
  DropSessions(row);
  for (auto& [name, entry] : streams_) {
    const auto reported = entry.rows.find(node);
    if (reported != entry.rows.end() && !reported->second.expires_ms) {
      reported->second.expires_ms = now_ms + grace_ms_;
    }
  }
}

void Directory::Heartbeat(const std::string& node, const v1::Heartbeat& heartbeat, int64_t now_ms) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  found->second.last_report_ms = now_ms;
  found->second.node.set_last_heartbeat_unix_ms(now_ms);
  found->second.node.set_ready(heartbeat.ready());
  found->second.node.set_draining(heartbeat.draining());
  found->second.node.set_configuration_revision(heartbeat.configuration_revision());
}

void Directory::CountViewer(const v1::Session& session, int change) {
  if (session.role() != v1::ROLE_VIEWER || session.stream().empty()) return;
  const auto entry = streams_.try_emplace(session.stream()).first;
  entry->second.viewers += static_cast<uint32_t>(change);
  touched_.insert(session.stream());
  if (entry->second.rows.empty() && entry->second.viewers == 0) streams_.erase(entry);
}

void Directory::PutSession(const std::string& node, NodeRow& row, const v1::Session& session) {
  v1::Session& known = sessions_[session.id()];
  if (known.id().empty() || known.stream() != session.stream() || known.role() != session.role()) {
    if (!known.id().empty()) CountViewer(known, -1);
    CountViewer(session, +1);
  }
  known = session;
  known.set_node(node);
  row.sessions.insert(session.id());
}

void Directory::DropSession(NodeRow& row, const std::string& id) {
  if (row.sessions.erase(id) == 0) return;  // another node's, or gone
  const auto found = sessions_.find(id);
  CountViewer(found->second, -1);
  sessions_.erase(found);
}

void Directory::DropSessions(NodeRow& row) {
  while (!row.sessions.empty()) DropSession(row, std::string(*row.sessions.begin()));
}

std::vector<std::string> Directory::UpdateSessions(const std::string& node,
                                                   const v1::SessionUpdate& update) {
  std::vector<std::string> fresh;
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return fresh;
  NodeRow& row = found->second;
  std::set<std::string> reported;
  for (const v1::Session& session : update.opened_or_changed()) {
    const auto known = sessions_.find(session.id());
    // Ids are unique by the node's incarnation; a node that takes another's would corrupt both.
    if (session.id().empty() || (known != sessions_.end() && known->second.node() != node))
      continue;
    const bool changed = known == sessions_.end() || known->second.stream() != session.stream() ||
                         known->second.user() != session.user();
    if (changed) fresh.push_back(session.id());
    PutSession(node, row, session);
    if (update.complete()) reported.insert(session.id());
  }
  for (const std::string& id : update.closed()) DropSession(row, id);
  if (update.complete()) {
    const std::set<std::string> before = row.sessions;
    for (const std::string& id : before) {
      if (!reported.contains(id)) DropSession(row, id);
    }
  }
  return fresh;
}

void Directory::DropRow(const std::string& router, const std::string& stream) {
  const auto entry = streams_.find(stream);
  if (entry == streams_.end() || entry->second.rows.erase(router) == 0) return;
  touched_.insert(stream);
  if (entry->second.rows.empty() && entry->second.viewers == 0) streams_.erase(entry);
}

void Directory::UpdateStreams(const std::string& node, const v1::StreamUpdate& update,
                              int64_t now_ms) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  const uint64_t incarnation = found->second.node.registration().incarnation();
  std::set<std::string> reported;
  for (const v1::Stream& stream : update.changed()) {
    if (stream.name().empty()) continue;
    if (update.complete()) reported.insert(stream.name());
    if (stream.state() == v1::STREAM_ENDED) {
      DropRow(node, stream.name());
      continue;
    }
    Row& row = streams_[stream.name()].rows[node];
    if (row.expires_ms && HasPublisher(row.stream) && !HasPublisher(stream)) {
      row.next = stream;
      row.next->set_router(node);
      row.incarnation = incarnation;
      continue;
    }
    row = Row{stream, incarnation, std::nullopt, std::nullopt};
    row.stream.set_router(node);
    touched_.insert(stream.name());
  }
  for (const std::string& name : update.gone()) DropRow(node, name);
  if (!update.complete()) return;
  std::vector<std::string> unreported;
  for (auto& [name, entry] : streams_) {
    const auto row = entry.rows.find(node);
    if (row == entry.rows.end() || reported.contains(name)) continue;
    // What an earlier process of this router had may still re-attach to it.
    if (row->second.incarnation == incarnation) unreported.push_back(name);
  }
  for (const std::string& name : unreported) DropRow(node, name);
}

std::vector<std::string> Directory::Silent(int64_t now_ms) const {
  std::vector<std::string> silent;
  for (const auto& [name, row] : nodes_) {
    if (row.node.attached() && now_ms - row.last_report_ms > kHeartbeatLostMs) {
      silent.push_back(name);
    }
  }
  return silent;
}

void Directory::Expire(int64_t now_ms) {
  std::erase_if(nodes_, [now_ms](const auto& node) {
    return !node.second.node.attached() && now_ms - node.second.detached_ms > kForgetNodeMs;
  });
  std::vector<std::pair<std::string, std::string>> over;
  for (auto& [name, entry] : streams_) {
    for (auto& [router, row] : entry.rows) {
      if (!row.expires_ms || *row.expires_ms > now_ms) continue;
      if (row.next) {
        row = Row{*std::move(row.next), row.incarnation, std::nullopt, std::nullopt};
        touched_.insert(name);
      } else {
        over.emplace_back(router, name);
      }
    }
  }
  for (const auto& [router, name] : over) DropRow(router, name);
}

v1::Node Directory::DescribeNode(const NodeRow& row) const {
  v1::Node node = row.node;
  node.set_sessions(static_cast<uint32_t>(row.sessions.size()));
  return node;
}

v1::Stream Directory::Merge(const std::string& name, const StreamEntry& entry) {
  const Row* best = nullptr;
  for (const auto& [router, row] : entry.rows) {
    if (best == nullptr || Better(row, *best)) best = &row;
  }
  v1::Stream stream;
  if (best != nullptr) {
    stream = best->stream;
  } else {
    // Viewers wait for a stream that no router has reported (yet).
    stream.set_name(name);
    stream.set_state(v1::STREAM_WAITING);
  }
  stream.set_viewers(entry.viewers);
  return stream;
}

std::map<std::string, v1::Stream> Directory::streams(const std::string& prefix) const {
  std::map<std::string, v1::Stream> result;
  for (auto it = streams_.lower_bound(prefix);
       it != streams_.end() && it->first.starts_with(prefix); ++it) {
    result.emplace(it->first, Merge(it->first, it->second));
  }
  return result;
}

std::optional<v1::Stream> Directory::stream(const std::string& name) const {
  const auto found = streams_.find(name);
  if (found == streams_.end()) return std::nullopt;
  return Merge(name, found->second);
}

uint32_t Directory::viewers(const std::string& stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? 0 : found->second.viewers;
}

bool Directory::live(const std::string& stream) const {
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return false;
  return std::ranges::any_of(found->second.rows,
                             [](const auto& row) { return HasPublisher(row.second.stream); });
}

std::optional<v1::Stream> Directory::FirstStream(const std::string& name) const {
  const auto first = streams_.lower_bound(name);
  if (first == streams_.end()) return std::nullopt;
  return Merge(first->first, first->second);
}

std::optional<v1::Stream> Directory::NextStream(const std::string& name) const {
  const auto next = streams_.upper_bound(name);
  if (next == streams_.end()) return std::nullopt;
  return Merge(next->first, next->second);
}

std::map<std::string, uint32_t> Directory::SessionsByNode(const std::string& stream) const {
  std::map<std::string, uint32_t> nodes;
  for (const auto& [id, session] : sessions_) {
    if (session.stream() == stream) ++nodes[session.node()];
  }
  return nodes;
}

std::vector<v1::StreamEvent> Directory::TakeEvents(bool all, int64_t now_ms) {
  std::vector<v1::StreamEvent> events;
  for (auto it = touched_.begin(); it != touched_.end();) {
    const std::string name = *it;
    const std::optional<v1::Stream> now = stream(name);
    const auto known = published_.find(name);
    const bool was_up = known != published_.end() && HasPublisher(known->second);
    const bool is_up = now && HasPublisher(*now);
    const bool known_before = known != published_.end();
    const bool urgent =
        known_before != now.has_value() || was_up != is_up ||
        (now && (known->second.state() != now->state() || known->second.epoch() != now->epoch() ||
                 known->second.publisher_session() != now->publisher_session()));
    if (!urgent && !all) {
      ++it;
      continue;
    }
    it = touched_.erase(it);
    if (!now && !known_before) continue;
    if (now && known_before &&
        google::protobuf::util::MessageDifferencer::Equals(*now, known->second)) {
      continue;
    }
    v1::StreamEvent& event = events.emplace_back();
    event.set_type(is_up && !was_up   ? v1::StreamEvent::UP
                   : was_up && !is_up ? v1::StreamEvent::DOWN
                                      : v1::StreamEvent::CHANGED);
    event.set_unix_ms(now_ms);
    if (now) {
      *event.mutable_stream() = *now;
      published_[name] = *now;
    } else {
      *event.mutable_stream() = known->second;
      event.mutable_stream()->set_state(v1::STREAM_ENDED);
      event.mutable_stream()->set_viewers(0);
      published_.erase(known);
    }
  }
  return events;
}

}  // namespace millrace::control
