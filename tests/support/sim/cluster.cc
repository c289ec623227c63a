#include "tests/support/sim/cluster.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <utility>

#include "media/frame/batch.h"

namespace millrace::sim {

struct Cluster::Message {
  std::optional<v1::Envelope> control;
  media::Payload media;
};

struct Cluster::Connection {
  router::ConnectionId id = 0;
  std::weak_ptr<NodeHost> node;
  std::weak_ptr<RouterHost> router;
  bus::LinkId link = 0;
  v1::Channel channel = v1::CHANNEL_MEDIA;
  bool up = true;
  int64_t last_to_router_ns = 0;
  int64_t last_to_node_ns = 0;
  // Counts messages that were under way when the connection broke and are read all the same.
  bool stale_readable = false;
};

struct Cluster::RouterHost : router::Outbox, std::enable_shared_from_this<RouterHost> {
  RouterHost(Cluster& owner, std::string name) : cluster(owner), endpoint(std::move(name)) {}

  void SendControl(router::ConnectionId to, const v1::Envelope& envelope) override {
    Post(to, {.control = envelope, .media = {}});
  }
  void SendMedia(router::ConnectionId to, const router::SharedBatch& batch) override {
    Post(to, {.control = std::nullopt, .media = batch.bytes});
  }
  void Post(router::ConnectionId to, Message message) {
    const auto it = cluster.connections_.find(to);
    if (it != cluster.connections_.end() && it->second->up) {
      return cluster.ToNode(it->second, std::move(message));
    }
    // As ROUTER_MANDATORY does: the send fails, and the process tells the table afterwards.
    cluster.After(0, [weak = weak_from_this(), to] {
      const auto self = weak.lock();
      if (self == nullptr || self->table == nullptr) return;
      self->table->OnConnectionUnreachable(to, self->Now());
    });
  }
  router::Time Now() const {
    const bus::Instant now = cluster.now();
    return {now.mono_ns, now.wall_ns};
  }

  Cluster& cluster;
  const std::string endpoint;
  std::unique_ptr<router::Table> table;
};

struct Cluster::NodeHost : bus::Network, std::enable_shared_from_this<NodeHost> {
  NodeHost(Cluster& owner, std::string node_name) : cluster(owner), name(std::move(node_name)) {}

  void Open(bus::LinkId link, const std::string& endpoint) override {
    endpoints[link] = endpoint;
    for (const v1::Channel channel : {v1::CHANNEL_MEDIA, v1::CHANNEL_LEASE}) {
      cluster.ConnectSoon(shared_from_this(), link, channel, cluster.Latency());
    }
  }
  void Close(bus::LinkId link) override {
    endpoints.erase(link);
    for (auto& [key, connection] : connections) {
      if (key.first == link && connection != nullptr) cluster.Cut(connection, false);
    }
  }
  bool SendControl(bus::LinkId link, v1::Channel channel, const v1::Envelope& message) override {
    return Send(link, channel, {.control = message, .media = {}});
  }
  bool SendMedia(bus::LinkId link, const bus::BatchRef& batch) override {
    // Holds the very buffer, as ZeroMQ does.
    auto share = std::make_shared<const bus::BatchRef>(batch);
    const media::Bytes bytes = share->bytes();
    return Send(link, v1::CHANNEL_MEDIA,
                {.control = std::nullopt, .media = {std::move(share), bytes}});
  }
  void OnDeadline(int64_t) override {}

  bool Send(bus::LinkId link, v1::Channel channel, Message message) {
    const auto it = connections.find({link, channel});
    // A connection that broke unnoticed swallows what it is given.
    if (it == connections.end() || it->second == nullptr) return false;
    if (it->second->up) cluster.ToRouter(it->second, std::move(message));
    return true;
  }

  Cluster& cluster;
  const std::string name;
  std::unique_ptr<bus::ClientCore> core;
  std::map<bus::LinkId, std::string> endpoints;
  std::map<std::pair<bus::LinkId, v1::Channel>, std::shared_ptr<Connection>> connections;
  bool paused = false;
  std::deque<std::function<void()>> waiting;  // while paused
  uint64_t media_bytes = 0;
};

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)), random_(options_.seed) {}

Cluster::~Cluster() {
  for (auto& [name, node] : nodes_) {
    node->waiting.clear();
    node->core.reset();
  }
}

bool Cluster::Chance(double probability) {
  return probability > 0 && static_cast<double>(random_() >> 11) * 0x1p-53 < probability;
}

