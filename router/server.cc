#include "router/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "router/bus_socket.h"
#include "router/event_log.h"
#include "router/metrics.h"
#include "router/table.h"
#include "router/wake.h"
#include "runtime/lifecycle/host_port.h"
#include "runtime/lifecycle/readiness.h"
#include "runtime/metrics/server.h"
#include "runtime/rpc/node_agent.h"

namespace millrace::router {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kUpkeepNs = 1'000 * kMs;
constexpr int64_t kDrainLookNs = 50 * kMs;
// Messages taken before timers and other threads get their turn.
constexpr size_t kMessagesAtOnce = 512;
constexpr std::chrono::seconds kCommandTime{2};

Time Now() {
  const auto nanoseconds = [](auto time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  };
  return {nanoseconds(std::chrono::steady_clock::now()),
          nanoseconds(std::chrono::system_clock::now())};
}

uint64_t RandomIncarnation() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

std::string_view PortOf(std::string_view endpoint) {
  const size_t colon = endpoint.rfind(':');
  return colon == std::string_view::npos ? std::string_view() : endpoint.substr(colon + 1);
}

}  // namespace

class Server::Impl : public Observer, private BusSocket::Handler {
 public:
  Impl(const ServerOptions& options, log::Logger logger)
      : options_(options),
        logger_(std::move(logger)),
        event_log_(logger_),
        incarnation_(RandomIncarnation()),
        metrics_(registry_),
        sessions_(options.node, "router", registry_) {
    registry_
        .Gauge("millrace_build_info", "Version and kind of this process; always 1.",
               {{"version", MILLRACE_VERSION}, {"kind", "router"}})
        .Set(1);
  }

  ~Impl() override {
    Stop();
    Join();
  }

  absl::Status Start() {
    auto socket = BusSocket::Bind(options_.listen);
    if (!socket.ok()) return socket.status();
    socket_ = std::move(*socket);
    advertise_ = options_.advertise.empty() ? "tcp://*:" + std::to_string(socket_->port())
                                            : options_.advertise;
    Options table;
    table.incarnation = incarnation_;
    table.endpoint = advertise_;
    table_ = std::make_unique<Table>(std::move(table), *socket_, Now(), this);
    if (!options_.metrics.empty()) {
      auto server = metrics::Server::Start({.listen = options_.metrics,
                                            .registry = &registry_,
                                            .not_ready = [this] { return readiness_.Missing(); },
                                            .routes = {}});
      if (!server.ok()) return server.status();
      metrics_server_ = std::move(*server);
    }
    if (!options_.control_plane.empty()) MakeAgent();
    metrics_.Publish(*table_, 0);
    readiness_.Set("listening", true);
    logger_.Info("started", {{"kind", "router"},
                             {"listen", options_.listen},
                             {"port", socket_->port()},
                             {"advertise", advertise_},
                             {"metrics_port", metrics_port()},
                             {"control_plane", options_.control_plane},
                             {"version", MILLRACE_VERSION}});
    thread_ = std::thread([this] { Run(); });
    if (agent_ != nullptr) agent_->Start();
    return absl::OkStatus();
  }

  void Drain() {
    wake_.Post([this] {
      if (draining_) return;
      draining_ = true;
      readiness_.SetDraining();
      drain_end_ns_ = Now().mono_ns + options_.drain_ms * kMs;
      const Usage usage = table_->usage();
      logger_.Info("draining", {{"streams", usage.live},
                                {"subscriptions", usage.subscriptions},
                                {"deadline_ms", options_.drain_ms}});
    });
  }

  void Stop() {
    stop_ = true;
    wake_.Post([] {});
  }

  void Join() {
    if (thread_.joinable()) thread_.join();
    agent_.reset();
    metrics_server_.reset();
  }

  uint16_t port() const { return static_cast<uint16_t>(socket_->port()); }
  uint16_t metrics_port() const { return metrics_server_ ? metrics_server_->port() : uint16_t{0}; }

