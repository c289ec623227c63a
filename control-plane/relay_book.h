#pragma once
// The pulls and pushes that are desired: in memory for use, in the store for the next start. With
// their secrets; nothing here is shown.

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control-plane/store/store.h"
#include "millrace/v1/node.pb.h"

namespace millrace::control {

class RelayBook {
 public:
  static constexpr size_t kMaxRelays = 10'000;  // pulls and pushes together

  explicit RelayBook(Store& store) : store_(store) {}

  absl::Status Load();

  // Adds `pull`, defaults filled in. The same again changes nothing. InvalidArgument: what is wrong
  // with it; AlreadyExists: another one has its name, and may not be replaced.
  absl::StatusOr<v1::Pull> Add(v1::Pull pull, bool replace);
  absl::StatusOr<v1::Push> Add(v1::Push push, bool replace);
  absl::Status RemovePull(const std::string& stream);  // NotFound
  absl::Status RemovePush(const std::string& name);

  bool empty() const { return pulls_.empty() && pushes_.empty(); }
  const std::map<std::string, v1::Pull>& pulls() const { return pulls_; }
  const std::map<std::string, v1::Push>& pushes() const { return pushes_; }

 private:
  absl::Status HasRoom() const;

  Store& store_;
  std::map<std::string, v1::Pull> pulls_;   // by stream
  std::map<std::string, v1::Push> pushes_;  // by name
};

// As they may be shown.
v1::Pull WithoutSecrets(v1::Pull pull);
v1::Push WithoutSecrets(v1::Push push);

}  // namespace millrace::control