int64_t Cluster::Latency() {
  const auto spread =
      static_cast<uint64_t>(options_.network.max_latency_ns - options_.network.min_latency_ns + 1);
  return options_.network.min_latency_ns + static_cast<int64_t>(Pick(spread));
}

void Cluster::After(int64_t delay_ns, std::function<void()> act) {
  events_.push({now_ns_ + delay_ns, ++order_, std::move(act)});
}

bool Cluster::Step(int64_t until_ns) {
  int64_t next_ns = events_.empty() ? bus::kNever : events_.top().at_ns;
  NodeHost* due_node = nullptr;
  RouterHost* due_router = nullptr;
  for (const auto& [name, node] : nodes_) {
    if (node->paused) continue;
    if (const int64_t deadline = node->core->NextDeadline(); deadline < next_ns) {
      next_ns = deadline;
      due_node = node.get();
    }
  }
  for (const auto& [endpoint, router] : routers_) {
    if (const int64_t deadline = router->table->NextDeadline(); deadline < next_ns) {
      next_ns = deadline;
      due_router = router.get();
    }
  }
  if (next_ns > until_ns) return false;
  now_ns_ = std::max(now_ns_, next_ns);
  if (due_router != nullptr) {
    due_router->table->OnTimer(due_router->Now());
  } else if (due_node != nullptr) {
    due_node->core->OnTimer(now());
  } else {
    const std::function<void()> act = events_.top().act;
    events_.pop();
    act();
  }
  return true;
}

void Cluster::RunFor(int64_t duration_ns) {
  RunUntil([] { return false; }, duration_ns);
}

bool Cluster::RunUntil(const std::function<bool()>& done, int64_t limit_ns) {
  const int64_t until_ns = now_ns_ + limit_ns;
  int64_t instant_ns = now_ns_;
  int steps_in_instant = 0;
  while (!done()) {
    if (!Step(until_ns)) {
      now_ns_ = until_ns;
      return done();
    }
    steps_in_instant = now_ns_ == instant_ns ? steps_in_instant + 1 : 0;
    instant_ns = now_ns_;
    if (steps_in_instant > 200'000) {
      std::fprintf(stderr, "simulation does not move on at %lld ns\n",
                   static_cast<long long>(now_ns_));
      std::abort();
    }
  }
  return true;
}

void Cluster::StartRouter(const std::string& endpoint) {
  auto host = std::make_shared<RouterHost>(*this, endpoint);
  router::Options options = options_.router;
  options.incarnation = ++incarnations_;
  options.endpoint = endpoint;
  host->table = std::make_unique<router::Table>(options, *host, host->Now());
  if (topology_.term() != 0) host->table->SetTopology(topology_, host->Now());
  routers_[endpoint] = std::move(host);
}

void Cluster::KillRouter(const std::string& endpoint) {
  const auto it = routers_.find(endpoint);
  if (it == routers_.end()) return;
  const std::shared_ptr<RouterHost> router = it->second;
  routers_.erase(it);
  const auto connections = connections_;
  for (const auto& [id, connection] : connections) {
    if (connection->router.lock() == router) Cut(connection, true);
  }
}

router::Table* Cluster::router(const std::string& endpoint) {
  const auto it = routers_.find(endpoint);
  return it == routers_.end() ? nullptr : it->second->table.get();
}

void Cluster::SetTopology(uint64_t term, std::vector<std::string> endpoints, int64_t spread_ns) {
  topology_.Clear();
  topology_.set_term(term);
  for (std::string& endpoint : endpoints) topology_.add_endpoints(std::move(endpoint));
  const auto delay = [&] {
    return spread_ns == 0 ? 0 : static_cast<int64_t>(Pick(static_cast<uint64_t>(spread_ns)));
  };
  for (const auto& [endpoint, router] : routers_) {
    After(delay(), [weak = std::weak_ptr(router), topology = topology_] {
      if (const auto host = weak.lock()) host->table->SetTopology(topology, host->Now());
    });
  }
  for (const auto& [name, node] : nodes_) {
    After(delay(), [weak = std::weak_ptr(node), topology = topology_] {
      if (const auto host = weak.lock(); host != nullptr && host->core != nullptr) {
        host->core->SetTopology(topology);
      }
    });
  }
}

