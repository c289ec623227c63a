#include "runtime/node/node.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <iostream>
#include <mutex>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_split.h"
#include "runtime/bus/zmq_client.h"
#include "runtime/config/app_settings.h"
#include "runtime/lifecycle/command_line.h"
#include "runtime/lifecycle/host_port.h"
#include "runtime/lifecycle/process.h"
#include "runtime/lifecycle/readiness.h"
#include "runtime/lifecycle/signals.h"
#include "runtime/metrics/server.h"
#include "runtime/relay/runner.h"
#include "runtime/rpc/node_agent.h"

ABSL_FLAG(std::string, control_plane, "127.0.0.1:50051",
          "host:port of the control plane. Empty: run without one (then give --routers).");
ABSL_FLAG(std::string, listen, "",
          "host:port that clients connect to. Empty: this gateway's default.");
ABSL_FLAG(std::string, metrics, "",
          "host:port of /metrics, /healthz and /readyz. Empty: this gateway's default.");
ABSL_FLAG(std::string, node, "",
          "Name of this node, unique in the cluster. Empty: <kind>-<hostname>.");
ABSL_FLAG(
    std::string, state_dir, "",
    "Where the last configuration is kept, so that the node starts without the control plane. "
    "Empty: nowhere.");
ABSL_FLAG(
    std::string, routers, "",
    "Bus endpoints of the routers, tcp://host:port, divided by commas. Empty: as the control plane "
    "says.");
ABSL_FLAG(uint32_t, shards, 0, "Threads that serve clients. 0: one for each core, at most 8.");
ABSL_FLAG(std::string, log_format, "auto",
          "auto, text or json. auto: text on a terminal, JSON otherwise.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");
ABSL_FLAG(std::string, drain, "10s",
          "How long SIGTERM lets sessions go on before the rest is closed: 0s, 10s, 5m.");

namespace millrace::node {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// Closed sessions are given so long to tell their clients why.
constexpr milliseconds kCloseTime{1500};
constexpr milliseconds kPoll{50};

struct Settings {
  std::string name, listen, metrics, control_plane, state_file;
  std::vector<std::string> routers;
  milliseconds drain{0};
};

absl::StatusOr<Settings> ReadFlags(const GatewayKind& kind) {
  Settings settings;
  settings.name = absl::GetFlag(FLAGS_node);
  if (settings.name.empty()) settings.name = kind.name + "-" + lifecycle::HostName();
  settings.listen = absl::GetFlag(FLAGS_listen);
  if (settings.listen.empty()) settings.listen = kind.default_listen;
  settings.metrics = absl::GetFlag(FLAGS_metrics);
  if (settings.metrics.empty()) settings.metrics = kind.default_metrics;
  settings.control_plane = absl::GetFlag(FLAGS_control_plane);
  if (const std::string folder = absl::GetFlag(FLAGS_state_dir); !folder.empty()) {
    settings.state_file = folder + "/" + settings.name + ".state";
  }
  for (const auto part : absl::StrSplit(absl::GetFlag(FLAGS_routers), ',', absl::SkipEmpty())) {
    settings.routers.emplace_back(part.data(), part.size());
  }
  const auto drain = lifecycle::ParseDuration(absl::GetFlag(FLAGS_drain));
  if (!drain.ok()) return drain.status();
  settings.drain = *drain;
  if (settings.control_plane.empty() && settings.routers.empty()) {
    return absl::InvalidArgumentError(
        "give --control_plane=host:port or --routers=tcp://host:port");
  }
  return settings;
}

uint64_t RandomIncarnation() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

class GatewayNode : public Node {
 public:
  GatewayNode(const GatewayKind& kind, Settings settings, log::Logger logger)
      : kind_(kind),
        settings_(std::move(settings)),
        logger_(std::move(logger)),
        incarnation_(RandomIncarnation()),
        shards_(absl::GetFlag(FLAGS_shards)),
        sessions_(
            settings_.name,
            fmt::format("{}-{:08x}", kind.session_prefix, static_cast<uint32_t>(incarnation_)),
            metrics_),
        configuration_(std::make_shared<const v1::Configuration>(config::DefaultConfiguration())),
        stream_settings_(std::make_shared<const config::StreamSettings>(*configuration_)),
        bus_(bus::MakeZmqClient(shards_.home(), BusOptions(), metrics_)),
        feeds_(std::make_unique<stream::FeedHub>(*bus_, shards_, metrics_)),
        poll_(shards_.home()),
        drain_timer_(shards_.home()) {
    metrics_
        .Gauge("millrace_build_info", "Version and kind of this process; always 1.",
               {{"version", MILLRACE_VERSION}, {"kind", kind.name}})
        .Set(1);
  }

  loop::Shards& shards() override { return shards_; }
  bus::Client& bus() override { return *bus_; }
  stream::FeedHub& feeds() override { return *feeds_; }
  metrics::Registry& metrics() override { return metrics_; }
  rpc::SessionRegistry& sessions() override { return sessions_; }
  const rpc::BanList& bans() const override { return bans_; }
  log::Logger& logger() override { return logger_; }
  const std::string& name() const override { return settings_.name; }
  const std::string& listen() const override { return settings_.listen; }

