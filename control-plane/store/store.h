#pragma once
// What the control plane must not forget. One thread, the loop's; every call has reached the disk
// when it returns OK.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/v1/config.pb.h"
#include "millrace/v1/node.pb.h"

namespace millrace::control {

struct StoredTopology {
  v1::Topology topology;                       // term 0: there never was one
  std::map<std::string, std::string> routers;  // endpoint by node name
};

struct StoredNode {
  v1::Register registration;
  std::string address;
  int64_t seen_unix_ms = 0;
};

// The configuration that was applied, as it sets it.
struct AppliedConfiguration {
  v1::Configuration configuration;
  std::string over_file;  // the bytes of what the configuration file said then; empty: none
  int64_t applied_unix_ms = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual absl::StatusOr<std::vector<v1::Ban>> LoadBans() = 0;
  virtual absl::Status PutBan(const v1::Ban& ban) = 0;  // by id
  virtual absl::Status RemoveBan(const std::string& id) = 0;

  // With their secrets.
  virtual absl::StatusOr<std::vector<v1::Pull>> LoadPulls() = 0;
  virtual absl::Status PutPull(const v1::Pull& pull) = 0;  // by stream
  virtual absl::Status RemovePull(const std::string& stream) = 0;
  virtual absl::StatusOr<std::vector<v1::Push>> LoadPushes() = 0;
  virtual absl::Status PutPush(const v1::Push& push) = 0;  // by name
  virtual absl::Status RemovePush(const std::string& name) = 0;

  virtual absl::StatusOr<StoredTopology> LoadTopology() = 0;
  virtual absl::Status SaveTopology(const StoredTopology& topology) = 0;

  virtual absl::StatusOr<std::vector<StoredNode>> LoadNodes() = 0;
  virtual absl::Status PutNode(const StoredNode& node) = 0;  // by name
  virtual absl::Status RemoveNodesSeenBefore(int64_t unix_ms) = 0;

  virtual absl::StatusOr<std::optional<AppliedConfiguration>> LoadApplied() = 0;
  virtual absl::Status SaveApplied(const AppliedConfiguration& applied) = 0;
  virtual absl::Status RemoveApplied() = 0;

  // The revision of `configuration`: the last one's where it is the same, else the next.
  virtual absl::StatusOr<uint64_t> ConfigurationRevision(const std::string& configuration) = 0;
  // Rises with each call, for the lifetime of the store.
  virtual absl::StatusOr<uint64_t> NextStateRevision() = 0;
};

}  // namespace millrace::control