bus::ClientCore& Cluster::StartNode(const std::string& name) {
  auto host = std::make_shared<NodeHost>(*this, name);
  host->core = std::make_unique<bus::ClientCore>(
      bus::NodeIdentity{.node = name, .incarnation = ++incarnations_}, *host,
      [this] { return now(); });
  nodes_[name] = host;
  if (topology_.endpoints_size() > 0) host->core->SetTopology(topology_);
  return *host->core;
}

void Cluster::KillNode(const std::string& name) {
  const auto it = nodes_.find(name);
  if (it == nodes_.end()) return;
  const std::shared_ptr<NodeHost> node = it->second;
  nodes_.erase(it);
  node->waiting.clear();
  node->core.reset();
  node->endpoints.clear();
  for (auto& [key, connection] : node->connections) {
    if (connection == nullptr) continue;
    // What had left the process still arrives; nothing comes back.
    connection->node.reset();
    After(options_.network.max_latency_ns, [this, connection] { Cut(connection, false); });
  }
}

bus::ClientCore* Cluster::node(const std::string& name) {
  const auto it = nodes_.find(name);
  return it == nodes_.end() ? nullptr : it->second->core.get();
}

void Cluster::Pause(const std::string& name) { nodes_.at(name)->paused = true; }

void Cluster::Resume(const std::string& name) {
  const std::shared_ptr<NodeHost> node = nodes_.at(name);
  node->paused = false;
  const auto waiting = std::exchange(node->waiting, {});
  for (const auto& act : waiting) act();
}

bool Cluster::paused(const std::string& name) const {
  const auto it = nodes_.find(name);
  return it != nodes_.end() && it->second->paused;
}

void Cluster::Break(const std::string& name, const std::string& endpoint, v1::Channel channel) {
  const auto it = nodes_.find(name);
  if (it == nodes_.end()) return;
  for (const auto& [key, connection] : it->second->connections) {
    if (key.second != channel || connection == nullptr) continue;
    const auto router = connection->router.lock();
    if (router != nullptr && router->endpoint == endpoint) return Cut(connection, false);
  }
}

uint64_t Cluster::delivered_media_bytes(const std::string& name) const {
  return nodes_.at(name)->media_bytes;
}

void Cluster::ConnectSoon(const std::shared_ptr<NodeHost>& node, bus::LinkId link,
                          v1::Channel channel, int64_t delay_ns) {
  After(delay_ns, [this, weak = std::weak_ptr(node), link, channel] {
    if (const auto host = weak.lock()) Connect(host, link, channel);
  });
}

void Cluster::Connect(const std::shared_ptr<NodeHost>& node, bus::LinkId link,
                      v1::Channel channel) {
  const auto endpoint = node->endpoints.find(link);
  if (endpoint == node->endpoints.end() || node->core == nullptr) return;
  const auto router = routers_.find(endpoint->second);
  if (router == routers_.end()) {
    return ConnectSoon(node, link, channel, options_.network.reconnect_ns);
  }
  auto connection = std::make_shared<Connection>();
  connection->id = ++last_connection_;
  connection->node = node;
  connection->router = router->second;
  connection->link = link;
  connection->channel = channel;
  connections_[connection->id] = connection;
  std::shared_ptr<Connection>& slot = node->connections[{link, channel}];
  const bool unnoticed = slot != nullptr;
  slot = connection;
  if (unnoticed) return;
  const auto tell = [this, node, link, channel] {
    if (node->core != nullptr) node->core->OnConnected(link, channel, now());
  };
  if (node->paused) {
    node->waiting.push_back(tell);
  } else {
    tell();
  }
}

void Cluster::Cut(const std::shared_ptr<Connection>& connection, bool router_died) {
  if (!connection->up) return;
  connection->up = false;
  connection->stale_readable = Chance(options_.network.stale_delivery);
  connections_.erase(connection->id);
  const std::shared_ptr<NodeHost> node = connection->node.lock();
  if (node == nullptr || node->core == nullptr) return;
  const std::pair key{connection->link, connection->channel};
  const bool noticed = !Chance(options_.network.unnoticed_break);
  if (noticed) {
    const auto tell = [this, node, key, connection] {
      std::shared_ptr<Connection>& slot = node->connections[key];
      if (slot != connection) return;
      slot = nullptr;
      if (node->core != nullptr) node->core->OnDisconnected(key.first, key.second, now());
    };
    // Not at once: the cut may have come in the middle of a call into the core.
    After(0, [node, tell] {
      if (node->paused) {
        node->waiting.push_back(tell);
      } else {
        tell();
      }
    });
  }
  ConnectSoon(node, connection->link, connection->channel,
              options_.network.reconnect_ns + Latency());
}