  std::shared_ptr<const v1::Configuration> configuration() const override {
    std::lock_guard lock(mutex_);
    return configuration_;
  }
  v1::AppSettings settings(std::string_view stream) const override {
    std::shared_ptr<const config::StreamSettings> settings;
    {
      std::lock_guard lock(mutex_);
      settings = stream_settings_;
    }
    return settings->For(stream);
  }

  int Run(const std::function<std::unique_ptr<Service>(Node&)>& make_service) {
    lifecycle::IgnoreBrokenPipes();
    const uint64_t files = lifecycle::RaiseOpenFileLimit();
    lifecycle::Signals signals(
        [this](int) { asio::post(shards_.home(), [this] { BeginDrain(); }); });

    auto server = metrics::Server::Start({.listen = settings_.metrics,
                                          .registry = &metrics_,
                                          .not_ready = [this] { return readiness_.Missing(); },
                                          .routes = {}});
    if (!server.ok()) return Fail("metrics", server.status());
    service_ = make_service(*this);
    if (const absl::Status started = service_->Start(); !started.ok())
      return Fail("listen", started);
    readiness_.Set("listening", true);
    if (!settings_.control_plane.empty()) {
      StartRelays();
      StartAgent((*server)->port());
    }
    asio::post(shards_.home(), [this] { Poll(); });
    logger_.Info("started", {{"kind", kind_.name},
                             {"listen", settings_.listen},
                             {"metrics_port", (*server)->port()},
                             {"control_plane", settings_.control_plane},
                             {"shards", shards_.size()},
                             {"open_files", files},
                             {"version", MILLRACE_VERSION}});
    shards_.Run();
    agent_.reset();
    relays_.reset();
    service_.reset();
    logger_.Info("stopped", {{"kind", kind_.name}});
    return 0;
  }

 private:
  bus::ClientOptions BusOptions() const {
    bus::ClientOptions options;
    options.node = settings_.name;
    options.incarnation = incarnation_;
    options.endpoints = settings_.routers;
    return options;
  }

  int Fail(const char* what, const absl::Status& status) {
    const std::string text(status.message().data(), status.message().size());
    logger_.Error("cannot start", {{"what", what}, {"error", text}});
    std::cerr << "millrace-" << kind_.name << ": " << text << "\n";
    return 1;
  }

  // Only a control plane says what to pull and push.
  void StartRelays() {
    relay::Factory* const factory = service_->relays();
    if (factory == nullptr) return;
    relay::Runner::Hooks hooks;
    hooks.report = [this](v1::RelayUpdate all) { agent_->SetRelays(std::move(all)); };
    hooks.attached = [this] { return agent_->attached(); };
    relays_ =
        std::make_unique<relay::Runner>(shards_, *factory, metrics_, logger_, std::move(hooks));
  }

  void StartAgent(uint16_t metrics_port) {
    rpc::NodeAgent::Options options;
    options.control_plane = settings_.control_plane;
    options.state_file = settings_.state_file;
    v1::Register& registration = options.registration;
    registration.set_node(settings_.name);
    registration.set_incarnation(incarnation_);
    registration.set_kind(kind_.kind);
    registration.set_version(MILLRACE_VERSION);
    registration.set_metrics_address(Advertised(settings_.metrics, metrics_port));
    (*registration.mutable_addresses())[kind_.address_name] = settings_.listen;
    if (const std::string secure = service_->secure_listen(); !secure.empty()) {
      (*registration.mutable_addresses())[kind_.address_name + std::string("s")] = secure;
    }
    if (relay::Factory* const factory = service_->relays(); factory != nullptr) {
      for (std::string& scheme : factory->pull_schemes()) {
        registration.add_pull_schemes(std::move(scheme));
      }
      for (std::string& scheme : factory->push_schemes()) {
        registration.add_push_schemes(std::move(scheme));
      }
    }
    rpc::NodeAgent::Handlers handlers;
    handlers.on_state = [this](const v1::NodeState& state) {
      asio::post(shards_.home(), [this, state] { Apply(state); });
    };
    handlers.on_command = [this](const v1::Command& command) {
      v1::CommandResult result;
      result.set_command_id(command.command_id());
      if (command.has_drain()) {
        result.set_found(true);
        asio::post(shards_.home(), [this] { BeginDrain(); });
      }
      return result;
    };
    if (relays_ != nullptr) {
      handlers.on_relays = [this](const v1::RelayAssignments& assignments) {
        asio::post(shards_.home(), [this, assignments] { relays_->Assign(assignments); });
      };
    }
    handlers.heartbeat = [this] {
      v1::Heartbeat heartbeat;
      heartbeat.set_sessions(static_cast<uint32_t>(sessions_.size()));
      heartbeat.set_ready(readiness_.ready());
      heartbeat.set_draining(readiness_.draining());
      heartbeat.set_configuration_revision(configuration_revision_);
      return heartbeat;
    };
    agent_ = std::make_unique<rpc::NodeAgent>(std::move(options), std::move(handlers), sessions_);
    agent_->Start();
  }

