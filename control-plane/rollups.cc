#include "control-plane/rollups.h"

#include <array>
#include <map>
#include <string>
#include <utility>

#include "control-plane/service_discovery.h"

namespace millrace::control {
namespace {

constexpr std::array kKinds = {v1::NODE_KIND_ROUTER, v1::NODE_KIND_RTMP_GATEWAY,
                               v1::NODE_KIND_HTTP_GATEWAY, v1::NODE_KIND_RTSP_GATEWAY,
                               v1::NODE_KIND_RECORDER};
constexpr std::array<std::pair<v1::Role, const char*>, 3> kRoles = {
    {{v1::ROLE_PUBLISHER, "publisher"},
     {v1::ROLE_VIEWER, "viewer"},
     {v1::ROLE_UNSPECIFIED, "none"}}};
constexpr std::array<std::pair<v1::StreamState, const char*>, 3> kStates = {
    {{v1::STREAM_LIVE, "live"}, {v1::STREAM_GRACE, "grace"}, {v1::STREAM_WAITING, "waiting"}}};
constexpr std::array<std::pair<v1::RelayState, const char*>, 5> kRelayStates = {
    {{v1::RELAY_UNASSIGNED, "unassigned"},
     {v1::RELAY_WAITING, "waiting"},
     {v1::RELAY_CONNECTING, "connecting"},
     {v1::RELAY_RUNNING, "running"},
     {v1::RELAY_BACKING_OFF, "backing_off"}}};

}  // namespace

void UpdateRollups(const Cluster& cluster, metrics::Registry& metrics) {
  const Directory& directory = cluster.directory();
  std::map<std::pair<v1::NodeKind, bool>, int> nodes;
  for (const auto& [name, row] : directory.nodes()) {
    ++nodes[{row.node.registration().kind(), row.node.attached()}];
  }
  for (const v1::NodeKind kind : kKinds) {
    for (const bool attached : {true, false}) {
      metrics
          .Gauge("millrace_cluster_nodes", "Nodes of the cluster.",
                 {{"kind", KindWord(kind)}, {"state", attached ? "attached" : "detached"}})
          .Set(nodes[{kind, attached}]);
    }
  }
  std::map<v1::Role, int> sessions;
  for (const auto& [id, session] : directory.sessions()) ++sessions[session.role()];
  for (const auto& [role, word] : kRoles) {
    metrics.Gauge("millrace_cluster_sessions", "Client sessions of the cluster.", {{"role", word}})
        .Set(sessions[role]);
  }
  std::map<v1::StreamState, int> streams;
  for (const auto& [name, stream] : directory.streams()) ++streams[stream.state()];
  for (const auto& [state, word] : kStates) {
    metrics.Gauge("millrace_cluster_streams", "Streams of the cluster.", {{"state", word}})
        .Set(streams[state]);
  }
  std::map<v1::RelayState, int> pulls;
  for (const auto& [stream, pull] : cluster.relays().pulls()) {
    ++pulls[cluster.relay_placement().PullStatus(stream).state()];
  }
  std::map<v1::RelayState, int> pushes;
  for (const auto& [name, push] : cluster.relays().pushes()) {
    ++pushes[cluster.relay_placement().PushStatus(name).state()];
  }
  for (const auto& [state, word] : kRelayStates) {
    metrics.Gauge("millrace_cluster_pulls", "Pulls of the cluster.", {{"state", word}})
        .Set(pulls[state]);
    metrics.Gauge("millrace_cluster_pushes", "Pushes of the cluster.", {{"state", word}})
        .Set(pushes[state]);
  }
}

}  // namespace millrace::control
