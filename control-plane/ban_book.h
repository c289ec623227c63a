#pragma once
// The bans in force: in memory for matching, in the store for the next start.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control-plane/store/store.h"
#include "millrace/v1/config.pb.h"
#include "millrace/v1/node.pb.h"

namespace millrace::control {

class BanBook {
 public:
  static constexpr size_t kMaxBans = 10'000;  // each node is given all of them

  explicit BanBook(Store& store) : store_(store) {}

  // Forgets what expired while the control plane was away.
  absl::Status Load(int64_t now_ms);

  // Bans `value` from now on for `duration_ms`. A ban of the same kind and value is renewed and
  // keeps its id, so that a call that is repeated bans once. InvalidArgument says what is wrong
  // with the request.
  absl::StatusOr<v1::Ban> Add(v1::BanKind kind, const std::string& value, const std::string& reason,
                              uint64_t duration_ms, int64_t now_ms);
  absl::Status Remove(const std::string& id);  // NotFound
  // Whether any expired.
  bool Expire(int64_t now_ms);

  const std::map<std::string, v1::Ban>& bans() const { return bans_; }
  std::optional<v1::Ban> Match(const v1::Session& session) const;

 private:
  Store& store_;
  std::map<std::string, v1::Ban> bans_;                     // by id
  std::map<std::pair<int, std::string>, std::string> ids_;  // by kind and value
};

}  // namespace millrace::control
