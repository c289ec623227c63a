#pragma once
// How much one client address, and one gateway, may have at once. Thread-safe.

#include <google/protobuf/repeated_field.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "millrace/v1/config.pb.h"
#include "runtime/metrics/registry.h"

namespace millrace::node {

// Counts what each key holds. Costs a look-up when something begins and ends, and memory only for
// keys that hold something.
class Tally {
 public:
  // Counts for as long as it lives, which may be longer than the tally.
  class Share {
   public:
    Share(Share&& other) noexcept = default;
    Share& operator=(Share&& other) noexcept;
    ~Share() { Release(); }

   private:
    friend class Tally;
    struct State {
      std::mutex mutex;
      std::unordered_map<std::string, uint32_t> held;
    };
    Share(std::shared_ptr<State> state, std::string key)
        : state_(std::move(state)), key_(std::move(key)) {}
    void Release();

    std::shared_ptr<State> state_;
    std::string key_;
  };

  // Nothing where `key` holds `limit` already. 0: no limit.
  std::optional<Share> Take(const std::string& key, uint32_t limit);
  size_t keys() const;  // that hold something

 private:
  std::shared_ptr<Share::State> state_ = std::make_shared<Share::State>();
};

// What a gateway counts by v1::LimitSettings. An address is an IP as text, without a port.
class ClientLimits {
 public:
  using Shares = std::vector<Tally::Share>;

  // Shares to keep while the connection lasts, or nothing where the address has as many as it may.
  std::optional<Shares> Connect(std::string_view address, const v1::LimitSettings& settings);
  // Shares to keep while the stream is published, or a literal of what is full:
  // "publishers_per_address" or "streams_per_node".
  std::pair<Shares, const char*> Publish(std::string_view address,
                                         const v1::LimitSettings& settings);

 private:
  Tally connections_;
  Tally publishers_;
  Tally streams_;
};

// Whether one of `networks` ("10.0.0.0/8", "::1") contains `address`. What is no network contains
// nothing.
bool IsInside(std::string_view address,
              const google::protobuf::RepeatedPtrField<std::string>& networks);

// Somebody was turned away because of a limit, `reason`: a literal.
void CountRefusal(metrics::Registry& metrics, const char* protocol, const char* reason);

}  // namespace millrace::node
