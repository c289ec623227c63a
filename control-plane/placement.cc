#include "control-plane/placement.h"

#include <algorithm>
#include <set>
#include <utility>

namespace millrace::control {
namespace {

std::vector<std::string> Sorted(std::vector<std::string> endpoints) {
  std::ranges::sort(endpoints);
  const auto repeated = std::ranges::unique(endpoints);
  endpoints.erase(repeated.begin(), repeated.end());
  return endpoints;
}

}  // namespace

Placement::Placement(std::vector<std::string> configured)
    : configured_(Sorted(std::move(configured))) {}

void Placement::SetConfigured(std::vector<std::string> configured) {
  configured_ = Sorted(std::move(configured));
}

void Placement::Restore(const StoredTopology& stored, int64_t now_ms) {
  current_ = stored.topology;
  for (const auto& [node, endpoint] : stored.routers) {
    routers_[node] = Router{endpoint, now_ms + kKeepMs};
  }
}

void Placement::RouterAttached(const std::string& node, const std::string& endpoint) {
  routers_[node] = Router{endpoint, std::nullopt};
}

void Placement::RouterDetached(const std::string& node, int64_t now_ms) {
  const auto found = routers_.find(node);
  if (found != routers_.end()) found->second.leaves_ms = now_ms + kKeepMs;
}

std::optional<StoredTopology> Placement::Next(int64_t now_ms) {
  std::set<std::string> endpoints(configured_.begin(), configured_.end());
  std::map<std::string, Router> staying;
  for (const auto& [node, router] : routers_) {
    if (router.leaves_ms && *router.leaves_ms <= now_ms) continue;
    staying.emplace(node, router);
    if (configured_.empty()) endpoints.insert(router.endpoint);
  }
  if (endpoints.empty()) return std::nullopt;
  routers_ = std::move(staying);
  if (std::ranges::equal(endpoints, current_.endpoints())) return std::nullopt;
  StoredTopology next;
  next.topology.set_term(
      std::max(current_.term() + 1, static_cast<uint64_t>(std::max<int64_t>(now_ms / 1000, 1))));
  next.topology.mutable_endpoints()->Assign(endpoints.begin(), endpoints.end());
  for (const auto& [node, router] : routers_) next.routers[node] = router.endpoint;
  return next;
}

}  // namespace millrace::control
