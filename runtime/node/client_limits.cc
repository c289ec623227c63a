#include "runtime/node/client_limits.h"

#include <algorithm>

#include "runtime/net/ip_address.h"

namespace millrace::node {

Tally::Share& Tally::Share::operator=(Share&& other) noexcept {
  if (this == &other) return *this;
  Release();
  state_ = std::move(other.state_);
  key_ = std::move(other.key_);
  return *this;
}

void Tally::Share::Release() {
  if (state_ == nullptr) return;
  {
    std::lock_guard lock(state_->mutex);
    const auto found = state_->held.find(key_);
    if (--found->second == 0) state_->held.erase(found);
  }
  state_.reset();
}

std::optional<Tally::Share> Tally::Take(const std::string& key, uint32_t limit) {
  std::lock_guard lock(state_->mutex);
  const auto found = state_->held.find(key);
  const uint32_t held = found == state_->held.end() ? 0 : found->second;
  if (limit > 0 && held >= limit) return std::nullopt;
  ++state_->held[key];
  return Share(state_, key);
}

size_t Tally::keys() const {
  std::lock_guard lock(state_->mutex);
  return state_->held.size();
}

std::optional<ClientLimits::Shares> ClientLimits::Connect(std::string_view address,
                                                          const v1::LimitSettings& settings) {
  Shares shares;
  if (IsInside(address, settings.exempt_addresses())) return shares;
  auto share = connections_.Take(std::string(address), settings.connections_per_address());
  if (!share) return std::nullopt;
  shares.push_back(*std::move(share));
  return shares;
}

std::pair<ClientLimits::Shares, const char*> ClientLimits::Publish(
    std::string_view address, const v1::LimitSettings& settings) {
  Shares shares;
  auto stream = streams_.Take("", settings.streams_per_node());
  if (!stream) return {Shares(), "streams_per_node"};
  shares.push_back(*std::move(stream));
  if (!IsInside(address, settings.exempt_addresses())) {
    auto own = publishers_.Take(std::string(address), settings.publishers_per_address());
    if (!own) return {Shares(), "publishers_per_address"};
    shares.push_back(*std::move(own));
  }
  return {std::move(shares), nullptr};
}

bool IsInside(std::string_view address,
              const google::protobuf::RepeatedPtrField<std::string>& networks) {
  if (networks.empty()) return false;
  const std::optional<net::IpAddress> parsed = net::ParseIpAddress(address);
  return parsed && std::any_of(networks.begin(), networks.end(), [&](const std::string& text) {
           const std::optional<net::Network> network = net::ParseNetwork(text);
           return network && network->Contains(*parsed);
         });
}

void CountRefusal(metrics::Registry& metrics, const char* protocol, const char* reason) {
  metrics
      .Counter("millrace_refusals_total",
               "Clients that were turned away because there is no room for them, by reason.",
               {{"protocol", protocol}, {"reason", reason}})
      .Increment();
}

}  // namespace millrace::node
