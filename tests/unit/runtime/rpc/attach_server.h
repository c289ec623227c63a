#pragma once
// A control plane that a test scripts: takes Attach calls, keeps what nodes report, sends what it
// is told to.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/v1/node.pb.h"

namespace millrace::rpc {

class AttachServer {
 public:
  // Listens on loopback; `port` 0: any free one.
  static std::unique_ptr<AttachServer> Start(int port = 0);
  virtual ~AttachServer() = default;  // breaks every call

  virtual int port() const = 0;
  std::string target() const { return "127.0.0.1:" + std::to_string(port()); }
  // What nodes have reported so far, over all calls.
  virtual std::vector<v1::NodeReport> reports() const = 0;
  // Waits (10 s at most) until `enough` holds of the reports.
  virtual bool Await(const std::function<bool(const std::vector<v1::NodeReport>&)>& enough) = 0;
  // To the call that came last.
  virtual void Send(const v1::NodeOrder& order) = 0;
  // Ends the call that came last; the server goes on.
  virtual void Break() = 0;
};

}  // namespace millrace::rpc
