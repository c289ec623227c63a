#include "control-plane/cluster.h"

#include <fmt/format.h>

#include <utility>

#include "control-plane/address.h"
#include "control-plane/service_discovery.h"
#include "runtime/config/app_settings.h"

namespace millrace::control {
namespace {

constexpr uint32_t kHeartbeatMs = 1'000;
constexpr int64_t kPublishMs = 500;
constexpr size_t kMaxNodeNameBytes = 128;
constexpr int64_t kRememberNodesMs = 7LL * 86'400'000;

absl::Status CheckRegistration(const v1::Register& registration) {
  if (registration.node().empty() || registration.node().size() > kMaxNodeNameBytes) {
    return absl::InvalidArgumentError(
        fmt::format("Register.node must have 1 to {} bytes", kMaxNodeNameBytes));
  }
  if (!v1::NodeKind_IsValid(registration.kind()) ||
      registration.kind() == v1::NODE_KIND_UNSPECIFIED) {
    return absl::InvalidArgumentError("Register.kind must name a kind of node");
  }
  if (registration.kind() == v1::NODE_KIND_ROUTER && registration.bus_endpoint().empty()) {
    return absl::InvalidArgumentError("a router must register its bus_endpoint");
  }
  return absl::OkStatus();
}

// Addresses that mean every interface get the host by which others reach the node.
void FillHosts(v1::Register& registration, const std::string& host) {
  registration.set_bus_endpoint(WithHost(registration.bus_endpoint(), host));
  registration.set_metrics_address(WithHost(registration.metrics_address(), host));
  for (auto& [name, address] : *registration.mutable_addresses()) address = WithHost(address, host);
}

}  // namespace

Cluster::Cluster(Options options, Store& store)
    : options_(std::move(options)),
      store_(store),
      desired_(store, options_.file),
      bans_(store),
      relays_(store),
      relay_placement_(relays_),
      placement_({}),
      directory_(config::DefaultConfiguration().defaults().grace()) {}

absl::Status Cluster::Load() {
  const int64_t start = now();
  if (absl::Status loaded = bans_.Load(start); !loaded.ok()) return loaded;
  if (absl::Status loaded = relays_.Load(); !loaded.ok()) return loaded;
  if (!relays_.empty()) relay_placement_.Start(start);
  if (absl::Status loaded = desired_.Load(); !loaded.ok()) return loaded;
  if (absl::Status taken = TakeConfiguration(); !taken.ok()) return taken;
  absl::StatusOr<StoredTopology> topology = store_.LoadTopology();
  if (!topology.ok()) return topology.status();
  placement_.Restore(*topology, start);

  absl::Status forgotten = store_.RemoveNodesSeenBefore(start - kRememberNodesMs);
  if (!forgotten.ok()) return forgotten;
  absl::StatusOr<std::vector<StoredNode>> nodes = store_.LoadNodes();
  if (!nodes.ok()) return nodes.status();
  for (const StoredNode& node : *nodes) {
    // Nodes that were attached a moment ago are about to come back: shown, and still scraped.
    if (start - node.seen_unix_ms > Directory::kForgetNodeMs) continue;
    directory_.Remember(node.registration, node.address, node.seen_unix_ms, start);
  }

  UpdateTopology();
  PushState();
  return absl::OkStatus();
}

v1::Configuration Cluster::Effective(const v1::Configuration& set) const {
  v1::Configuration configuration = config::WithDefaults(set);
  v1::PublicSettings addresses = options_.public_defaults;
  addresses.MergeFrom(set.public_());
  if (addresses.ByteSizeLong() > 0) *configuration.mutable_public_() = std::move(addresses);
  return configuration;
}

// What is desired, and its revision.
absl::Status Cluster::TakeConfiguration() {
  v1::Configuration configuration = Effective(desired_.set());
  absl::StatusOr<uint64_t> revision =
      store_.ConfigurationRevision(ConfigurationBytes(configuration));
  if (!revision.ok()) return revision.status();
  configuration_revision_ = *revision;
  configuration_ = std::move(configuration);
  placement_.SetConfigured({configuration_.routers().begin(), configuration_.routers().end()});
  directory_.SetGrace(configuration_.defaults().grace());
  return absl::OkStatus();
}

absl::Status Cluster::PutInForce() {
  if (ConfigurationBytes(Effective(desired_.set())) == ConfigurationBytes(configuration_)) {
    return absl::OkStatus();
  }
  if (absl::Status taken = TakeConfiguration(); !taken.ok()) return taken;
  UpdateTopology();
  PushState();
  options_.logger.Info("new configuration",
                       {{"revision", configuration_revision_},
                        {"source", v1::ConfigurationSource_Name(desired_.source())}});
  return absl::OkStatus();
}

absl::Status Cluster::ConfigurationFileSays(const v1::Configuration& file) {
  const bool applied = desired_.source() == v1::CONFIGURATION_APPLIED;
  if (absl::Status taken = desired_.FileSays(file); !taken.ok()) return taken;
  if (applied && desired_.source() != v1::CONFIGURATION_APPLIED) {
    options_.logger.Warning("the configuration file has changed: it replaces what was applied");
  }
  return PutInForce();
}

absl::Status Cluster::ApplyConfiguration(const v1::Configuration& configuration) {
  if (absl::Status applied = desired_.Apply(configuration, now()); !applied.ok()) return applied;
  return PutInForce();
}

absl::StatusOr<uint64_t> Cluster::Attach(std::shared_ptr<NodeLink> link, v1::Register registration,
                                         const std::string& peer_host) {
  if (absl::Status valid = CheckRegistration(registration); !valid.ok()) return valid;
  const std::string& public_host = configuration_.public_host();
  const bool beside_us = peer_host.empty() || IsLoopback(peer_host);
  const std::string host = beside_us && !public_host.empty() ? public_host : peer_host;
  FillHosts(registration, host);

  uint64_t earlier = 0;
  if (Find(registration.node(), &earlier) != nullptr) {
    const uint64_t known =
        directory_.nodes().at(registration.node()).node.registration().incarnation();
    if (known != registration.incarnation()) {
      options_.logger.Warning("a node registers with a name that is attached; it takes its place",
                              {{"name", registration.node()}, {"address", peer_host}});
    }
    Drop(earlier,
         absl::AbortedError("another process registered with the name " + registration.node()));
  }
  const uint64_t id = next_attachment_++;
  const Attachment& attachment =
      attachments_.emplace(id, Attachment{registration.node(), std::move(link)}).first->second;
  directory_.Attach(registration, peer_host, now());
  options_.logger.Info("node attached", {{"name", registration.node()},
                                         {"kind", KindWord(registration.kind())},
                                         {"address", peer_host},
                                         {"version", registration.version()}});
  // Seen, for the next start; not having it costs a minute of listing.
  store_.PutNode(StoredNode{registration, peer_host, now()}).IgnoreError();

  v1::NodeOrder order;
  order.mutable_registered()->set_cluster("millrace");
  order.mutable_registered()->set_heartbeat_ms(kHeartbeatMs);
  attachment.link->Send(order);
  if (registration.kind() == v1::NODE_KIND_ROUTER) {
    placement_.RouterAttached(registration.node(), registration.bus_endpoint());
  }
  // A new topology goes to everybody, this node among them.
  if (UpdateTopology()) {
    PushState();
  } else {
    attachment.link->Send(state_);
  }
  Publish(false);
  return id;
}

void Cluster::Report(uint64_t attachment, const v1::NodeReport& report) {
  const auto found = attachments_.find(attachment);
  if (found == attachments_.end()) return;  // replaced meanwhile
  const std::string& node = found->second.node;
  switch (report.report_case()) {
    case v1::NodeReport::kHeartbeat:
      directory_.Heartbeat(node, report.heartbeat(), now());
      break;
    case v1::NodeReport::kSessions:
      EnforceBans(found->second, directory_.UpdateSessions(node, report.sessions()));
      break;
    case v1::NodeReport::kStreams:
      directory_.UpdateStreams(node, report.streams(), now());
      break;
    case v1::NodeReport::kResult:
      kicks_.Answered(node, report.result());
      break;
    case v1::NodeReport::kRelays:
      relay_placement_.Report(node, report.relays(), now());
      break;
    case v1::NodeReport::kRegister:
      Drop(attachment, absl::InvalidArgumentError("Register comes once, first"));
      break;
    default:
      break;  // of a newer node: not for us
  }
  Publish(false);
}

void Cluster::EnforceBans(const Attachment& attachment, const std::vector<std::string>& sessions) {
  // A client that came in between the ban and its arrival at the node, or while the node had none.
  for (const std::string& id : sessions) {
    const v1::Session& session = directory_.sessions().at(id);
    const std::optional<v1::Ban> ban = bans_.Match(session);
    if (!ban || session.started_unix_ms() < ban->created_unix_ms()) continue;
    v1::NodeOrder order;
    v1::KickSessionOrder& kick = *order.mutable_command()->mutable_kick_session();
    kick.set_session(id);
    kick.set_reason(ban->reason().empty() ? "banned" : ban->reason());
    attachment.link->Send(order);
  }
}

void Cluster::Detached(uint64_t attachment) {
  if (!attachments_.contains(attachment)) return;
  options_.logger.Warning("node detached", {{"name", attachments_.at(attachment).node}});
  Forget(attachment);
  Publish(false);
}

void Cluster::Drop(uint64_t attachment, const absl::Status& why) {
  const std::shared_ptr<NodeLink> link = attachments_.at(attachment).link;
  Forget(attachment);
  link->Close(why);
}

void Cluster::Forget(uint64_t attachment) {
  const std::string node = attachments_.at(attachment).node;
  attachments_.erase(attachment);
  const auto row = directory_.nodes().find(node);
  if (row != directory_.nodes().end()) {
    store_.PutNode(StoredNode{row->second.node.registration(), row->second.node.address(), now()})
        .IgnoreError();
  }
  directory_.Detach(node, now());
  relay_placement_.Detached(node, now());
  placement_.RouterDetached(node, now());
  kicks_.Lost(node);
}

void Cluster::Tick() {
  const int64_t time = now();
  for (const std::string& node : directory_.Silent(time)) {
    uint64_t id = 0;
    if (Find(node, &id) == nullptr) continue;
    options_.logger.Warning("node is silent; detached", {{"name", node}});
    Drop(id, absl::DeadlineExceededError("no heartbeat for 10 s"));
  }
  directory_.Expire(time);
  kicks_.Expire(time);
  const bool bans_changed = bans_.Expire(time);
  if (UpdateTopology() || bans_changed) PushState();
  PlanRelays();
  const bool all = time >= next_publish_ms_;
  if (all) next_publish_ms_ = time + kPublishMs;
  Publish(all);
}

void Cluster::Close() {
  const absl::Status why =
      absl::UnavailableError("the control plane is going down; try again in a moment");
  kicks_.EndAll();
  for (const auto& [id, attachment] : attachments_) attachment.link->Close(why);
  attachments_.clear();
  for (const Watcher& watcher : watchers_) watcher.sink->Close(why);
  watchers_.clear();
}

bool Cluster::UpdateTopology() {
  const std::optional<StoredTopology> next = placement_.Next(now());
  if (!next) return false;
  // On disk first: a term that nodes have seen must never be handed out again.
  if (absl::Status saved = store_.SaveTopology(*next); !saved.ok()) {
    options_.logger.Error("the topology stands still: the store does not take a new one",
                          {{"error", saved.ToString()}});
    return false;
  }
  placement_.Commit(*next);
  options_.logger.Info("new topology", {{"term", next->topology.term()},
                                        {"endpoints", next->topology.endpoints_size()}});
  return true;
}

void Cluster::PushState() {
  v1::NodeState& state = *state_.mutable_state();
  absl::StatusOr<uint64_t> revision = store_.NextStateRevision();
  state.set_revision(revision.ok() ? *revision : state.revision() + 1);
  *state.mutable_configuration() = configuration_;
  state.set_configuration_revision(configuration_revision_);
  *state.mutable_topology() = placement_.current();
  state.clear_bans();
  for (const auto& [id, ban] : bans_.bans()) *state.add_bans() = ban;
  for (const auto& [id, attachment] : attachments_) attachment.link->Send(state_);
}

absl::StatusOr<v1::Ban> Cluster::AddBan(v1::BanKind kind, const std::string& value,
                                        const std::string& reason, uint64_t duration_ms) {
  absl::StatusOr<v1::Ban> ban = bans_.Add(kind, value, reason, duration_ms, now());
  if (ban.ok()) PushState();
  return ban;
}

absl::Status Cluster::RemoveBan(const std::string& id) {
  absl::Status removed = bans_.Remove(id);
  if (removed.ok()) PushState();
  return removed;
}

void Cluster::PlanRelays() {
  for (const std::string& node : relay_placement_.Plan(directory_, bans_, now())) {
    Attachment* const attachment = Find(node);
    if (attachment == nullptr) continue;
    v1::NodeOrder order;
    *order.mutable_relays() = relay_placement_.AssignmentsOf(node);
    attachment->link->Send(order);
  }
}

absl::StatusOr<v1::Pull> Cluster::AddPull(v1::Pull pull, bool replace) {
  absl::StatusOr<v1::Pull> added = relays_.Add(std::move(pull), replace);
  if (added.ok()) PlanRelays();
  return added;
}

absl::StatusOr<v1::Push> Cluster::AddPush(v1::Push push, bool replace) {
  absl::StatusOr<v1::Push> added = relays_.Add(std::move(push), replace);
  if (added.ok()) PlanRelays();
  return added;
}

absl::Status Cluster::RemovePull(const std::string& stream) {
  absl::Status removed = relays_.RemovePull(stream);
  if (removed.ok()) PlanRelays();
  return removed;
}

absl::Status Cluster::RemovePush(const std::string& name) {
  absl::Status removed = relays_.RemovePush(name);
  if (removed.ok()) PlanRelays();
  return removed;
}

void Cluster::Command(const std::vector<std::string>& nodes, const v1::Command& command,
                      CommandDone done) {
  std::vector<std::string> attached;
  for (const std::string& node : nodes) {
    if (Find(node) != nullptr) attached.push_back(node);
  }
  if (attached.empty()) {
    done(CommandOutcome{});
    return;
  }
  v1::NodeOrder order;
  *order.mutable_command() = command;
  order.mutable_command()->set_command_id(kicks_.Begin(attached, now(), std::move(done)));
  for (const std::string& node : attached) Find(node)->link->Send(order);
}

std::vector<std::string> Cluster::AttachedRouters() const {
  std::vector<std::string> routers;
  for (const auto& [name, row] : directory_.nodes()) {
    if (row.node.attached() && row.node.registration().kind() == v1::NODE_KIND_ROUTER) {
      routers.push_back(name);
    }
  }
  return routers;
}

void Cluster::Watch(std::shared_ptr<StreamWatcher> watcher, const std::string& prefix) {
  Publish(true);  // what the others have not been told yet is not news to this one
  v1::StreamEvent event;
  event.set_unix_ms(now());
  event.set_type(v1::StreamEvent::CURRENT);
  for (const auto& [name, stream] : directory_.streams(prefix)) {
    *event.mutable_stream() = stream;
    watcher->Push(event);
  }
  event.clear_stream();
  event.set_type(v1::StreamEvent::SYNCED);
  watcher->Push(event);
  watchers_.push_back(Watcher{std::move(watcher), prefix});
}

void Cluster::Publish(bool all) {
  const std::vector<v1::StreamEvent> events = directory_.TakeEvents(all, now());
  if (all) std::erase_if(watchers_, [](const Watcher& watcher) { return !watcher.sink->alive(); });
  for (const v1::StreamEvent& event : events) {
    for (const Watcher& watcher : watchers_) {
      if (event.stream().name().starts_with(watcher.prefix)) watcher.sink->Push(event);
    }
  }
}

Cluster::Attachment* Cluster::Find(const std::string& node, uint64_t* id) {
  for (auto& [key, attachment] : attachments_) {
    if (attachment.node != node) continue;
    if (id != nullptr) *id = key;
    return &attachment;
  }
  return nullptr;
}

}  // namespace millrace::control
