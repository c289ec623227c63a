#pragma once
// Commands under way, and who has answered them.

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "millrace/v1/node.pb.h"

namespace millrace::control {

struct CommandOutcome {
  std::map<std::string, v1::CommandResult> results;  // by node
  std::vector<std::string> silent;  // nodes that did not answer in time, or broke off

  bool found() const;
  uint32_t sessions() const;  // that were told to close
};
using CommandDone = std::function<void(const CommandOutcome&)>;

class Kicks {
 public:
  static constexpr int64_t kTimeoutMs = 1'000;

  // A number for a command that `nodes` (at least one) are about to be sent.
  uint64_t Begin(const std::vector<std::string>& nodes, int64_t now_ms, CommandDone done);
  void Answered(const std::string& node, const v1::CommandResult& result);
  // The node will not answer any more.
  void Lost(const std::string& node);
  // Ends what has waited too long.
  void Expire(int64_t now_ms);
  void EndAll();

 private:
  struct Pending {
    std::set<std::string> awaited;
    CommandOutcome outcome;
    CommandDone done;
    int64_t deadline_ms = 0;
  };
  void EndIf(const std::function<bool(const Pending&)>& over);

  uint64_t next_ = 1;
  std::map<uint64_t, Pending> pending_;
};

}  // namespace millrace::control