void Cluster::ToRouter(const std::shared_ptr<Connection>& connection, Message message) {
  bool twice = false;
  if (message.control.has_value()) {
    switch (message.control->message_case()) {
      case v1::Envelope::kHello:
      case v1::Envelope::kPublish:
      case v1::Envelope::kSubscribe:
      case v1::Envelope::kUnpublish:
      case v1::Envelope::kUnsubscribe:
      case v1::Envelope::kCredit:
      case v1::Envelope::kPing:
        twice = Chance(options_.network.duplicate);
        break;
      default:
        break;
    }
  }
  if (twice) Schedule(connection, message, true);
  Schedule(connection, std::move(message), true);
}

void Cluster::ToNode(const std::shared_ptr<Connection>& connection, Message message) {
  bool twice = false;
  if (message.control.has_value()) {
    switch (message.control->message_case()) {
      case v1::Envelope::kWelcome:
      case v1::Envelope::kHelloRequired:
      case v1::Envelope::kPublishGrant:
      case v1::Envelope::kSubscribeGrant:
      case v1::Envelope::kAck:
      case v1::Envelope::kCredit:
      case v1::Envelope::kStreamEnded:
      case v1::Envelope::kSkipped:
        twice = Chance(options_.network.duplicate);
        break;
      default:
        break;
    }
  }
  if (twice) Schedule(connection, message, false);
  Schedule(connection, std::move(message), false);
}

void Cluster::Schedule(const std::shared_ptr<Connection>& connection, Message message,
                       bool to_router) {
  int64_t& last_ns = to_router ? connection->last_to_router_ns : connection->last_to_node_ns;
  last_ns = std::max(last_ns, now_ns_ + Latency());
  After(last_ns - now_ns_, [this, connection, to_router, message = std::move(message)] {
    if (to_router) {
      if (connection->up) HandToRouter(connection, message);
    } else if (connection->up || connection->stale_readable) {
      HandToNode(connection, message);
    }
  });
}

void Cluster::HandToRouter(const std::shared_ptr<Connection>& connection, const Message& message) {
  const std::shared_ptr<RouterHost> router = connection->router.lock();
  if (router == nullptr) return;
  if (trace_) Trace(*connection, message, true);
  if (message.control.has_value()) {
    router->table->OnControl(connection->id, *message.control, router->Now());
  } else {
    router->table->OnMedia(connection->id, {message.media, true}, router->Now());
  }
  CountDelivery();
}

void Cluster::HandToNode(const std::shared_ptr<Connection>& connection, const Message& message) {
  const std::shared_ptr<NodeHost> node = connection->node.lock();
  if (node == nullptr || node->core == nullptr) return;
  if (node->paused) {
    node->waiting.push_back([this, connection, message] { HandToNode(connection, message); });
    return;
  }
  if (trace_) Trace(*connection, message, false);
  if (message.control.has_value()) {
    node->core->OnControl(connection->link, connection->channel, *message.control, now());
  } else {
    node->media_bytes += message.media.size();
    node->core->OnMedia(connection->link, message.media, now());
  }
  CountDelivery();
}

void Cluster::Trace(const Connection& connection, const Message& message, bool to_router) const {
  const std::shared_ptr<NodeHost> node = connection.node.lock();
  std::string text;
  if (message.control.has_value()) {
    text = message.control->ShortDebugString();
  } else if (const auto header = media::DecodeBatchHeader(message.media.bytes()); header.ok()) {
    text = "batch of " + std::to_string(header->stream_id) + " epoch " +
           std::to_string(header->epoch) + ": " + std::to_string(header->first_sequence) + " to " +
           std::to_string(header->last_sequence()) + ", tracks " +
           std::to_string(header->track_set_version) +
           (header->flags != 0 ? ", random access" : "");
  }
  std::fprintf(stderr, "%9.3f ms %-5s %s link %u connection %llu%s: %.300s\n",
               static_cast<double>(now_ns_) / kMs, node == nullptr ? "?" : node->name.c_str(),
               to_router ? "->" : "<-", connection.link,
               static_cast<unsigned long long>(connection.id), connection.up ? "" : " (broken)",
               text.c_str());
}

void Cluster::CountDelivery() {
  ++delivered_;
  // Afterwards: what it does may be anything, also to the process that has just been called.
  if (each_delivery_) each_delivery_(delivered_);
}

}  // namespace millrace::sim
