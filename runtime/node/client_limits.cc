#include "runtime/node/client_limits.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace millrace::node {
namespace {

// An IPv4 address in its IPv6 form, so that both compare.
using AddressBytes = std::array<uint8_t, 16>;

std::optional<AddressBytes> ParseAddress(const std::string& text) {
  AddressBytes bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  bytes[10] = bytes[11] = 0xff;
  if (inet_pton(AF_INET, text.c_str(), bytes.data() + 12) == 1) return bytes;
  return std::nullopt;
}

bool Contains(std::string_view network, const AddressBytes& address) {
  const size_t slash = network.find('/');
  const std::string base(network.substr(0, slash));
  const auto bytes = ParseAddress(base);
  if (!bytes) return false;
  const size_t skipped = base.find(':') == std::string::npos ? 96 : 0;
  size_t bits = 128;
  if (slash != std::string_view::npos) {
    const std::string_view digits = network.substr(slash + 1);
    size_t prefix = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc() || end != digits.data() + digits.size() || prefix > 128 - skipped) {
      return false;
    }
    bits = skipped + prefix;
  }
  const size_t whole = bits / 8;
  if (std::memcmp(bytes->data(), address.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - bits % 8));
  return ((*bytes)[whole] & mask) == (address[whole] & mask);
}

}  // namespace

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
  const auto bytes = ParseAddress(std::string(address));
  return bytes && std::any_of(networks.begin(), networks.end(), [&](const std::string& network) {
           return Contains(network, *bytes);
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