  void OnEvent(const Event& event) override { event_log_.Write(event); }
  void OnStreamChanged(const std::string& name) override {
    gone_.erase(name);
    changed_.insert(name);
  }
  void OnStreamGone(const std::string& name) override {
    changed_.erase(name);
    gone_.insert(name);
  }

 private:
  void Run() {
    int64_t upkeep_ns = Now().mono_ns + kUpkeepNs;
    while (!stop_) {
      int64_t until = std::min(upkeep_ns, table_->NextDeadline());
      const int64_t now_ns = Now().mono_ns;
      if (draining_) until = std::min(until, now_ns + kDrainLookNs);
      // Rounded up: a deadline that is not yet due would be looked at again and again.
      const int64_t wait_ms = until <= now_ns ? 0 : (until - now_ns + kMs - 1) / kMs;
      socket_->Wait(wake_.fd(), wait_ms);
      wake_.Run();
      socket_->Receive(kMessagesAtOnce, *this);
      for (const ConnectionId connection : socket_->TakeUnreachable()) {
        table_->OnConnectionUnreachable(connection, Now());
      }
      const Time now = Now();
      if (table_->NextDeadline() <= now.mono_ns) table_->OnTimer(now);
      if (now.mono_ns >= upkeep_ns) {
        upkeep_ns = now.mono_ns + kUpkeepNs;
        Upkeep(now);
      }
      if (!changed_.empty() || !gone_.empty()) Report();
      if (draining_ && Drained(now)) break;
    }
    logger_.Info("stopped", {{"kind", "router"}});
  }

  void OnControl(ConnectionId from, const v1::Envelope& envelope) override {
    table_->OnControl(from, envelope, Now());
  }
  void OnMedia(ConnectionId from, const SharedBatch& batch) override {
    table_->OnMedia(from, batch, Now());
  }
  void OnGarbage() override { ++garbage_; }

  void Upkeep(Time now) {
    metrics_.Publish(*table_, garbage_);
    table_->TakeActive(now, [this](const v1::Stream& row) {
      metrics_.PublishStream(row);
      if (agent_ == nullptr) return;
      v1::Stream report = row;
      report.set_router(options_.node);
      agent_->StreamChanged(report);
    });
  }

  void Report() {
    if (agent_ != nullptr) {
      for (const std::string& name : gone_) agent_->StreamGone(name);
      for (const std::string& name : changed_) {
        v1::Stream row;
        if (!table_->Describe(name, row)) continue;
        row.set_router(options_.node);
        agent_->StreamChanged(row);
      }
    }
    gone_.clear();
    changed_.clear();
  }

  bool Drained(Time now) const {
    const Usage usage = table_->usage();
    return (usage.live == 0 && usage.subscriptions == 0) || now.mono_ns >= drain_end_ns_;
  }

  void MakeAgent() {
    rpc::NodeAgent::Options options;
    options.control_plane = options_.control_plane;
    options.state_file = options_.state_file;
    v1::Register& registration = options.registration;
    registration.set_node(options_.node);
    registration.set_incarnation(incarnation_);
    registration.set_kind(v1::NODE_KIND_ROUTER);
    registration.set_version(MILLRACE_VERSION);
    registration.set_bus_endpoint(advertise_);
    registration.set_metrics_address(MetricsAddress());
    rpc::NodeAgent::Handlers handlers;
    handlers.on_state = [this](const v1::NodeState& state) {
      wake_.Post([this, state] { Apply(state); });
    };
    handlers.on_command = [this](const v1::Command& command) { return Obey(command); };
    handlers.heartbeat = [this] {
      v1::Heartbeat heartbeat;
      heartbeat.set_ready(readiness_.ready());
      heartbeat.set_draining(readiness_.draining());
      heartbeat.set_configuration_revision(configuration_revision_);
      return heartbeat;
    };
    handlers.on_event = [this](const std::string& text) { logger_.Info(text); };
    agent_ = std::make_unique<rpc::NodeAgent>(std::move(options), std::move(handlers), sessions_);
  }

