#include "router/nodes.h"

#include <algorithm>

namespace millrace::router {
namespace {

constexpr size_t kMaxNodeName = 255;
// Beyond this a clock is wrong rather than late.
constexpr int64_t kMaxClockOffsetNs = 3600 * kSecond;

}  // namespace

std::vector<Nodes::Gone> Nodes::Hello(ConnectionId from, const v1::Hello& hello, Time now,
                                      Node*& node) {
  std::vector<Gone> gone;
  node = nullptr;
  if (hello.node().empty() || hello.node().size() > kMaxNodeName ||
      (hello.channel() != v1::CHANNEL_MEDIA && hello.channel() != v1::CHANNEL_LEASE)) {
    return gone;
  }
  // A connection that now speaks for somebody else, or for its other channel.
  if (Node* before = Find(from); before != nullptr) {
    const bool media = before->media == from;
    if (before->name != hello.node() || media != (hello.channel() == v1::CHANNEL_MEDIA)) {
      Forget(from);
      if (media) gone.push_back({from, false, "the connection changed hands"});
    }
  }

  std::unique_ptr<Node>* slot = nullptr;
  if (const auto found = by_name_.find(hello.node()); found != by_name_.end()) {
    slot = &found->second;
  } else {
    if (by_name_.size() >= context_.options.max_nodes) return gone;
    slot = &by_name_[hello.node()];
    *slot = std::make_unique<Node>();
    (*slot)->name = hello.node();
    (*slot)->incarnation = hello.incarnation();
    (*slot)->key = next_key_++;
    by_key_[(*slot)->key] = slot->get();
    context_.observer.OnEvent({.kind = EventKind::kNodeAttached, .node = hello.node()});
  }
  node = slot->get();
  node->lease_end_ns = now.mono_ns + context_.options.lease_ms * kMillisecond;

  if (node->incarnation != hello.incarnation()) {
    // The process was restarted: nothing of the old one comes back.
    if (node->media != kNoConnection) {
      gone.push_back({node->media, false, "the publisher's node was restarted"});
      by_connection_.erase(node->media);
    }
    by_connection_.erase(node->lease);
    node->media = node->lease = kNoConnection;
    node->incarnation = hello.incarnation();
    node->clock_offset_ns = 0;
    ++context_.counters.reconnects;
    context_.observer.OnEvent({.kind = EventKind::kNodeRestarted, .node = node->name});
  }
  ConnectionId& current = hello.channel() == v1::CHANNEL_MEDIA ? node->media : node->lease;
  if (current != from) {
    if (current != kNoConnection) {
      by_connection_.erase(current);
      if (hello.channel() == v1::CHANNEL_MEDIA) {
        gone.push_back({current, true, "the publisher's node reconnected"});
        ++context_.counters.reconnects;
        context_.observer.OnEvent({.kind = EventKind::kNodeReconnected, .node = node->name});
      }
    }
    current = from;
    by_connection_[from] = node;
  }
  return gone;
}

Node* Nodes::Find(ConnectionId connection) const {
  const auto found = by_connection_.find(connection);
  return found == by_connection_.end() ? nullptr : found->second;
}

bool Nodes::IsMedia(ConnectionId connection) const {
  const Node* node = Find(connection);
  return node != nullptr && node->media == connection;
}

void Nodes::Ping(ConnectionId from, Node& node, const v1::Ping& ping, Time now) {
  if (node.lease == from) {
    node.lease_end_ns = now.mono_ns + context_.options.lease_ms * kMillisecond;
  }
  if (ping.clock_offset_ns() != 0) {
    node.clock_offset_ns =
        std::clamp<int64_t>(ping.clock_offset_ns(), -kMaxClockOffsetNs, kMaxClockOffsetNs);
  }
}

bool Nodes::Forget(ConnectionId connection) {
  Node* node = Find(connection);
  if (node == nullptr) return false;
  by_connection_.erase(connection);
  const bool media = node->media == connection;
  if (media) node->media = kNoConnection;
  if (node->lease == connection) node->lease = kNoConnection;
  return media;
}

Node* Nodes::ByKey(uint64_t key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

void Nodes::Remove(Node& node) {
  by_connection_.erase(node.media);
  by_connection_.erase(node.lease);
  by_key_.erase(node.key);
  const std::string name = node.name;
  by_name_.erase(name);
}

}  // namespace millrace::router