  // Who listens on all interfaces is scraped at the address that the control plane sees.
  static std::string Advertised(const std::string& listen, uint16_t port) {
    const auto parsed = lifecycle::ParseHostPort(listen);
    std::string host = parsed.ok() ? parsed->host : "";
    if (host == "0.0.0.0" || host == "::") host.clear();
    return lifecycle::HostPort{host, port}.ToString();
  }

  void Apply(const v1::NodeState& state) {
    // States come for bans and topologies too; revisions begin anew where a store was lost.
    using google::protobuf::util::MessageDifferencer;
    if (!MessageDifferencer::Equals(*configuration(), state.configuration())) Configure(state);
    configuration_revision_ = state.configuration_revision();
    bans_.Set({state.bans().begin(), state.bans().end()});
    if (state.bans_size() > 0) sessions_.KickBanned(bans_);
    if (settings_.routers.empty() && state.has_topology()) bus_->SetTopology(state.topology());
    logger_.Debug("configuration applied", {{"revision", state.revision()},
                                            {"routers", state.topology().endpoints_size()},
                                            {"bans", state.bans_size()}});
  }

  // Ends no session: those that are there take over what can change live (v1::AppSettings).
  void Configure(const v1::NodeState& state) {
    auto configuration = std::make_shared<const v1::Configuration>(state.configuration());
    auto settings = std::make_shared<const config::StreamSettings>(*configuration);
    {
      std::lock_guard lock(mutex_);
      configuration_ = configuration;
      stream_settings_ = settings;
    }
    feeds_->SetSubscriptionCredit(configuration->bus().subscription_credit());
    feeds_->Reconfigure([settings](std::string_view stream) { return settings->For(stream); });
    logger_.Info("new configuration", {{"revision", state.configuration_revision()}});
  }

  void Poll() {
    readiness_.Set("bus", bus_->connected());
    poll_.expires_after(kPoll);
    poll_.async_wait([this](const boost::system::error_code& error) {
      if (!error) Poll();
    });
  }

  void BeginDrain() {
    if (draining_) return;
    draining_ = true;
    readiness_.SetDraining();
    logger_.Info("draining",
                 {{"sessions", sessions_.size()}, {"deadline_ms", settings_.drain.count()}});
    service_->StopAccepting();
    if (relays_ != nullptr) relays_->Drain();
    if (agent_ != nullptr) agent_->HeartbeatChanged();
    WaitForSessions(std::chrono::steady_clock::now() + settings_.drain, false);
  }

  void WaitForSessions(std::chrono::steady_clock::time_point deadline, bool closing) {
    const size_t left = sessions_.size();
    const bool over = std::chrono::steady_clock::now() >= deadline;
    if (left == 0 || (over && closing)) {
      shards_.Stop();
      return;
    }
    if (over) {
      sessions_.KickAll("the server is shutting down");
      WaitForSessions(std::chrono::steady_clock::now() + kCloseTime, true);
      return;
    }
    drain_timer_.expires_after(kPoll);
    drain_timer_.async_wait([this, deadline, closing](const boost::system::error_code& error) {
      if (!error) WaitForSessions(deadline, closing);
    });
  }

  const GatewayKind kind_;
  const Settings settings_;
  log::Logger logger_;
  const uint64_t incarnation_;
  metrics::Registry metrics_;
  loop::Shards shards_;
  rpc::SessionRegistry sessions_;
  rpc::BanList bans_;
  lifecycle::Readiness readiness_{{"listening", "bus"}};
  mutable std::mutex mutex_;
  std::shared_ptr<const v1::Configuration> configuration_;
  std::shared_ptr<const config::StreamSettings> stream_settings_;  // of configuration_
  std::atomic<uint64_t> configuration_revision_{0};                // in force; 0: none has come
  std::unique_ptr<bus::Client> bus_;
  std::unique_ptr<stream::FeedHub> feeds_;
  std::unique_ptr<rpc::NodeAgent> agent_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<relay::Runner> relays_;  // of the service's factory
  asio::steady_timer poll_;
  asio::steady_timer drain_timer_;
  bool draining_ = false;
};

}  // namespace

int RunGateway(int argc, char** argv, const GatewayKind& kind,
               const std::function<std::unique_ptr<Service>(Node&)>& make_service) {
  lifecycle::ParseCommandLine(argc, argv, kind.summary);
  const auto settings = ReadFlags(kind);
  const auto format = log::ParseFormat(absl::GetFlag(FLAGS_log_format));
  const auto level = log::ParseLevel(absl::GetFlag(FLAGS_log_level));
  for (const absl::Status& status : {settings.status(), format.status(), level.status()}) {
    if (status.ok()) continue;
    std::cerr << "millrace-" << kind.name << ": " << status.message() << "\nTry --help.\n";
    return 2;
  }
  log::Logger logger =
      log::Logger::Create({.format = *format, .level = *level, .node = settings->name});
  GatewayNode node(kind, *settings, std::move(logger));
  return node.Run(make_service);
}

}  // namespace millrace::node