  // Who listens on all interfaces is scraped at the address that the control plane sees.
  std::string MetricsAddress() const {
    if (metrics_server_ == nullptr) return "";
    const auto parsed = lifecycle::ParseHostPort(options_.metrics);
    std::string host = parsed.ok() ? parsed->host : "";
    if (host == "0.0.0.0" || host == "::") host.clear();
    return lifecycle::HostPort{host, metrics_server_->port()}.ToString();
  }

  void Apply(const v1::NodeState& state) {
    const Time now = Now();
    table_->SetSettings(state.configuration().router(), now);
    metrics_.Configure(state.configuration().metrics());
    configuration_revision_ = state.configuration_revision();
    if (!state.has_topology() || state.topology().term() <= table_->term()) return;
    const std::string own = OwnEndpoint(state.topology());
    if (!own.empty()) table_->SetEndpoint(own);
    if (own.empty() && state.topology().endpoints_size() > 1) {
      logger_.Warning(
          "this router is not in the topology: set --advertise to what the others "
          "know it by",
          {{"advertise", advertise_}, {"term", state.topology().term()}});
    }
    table_->SetTopology(state.topology(), now);
    logger_.Info("topology", {{"term", state.topology().term()},
                              {"routers", state.topology().endpoints_size()}});
  }

  // Where we advertise any host, the control plane has filled in the one it saw: ours is the only
  // endpoint with our port, if that is enough to tell.
  std::string OwnEndpoint(const v1::Topology& topology) const {
    std::string own;
    for (const std::string& endpoint : topology.endpoints()) {
      if (endpoint == advertise_) return endpoint;
      if (PortOf(endpoint) != PortOf(advertise_)) continue;
      if (!own.empty()) return "";
      own = endpoint;
    }
    return advertise_.find('*') != std::string::npos ? own : "";
  }

  v1::CommandResult Obey(const v1::Command& command) {
    v1::CommandResult result;
    result.set_command_id(command.command_id());
    if (command.has_drain()) {
      result.set_found(true);
      Drain();
    } else if (command.has_kick_stream()) {
      const v1::KickStreamOrder& order = command.kick_stream();
      auto done = std::make_shared<std::promise<bool>>();
      std::future<bool> found = done->get_future();
      wake_.Post([this, order, done] {
        const bool kicked = table_->KickStream(order.stream(), order.reason(), Now());
        logger_.Info("kick",
                     {{"stream", order.stream()}, {"reason", order.reason()}, {"found", kicked}});
        done->set_value(kicked);
      });
      if (found.wait_for(kCommandTime) == std::future_status::ready) result.set_found(found.get());
    }
    return result;
  }

  const ServerOptions options_;
  log::Logger logger_;
  EventLog event_log_;
  const uint64_t incarnation_;
  std::atomic<uint64_t> configuration_revision_{0};  // in force; 0: none has come
  metrics::Registry registry_;
  Metrics metrics_;
  rpc::SessionRegistry sessions_;  // none: what the agent reports for gateways
  lifecycle::Readiness readiness_{{"listening"}};
  std::string advertise_;
  Wake wake_;
  std::unique_ptr<BusSocket> socket_;
  std::unique_ptr<Table> table_;
  std::unique_ptr<metrics::Server> metrics_server_;
  std::unique_ptr<rpc::NodeAgent> agent_;
  std::set<std::string> changed_;
  std::set<std::string> gone_;
  uint64_t garbage_ = 0;
  bool draining_ = false;
  int64_t drain_end_ns_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      log::Logger logger) {
  auto impl = std::make_unique<Impl>(options, std::move(logger));
  if (const absl::Status started = impl->Start(); !started.ok()) return started;
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::Drain() { impl_->Drain(); }
void Server::Stop() { impl_->Stop(); }
void Server::Join() { impl_->Join(); }
uint16_t Server::port() const { return impl_->port(); }
uint16_t Server::metrics_port() const { return impl_->metrics_port(); }

}  // namespace millrace::router
