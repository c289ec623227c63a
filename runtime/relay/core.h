#pragma once
// Which relays (pulls and pushes) a node runs, and when it tries again: a state machine without I/O
// and without a clock. One attempt a relay at a time; the next begins when the last has ended.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/v1/node.pb.h"
#include "runtime/relay/session.h"

namespace millrace::relay {

// The same moment on two clocks: one to count from, one to show.
struct Time {
  int64_t steady_ms = 0;
  int64_t unix_ms = 0;
};

using Job = std::variant<v1::Pull, v1::Push>;

struct JobId {
  bool push = false;
  std::string name;  // Pull.stream or Push.name
  auto operator<=>(const JobId&) const = default;
};

struct StartAction {
  JobId id;
  Job job;
};
struct StopAction {
  JobId id;
  StopKind kind;
};
using Action = std::variant<StartAction, StopAction>;

class Core {
 public:
  // The delay doubles from the first to the longest, jittered over its upper half. A relay that ran
  // for kSteadyMs begins with the first again.
  static constexpr int64_t kFirstDelayMs = 500;
  static constexpr int64_t kMaxDelayMs = 10'000;
  static constexpr int64_t kSteadyMs = 10'000;
  // After a kick; and after another publisher has taken the stream over, lest the two take it from
  // each other for ever.
  static constexpr int64_t kKickedDelayMs = 10'000;
  static constexpr int64_t kReplacedDelayMs = 60'000;

  // `random`: uniform in [0, 1).
  explicit Core(std::function<double()> random) : random_(std::move(random)) {}

  void Assign(const v1::RelayAssignments& assignments, Time now);
  void Running(const JobId& id, std::string_view session, Time now);
  // `reason` without secrets.
  void Ended(const JobId& id, End end, std::string_view reason, Time now);
  // Nothing is started any more; what is taken away is handed over.
  void Drain() { draining_ = true; }
  // `attached`: to the control plane. Without it nobody knows whether a stream that another
  // publisher took over is still this node's to pull, and it is left alone.
  void OnTimer(Time now, bool attached);
  // In steady milliseconds.
  std::optional<int64_t> NextDeadline() const;

  // What has to be done, in order.
  std::vector<Action> TakeActions() { return std::exchange(actions_, {}); }
  // Every relay that is assigned or has not ended yet.
  v1::RelayUpdate Describe() const;
  // How many are in each state.
  std::map<v1::RelayState, int> Count(bool pushes) const;

 private:
  enum class Phase { kPausing, kConnecting, kRunning, kStopping };
  struct Entry {
    Job job;
    bool assigned = true;
    Phase phase = Phase::kPausing;
    v1::RelayStatus status;
    int64_t next_try_ms = 0;       // while kPausing
    int64_t running_since_ms = 0;  // while kRunning
    uint32_t failures = 0;         // in a row
    bool replaced = false;
  };

  void AssignOne(const JobId& id, Job job, Time now);
  void Start(const JobId& id, Entry& entry, Time now);
  void Stop(const JobId& id, Entry& entry, StopKind kind);
  int64_t DelayAfter(End end, const Entry& entry);
  static void Enter(Entry& entry, v1::RelayState state, Time now);

  const std::function<double()> random_;
  std::map<JobId, Entry> entries_;
  std::vector<Action> actions_;
  bool draining_ = false;
};

}  // namespace millrace::relay
