#pragma once
// Which node runs which pull and push, and how they are doing. One owner each. No I/O, no clock.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "control-plane/ban_book.h"
#include "control-plane/directory.h"
#include "control-plane/relay_book.h"
#include "millrace/v1/node.pb.h"

namespace millrace::control {

class RelayPlacement {
 public:
  // After a start nodes come back and say what they run; what nobody has said by then is given out.
  static constexpr int64_t kSettleMs = 3'000;
  // So long a node that is gone keeps what it had: it may only have lost its connection.
  static constexpr int64_t kLeaseMs = 3'000;
  // A push outlives its stream by this, as the control plane sees it.
  static constexpr int64_t kPushLingerMs = 1'000;

  explicit RelayPlacement(const RelayBook& book) : book_(book) {}
  // Where there may be nodes that run something already.
  void Start(int64_t now_ms) { settled_ms_ = now_ms + kSettleMs; }

  // A node's report. The first one after it has attached is complete: what it runs is its own,
  // unless it is another's by now.
  void Report(const std::string& node, const v1::RelayUpdate& update, int64_t now_ms);
  void Detached(const std::string& node, int64_t now_ms);

  // Decides anew; the nodes that have to be told what they have now.
  std::vector<std::string> Plan(const Directory& directory, const BanBook& bans, int64_t now_ms);
  v1::RelayAssignments AssignmentsOf(const std::string& node);

  v1::RelayStatus PullStatus(const std::string& stream) const;
  v1::RelayStatus PushStatus(const std::string& name) const;

 private:
  using Key = std::pair<bool, std::string>;  // whether it is a push, name
  struct Row {
    std::string definition;  // as it was planned last
    std::string owner;
    int64_t gone_ms = 0;    // since when the owner is; 0: it is there
    int64_t wanted_ms = 0;  // when somebody wanted it last; 0: never
    v1::RelayStatus status;
  };
  struct Wish {
    bool wanted = false;
    v1::RelayStatus otherwise;  // what to show while it is not
  };

  Wish WishFor(const v1::Pull& pull, Row& row, const Directory& directory, const BanBook& bans,
               const std::set<std::string>& pushed, int64_t now_ms) const;
  Wish WishFor(const v1::Push& push, Row& row, const Directory& directory, const BanBook& bans,
               bool streams_known, int64_t now_ms) const;
  void PlanOne(const Key& key, const std::string& definition, const std::string& url, Row& row,
               const Wish& wish, const Directory& directory, int64_t now_ms);
  void Release(Row& row);
  // The node with the fewest relays that may have one more of that kind; empty: none.
  std::string Choose(const Key& key, const std::string& scheme, const Directory& directory) const;
  static void Show(Row& row, v1::RelayState state, const std::string& reason, int64_t now_ms);

  const RelayBook& book_;
  int64_t settled_ms_ = 0;
  uint64_t revision_ = 0;
  std::map<Key, Row> rows_;
  std::set<std::string> reported_;      // nodes that have said what they run
  std::map<std::string, size_t> load_;  // relays by owner
  std::set<std::string> changed_;       // nodes that have to be told
};

}  // namespace millrace::control
