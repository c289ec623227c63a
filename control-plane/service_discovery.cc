#include "control-plane/service_discovery.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace millrace::control {
namespace {

nlohmann::json Group(const std::string& address, const std::string& node, const std::string& kind,
                     const std::string& version) {
  return {{"targets", {address}},
          {"labels",
           {{"job", "millrace"},
            {"node", node},
            {"kind", kind},
            {"__meta_millrace_node", node},
            {"__meta_millrace_kind", kind},
            {"__meta_millrace_version", version}}}};
}

}  // namespace

std::string KindWord(v1::NodeKind kind) {
  constexpr std::string_view kPrefix = "NODE_KIND_";
  std::string word = v1::NodeKind_Name(kind);
  if (!word.starts_with(kPrefix) || kind == v1::NODE_KIND_UNSPECIFIED) return "unknown";
  word.erase(0, kPrefix.size());
  std::ranges::transform(word, word.begin(),
                         [](char c) { return c == '_' ? '-' : static_cast<char>(c - 'A' + 'a'); });
  return word;
}

std::string PrometheusTargets(const std::map<std::string, NodeRow>& nodes,
                              const std::string& own_name, const std::string& own_address) {
  nlohmann::json groups = nlohmann::json::array();
  groups.push_back(
      Group(own_address, own_name, KindWord(v1::NODE_KIND_CONTROL_PLANE), MILLRACE_VERSION));
  for (const auto& [name, row] : nodes) {
    const v1::Register& registration = row.node.registration();
    if (registration.metrics_address().empty()) continue;
    groups.push_back(Group(registration.metrics_address(), name, KindWord(registration.kind()),
                           registration.version()));
  }
  return groups.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace millrace::control
