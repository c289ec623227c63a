#include "control-plane/process.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "control-plane/server.h"
#include "runtime/config/yaml.h"
#include "runtime/lifecycle/command_line.h"
#include "runtime/lifecycle/host_port.h"
#include "runtime/lifecycle/process.h"
#include "runtime/lifecycle/signals.h"
#include "runtime/log/log.h"

ABSL_FLAG(std::string, listen, "0.0.0.0:50051", "host:port of the gRPC API.");
ABSL_FLAG(std::string, http, "0.0.0.0:9101",
          "host:port of /metrics, /healthz, /readyz and /sd/prometheus.");
ABSL_FLAG(std::string, config, "",
          "The configuration file (YAML). Empty: defaults. Changes are put in force while it runs; "
          "`millrace config check FILE` checks it.");
ABSL_FLAG(std::string, public_host, "",
          "Host by which clients reach the cluster, for the URLs that are printed, unless the "
          "configuration has public.host.");
ABSL_FLAG(uint32_t, public_rtmp_port, 0, "Likewise the port of RTMP. 0: that of a gateway.");
ABSL_FLAG(uint32_t, public_rtsp_port, 0, "Likewise the port of RTSP. 0: that of a gateway.");
ABSL_FLAG(uint32_t, public_http_port, 0, "Likewise the port of HTTP. 0: that of a gateway.");
ABSL_FLAG(std::string, store, "",
          "The store, a SQLite file. Empty: control-plane.db in --state-dir, or in memory.");
ABSL_FLAG(std::string, state_dir, "", "Where the store is kept unless --store says otherwise.");
ABSL_FLAG(std::string, node, "", "Name in metrics and logs. Empty: control-plane-<hostname>.");
ABSL_FLAG(std::string, drain, "1s", "How long SIGTERM lets calls that are under way go on.");
ABSL_FLAG(std::string, log_format, "auto",
          "auto, text or json. auto: text on a terminal, JSON otherwise.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");

namespace millrace::control {
namespace {

constexpr const char* kProgram = "millrace-control-plane";

// Watches never end by themselves, and nothing else that is under way takes longer.
constexpr std::chrono::milliseconds kMaxDrain{2'000};

std::string Text(const absl::Status& status) { return std::string(status.message()); }

int Complain(const absl::Status& status, int code) {
  std::cerr << kProgram << ": " << Text(status) << "\n";
  return code;
}

std::string StorePath() {
  if (std::string path = absl::GetFlag(FLAGS_store); !path.empty()) return path;
  const std::string folder = absl::GetFlag(FLAGS_state_dir);
  return folder.empty() ? ":memory:" : folder + "/control-plane.db";
}

}  // namespace

int RunControlPlane(int argc, char** argv) {
  lifecycle::ParseCommandLine(
      argc, argv,
      "The control plane of a Millrace cluster: nodes register here, you look and kick here.");
  const auto format = log::ParseFormat(absl::GetFlag(FLAGS_log_format));
  const auto level = log::ParseLevel(absl::GetFlag(FLAGS_log_level));
  const auto drain = lifecycle::ParseDuration(absl::GetFlag(FLAGS_drain));
  for (const absl::Status& status : {format.status(), level.status(), drain.status()}) {
    if (!status.ok()) return Complain(status, 2);
  }
  ServerOptions options;
  options.listen = absl::GetFlag(FLAGS_listen);
  options.http = absl::GetFlag(FLAGS_http);
  options.store = StorePath();
  options.drain = std::min(*drain, kMaxDrain);
  options.name = absl::GetFlag(FLAGS_node);
  if (options.name.empty()) options.name = "control-plane-" + lifecycle::HostName();
  if (absl::GetFlag(FLAGS_public_rtmp_port) > 65535 ||
      absl::GetFlag(FLAGS_public_rtsp_port) > 65535 ||
      absl::GetFlag(FLAGS_public_http_port) > 65535) {
    return Complain(absl::InvalidArgumentError("--public_…_port: ports end at 65535"), 2);
  }
  options.public_defaults.set_host(absl::GetFlag(FLAGS_public_host));
  options.public_defaults.set_rtmp_port(absl::GetFlag(FLAGS_public_rtmp_port));
  options.public_defaults.set_rtsp_port(absl::GetFlag(FLAGS_public_rtsp_port));
  options.public_defaults.set_http_port(absl::GetFlag(FLAGS_public_http_port));
  if (const std::string file = absl::GetFlag(FLAGS_config); !file.empty()) {
    absl::StatusOr<v1::Configuration> configuration = config::LoadYamlFile(file);
    if (!configuration.ok()) return Complain(configuration.status(), 1);
    options.configuration = *std::move(configuration);
    options.configuration_file = file;
  }
  const log::Logger logger =
      log::Logger::Create({.format = *format, .level = *level, .node = options.name});
  options.logger = logger;
  if (options.store == ":memory:") {
    logger.Warning(
        "no --store: bans, applied configuration and the topology's term are lost at the next "
        "restart");
  }

  lifecycle::IgnoreBrokenPipes();
  lifecycle::RaiseOpenFileLimit();
  std::promise<int> told;
  const lifecycle::Signals signals([&told](int signal) { told.set_value(signal); });
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(std::move(options));
  if (!server.ok()) {
    logger.Error("cannot start", {{"error", Text(server.status())}});
    return Complain(server.status(), 1);
  }
  logger.Info("started", {{"kind", "control-plane"},
                          {"port", (*server)->port()},
                          {"http_port", (*server)->http_port()},
                          {"version", MILLRACE_VERSION}});
  const int signal = told.get_future().get();
  logger.Info("stopping", {{"signal", signal}});
  (*server)->Stop();
  logger.Info("stopped", {{"kind", "control-plane"}});
  return 0;
}

}  // namespace millrace::control
