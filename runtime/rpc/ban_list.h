#pragma once
// The bans in force, as the control plane sent them. Thread-safe.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/v1/config.pb.h"

namespace millrace::rpc {

class BanList {
 public:
  void Set(std::vector<v1::Ban> bans);
  // The ban that forbids a session, if any. `address` is an IP without port; an empty argument
  // matches nothing. Bans that expired before `now_unix_ms` do not count.
  std::optional<v1::Ban> Find(std::string_view stream, std::string_view address,
                              std::string_view user, int64_t now_unix_ms) const;
  // Its reason: why a session may not start.
  std::optional<std::string> Refusal(std::string_view stream, std::string_view address,
                                     std::string_view user, int64_t now_unix_ms) const;
  // Likewise, as of now by the system's clock.
  std::optional<std::string> RefusalNow(std::string_view stream, std::string_view address,
                                        std::string_view user) const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const std::vector<v1::Ban>> bans_ =
      std::make_shared<const std::vector<v1::Ban>>();
};

}  // namespace millrace::rpc
