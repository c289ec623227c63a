#include "control-plane/server.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/service_type.h>

#include <atomic>
#include <chrono>
#include <utility>
#include <vector>

#include "control-plane/admin_service.h"
#include "control-plane/call_metrics.h"
#include "control-plane/cluster.h"
#include "control-plane/config_watch.h"
#include "control-plane/loop.h"
#include "control-plane/node_service.h"
#include "control-plane/rollups.h"
#include "control-plane/service_discovery.h"
#include "control-plane/store/sqlite_store.h"
#include "millrace/v1/admin.pb.h"
#include "runtime/lifecycle/host_port.h"
#include "runtime/metrics/registry.h"
#include "runtime/metrics/server.h"

namespace millrace::control {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick(100);
constexpr int kTicksPerSecond = 10;
constexpr milliseconds kHttpPatience(1'000);
// A node that reports twenty thousand sessions at once sends about 5 MB.
constexpr int kMaxMessageBytes = 64 << 20;

int64_t SystemUnixMs() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void SetArguments(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  // Two control planes on one port would each see half of the nodes.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Nodes and clients may ping every second; who pings faster is shown the door.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 5);
}

class ServerImpl final : public Server {
 public:
  ServerImpl(ServerOptions options, std::unique_ptr<Store> store)
      : options_(std::move(options)), store_(std::move(store)) {
    Cluster::Options cluster;
    if (!options_.configuration_file.empty() || options_.configuration.ByteSizeLong() > 0) {
      cluster.file = options_.configuration;
    }
    cluster.public_defaults = options_.public_defaults;
    cluster.unix_ms = options_.unix_ms ? options_.unix_ms : SystemUnixMs;
    cluster.logger = options_.logger;
    cluster_ = std::make_unique<Cluster>(std::move(cluster), *store_);
  }

  ~ServerImpl() override { Stop(); }

  absl::Status Open() {
    if (absl::Status loaded = cluster_->Load(); !loaded.ok()) return loaded;
    loop_.Start(kTick, [this] { Tick(); });
    if (absl::Status open = OpenGrpc(); !open.ok()) return open;
    if (absl::Status open = OpenHttp(); !open.ok()) return open;
    SetServing(true);
    return absl::OkStatus();
  }

  uint16_t port() const override { return port_; }
  uint16_t http_port() const override { return http_ == nullptr ? 0 : http_->port(); }

  void Stop() override {
    if (std::exchange(stopped_, true)) return;
    ready_ = false;
    if (grpc_ != nullptr) {
      SetServing(false);
      // The loop goes on until the last call has ended, because it is what ends them.
      loop_.Post([this] { cluster_->Close(); });
      grpc_->Shutdown(std::chrono::system_clock::now() + options_.drain);
      grpc_->Wait();
    }
    http_.reset();
    loop_.Stop();
  }

 private:
  void Tick() {
    cluster_->Tick();
    if (ticks_++ % kTicksPerSecond != 0) return;
    UpdateRollups(*cluster_, metrics_);
    auto changed = config_watch_.Changed();
    if (!changed) return;
    const absl::Status taken =
        changed->ok() ? cluster_->ConfigurationFileSays(**changed) : changed->status();
    if (taken.ok()) return;
    options_.logger.Error("the new configuration is not used; the last one holds",
                          {{"error", std::string(taken.message())}});
  }

  absl::Status OpenGrpc() {
    const absl::StatusOr<lifecycle::HostPort> listen = lifecycle::ParseHostPort(options_.listen);
    if (!listen.ok()) return listen.status();
    const std::string address =
        lifecycle::HostPort{listen->host.empty() ? "0.0.0.0" : listen->host, listen->port}
            .ToString();
    // Both are process-wide switches of gRPC; setting them again changes nothing.
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();

    node_service_ = MakeNodeService(loop_, *cluster_);
    admin_service_ = MakeAdminService(loop_, *cluster_, options_.logger);
    grpc::ServerBuilder builder;
    SetArguments(builder);
    int bound = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &bound);
    builder.RegisterService(node_service_.get());
    builder.RegisterService(admin_service_.get());
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
        interceptors;
    interceptors.push_back(MakeCallMetrics(metrics_));
    builder.experimental().SetInterceptorCreators(std::move(interceptors));
    grpc_ = builder.BuildAndStart();
    if (grpc_ == nullptr || bound == 0) {
      return absl::UnavailableError(
          fmt::format("cannot listen on {}: is the port taken?", options_.listen));
    }
    port_ = static_cast<uint16_t>(bound);
    return absl::OkStatus();
  }

  absl::Status OpenHttp() {
    if (options_.http.empty()) return absl::OkStatus();
    metrics::Server::Options options;
    options.listen = options_.http;
    options.registry = &metrics_;
    options.not_ready = [this] {
      return ready_ ? std::vector<std::string>() : std::vector<std::string>{"serving"};
    };
    options.routes["/sd/prometheus"] = [this](const metrics::Server::Request& request) {
      return Targets(request);
    };
    auto server = metrics::Server::Start(std::move(options));
    if (!server.ok()) return server.status();
    http_ = *std::move(server);
    return absl::OkStatus();
  }

  metrics::Server::Response Targets(const metrics::Server::Request& request) {
    metrics::Server::Response response;
    // Prometheus can scrape us by the name under which it asks for the others.
    const std::string own =
        request.host.empty() ? fmt::format("127.0.0.1:{}", http_port()) : request.host;
    auto body = std::make_shared<std::string>();
    if (!loop_.Call(kHttpPatience, [this, body, own] {
          *body = PrometheusTargets(cluster_->directory().nodes(), options_.name, own);
        })) {
      response.status = 503;
      response.body = "busy\n";
      return response;
    }
    response.content_type = "application/json";
    response.body = std::move(*body);
    return response;
  }

  void SetServing(bool serving) {
    ready_ = serving;
    grpc::HealthCheckServiceInterface* const health = grpc_->GetHealthCheckService();
    if (health == nullptr) return;
    for (const char* service : {"", "millrace.v1.AdminService", "millrace.v1.NodeService"}) {
      health->SetServingStatus(service, serving);
    }
  }

  const ServerOptions options_;
  ConfigWatch config_watch_{options_.configuration_file};
  metrics::Registry metrics_{"control-plane"};
  std::unique_ptr<Store> store_;
  std::unique_ptr<Cluster> cluster_;  // the loop's, once it runs
  std::unique_ptr<grpc::Service> node_service_;
  std::unique_ptr<grpc::Service> admin_service_;
  Loop loop_;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<metrics::Server> http_;
  std::atomic<bool> ready_{false};
  uint16_t port_ = 0;
  uint64_t ticks_ = 0;
  bool stopped_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(options.store);
  if (!store.ok()) return store.status();
  auto server = std::make_unique<ServerImpl>(std::move(options), *std::move(store));
  if (absl::Status open = server->Open(); !open.ok()) return open;
  return server;
}

}  // namespace millrace::control
