#pragma once
// The state of the cluster and everything that happens to it. One thread, the loop's; time comes
// from the clock that it is given.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control-plane/ban_book.h"
#include "control-plane/desired_configuration.h"
#include "control-plane/directory.h"
#include "control-plane/kicks.h"
#include "control-plane/placement.h"
#include "control-plane/relay_book.h"
#include "control-plane/relay_placement.h"
#include "control-plane/store/store.h"
#include "millrace/v1/admin.pb.h"
#include "millrace/v1/node.pb.h"
#include "runtime/log/log.h"

namespace millrace::control {

// The way to one node; implemented over gRPC.
class NodeLink {
 public:
  virtual ~NodeLink() = default;
  // Queued; orders arrive in order or the link breaks. A state that is not yet on its way may be
  // replaced by a newer one that follows it directly.
  virtual void Send(const v1::NodeOrder& order) = 0;
  virtual void Close(const absl::Status& why) = 0;
};

// Someone who watches streams; implemented over gRPC.
class StreamWatcher {
 public:
  virtual ~StreamWatcher() = default;
  virtual void Push(const v1::StreamEvent& event) = 0;
  virtual void Close(const absl::Status& why) = 0;
  // False: it has ended and can be forgotten.
  virtual bool alive() const = 0;
};

class Cluster {
 public:
  struct Options {
    std::optional<v1::Configuration> file;  // what the configuration file sets, where there is one
    v1::PublicSettings public_defaults;     // what holds of `public` unless it is configured
    std::function<int64_t()> unix_ms;
    log::Logger logger;
  };

  Cluster(Options options, Store& store);
  // Reads the store. Before anything else.
  absl::Status Load();

  // A registration that is in order answers Registered and the state on `link`, and takes the place
  // of an earlier one by the same name. The result names the attachment in the calls below.
  absl::StatusOr<uint64_t> Attach(std::shared_ptr<NodeLink> link, v1::Register registration,
                                  const std::string& peer_host);
  void Report(uint64_t attachment, const v1::NodeReport& report);
  void Detached(uint64_t attachment);

  // The configuration file has changed: what it sets holds for every node from now on.
  absl::Status ConfigurationFileSays(const v1::Configuration& file);
  // Makes `configuration` (what it sets) the desired one and pushes it.
  absl::Status ApplyConfiguration(const v1::Configuration& configuration);
  // With everything filled in that holds where `set` does not say otherwise.
  v1::Configuration Effective(const v1::Configuration& set) const;

  void Tick();  // every 100 ms
  // Ends every link, watcher and command that waits; nothing comes after.
  void Close();

  const Directory& directory() const { return directory_; }
  const BanBook& bans() const { return bans_; }
  const v1::Topology& topology() const { return placement_.current(); }
  // In force, defaults filled in.
  const v1::Configuration& configuration() const { return configuration_; }
  const DesiredConfiguration& desired() const { return desired_; }
  uint64_t configuration_revision() const { return configuration_revision_; }

  // In force on every attached node before any command that is sent later.
  absl::StatusOr<v1::Ban> AddBan(v1::BanKind kind, const std::string& value,
                                 const std::string& reason, uint64_t duration_ms);
  absl::Status RemoveBan(const std::string& id);

  // As RelayBook has them; nodes are told at once.
  absl::StatusOr<v1::Pull> AddPull(v1::Pull pull, bool replace);
  absl::StatusOr<v1::Push> AddPush(v1::Push push, bool replace);
  absl::Status RemovePull(const std::string& stream);
  absl::Status RemovePush(const std::string& name);
  const RelayBook& relays() const { return relays_; }
  const RelayPlacement& relay_placement() const { return relay_placement_; }

  // Sends the command to those of `nodes` that are attached. `done` is called once, here and now
  // where there are none, else when all have answered or after a second.
  void Command(const std::vector<std::string>& nodes, const v1::Command& command, CommandDone done);
  std::vector<std::string> AttachedRouters() const;

  // Gives the watcher what there is, then what changes.
  void Watch(std::shared_ptr<StreamWatcher> watcher, const std::string& prefix);

 private:
  struct Attachment {
    std::string node;
    std::shared_ptr<NodeLink> link;
  };
  struct Watcher {
    std::shared_ptr<StreamWatcher> sink;
    std::string prefix;
  };

  void Drop(uint64_t attachment, const absl::Status& why);
  void Forget(uint64_t attachment);
  absl::Status TakeConfiguration();
  absl::Status PutInForce();
  bool UpdateTopology();
  void PushState();
  void PlanRelays();
  void EnforceBans(const Attachment& attachment, const std::vector<std::string>& sessions);
  void Publish(bool all);
  Attachment* Find(const std::string& node, uint64_t* id = nullptr);
  int64_t now() const { return options_.unix_ms(); }

  Options options_;
  Store& store_;
  DesiredConfiguration desired_;
  v1::Configuration configuration_;
  BanBook bans_;
  RelayBook relays_;
  RelayPlacement relay_placement_;
  Placement placement_;
  Directory directory_;
  Kicks kicks_;
  v1::NodeOrder state_;  // the NodeState in force
  uint64_t configuration_revision_ = 0;
  uint64_t next_attachment_ = 1;
  std::map<uint64_t, Attachment> attachments_;
  std::vector<Watcher> watchers_;
  int64_t next_publish_ms_ = 0;
};

}  // namespace millrace::control
