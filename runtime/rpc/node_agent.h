#pragma once
// A node's side of NodeService.Attach: registers, reports sessions and streams, receives
// configuration, topology, bans and commands, and keeps the last NodeState on disk so that the node
// works without the control plane. Reconnects for ever with jittered back-off (100 ms to 2 s).

#include <functional>
#include <memory>
#include <string>

#include "millrace/v1/node.pb.h"
#include "runtime/rpc/session_registry.h"

namespace millrace::rpc {

class NodeAgent {
 public:
  struct Options {
    std::string control_plane;  // "host:port"
    std::string state_file;     // where NodeState is kept; empty: nowhere
    v1::Register registration;
  };
  // Each is called on the agent's own thread: post to yours.
  struct Handlers {
    std::function<void(const v1::NodeState&)> on_state;
    std::function<v1::CommandResult(const v1::Command&)>
        on_command;  // kicks of sessions are already done
    std::function<v1::Heartbeat()> heartbeat;
    // What to pull and push: whole, each time any of it changes. Unset: the node has no relays.
    std::function<void(const v1::RelayAssignments&)> on_relays;
    // For the log, may be empty: "attached to …", "lost …: why, …", a state file that cannot be
    // used.
    std::function<void(const std::string& text)> on_event;
  };

  NodeAgent(Options options, Handlers handlers, SessionRegistry& sessions);
  ~NodeAgent();  // detaches and joins the thread
  NodeAgent(const NodeAgent&) = delete;
  NodeAgent& operator=(const NodeAgent&) = delete;

  // Reads the state file (calling on_state where there is one, here and now, so that bans hold from
  // the first session on), then attaches in the background.
  void Start();
  bool attached() const;
  // Routers: rows of the stream table; sent with the next report (every 500 ms, sooner for up and
  // down).
  void StreamChanged(const v1::Stream& stream);
  void StreamGone(const std::string& name);
  // The heartbeat says something new: it goes out now. Any thread.
  void HeartbeatChanged();
  // Every relay that the node has; what is new of it is reported soon. Any thread.
  void SetRelays(v1::RelayUpdate all);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::rpc
