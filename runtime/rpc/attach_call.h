#pragma once
// The gRPC part of NodeAgent: one channel, and on it one Attach call at a time. No gRPC types show,
// and gRPC's threads touch nothing but the call's own queues.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "millrace/v1/node.pb.h"

namespace millrace::rpc {

class AttachCall {
 public:
  virtual ~AttachCall() = default;  // cancels, and waits until gRPC is done with it
  // Queues a report; they leave in order.
  virtual void Send(v1::NodeReport report) = 0;
  // Nothing is waiting to be written: the moment to take the next update, so that a slow control
  // plane gets the latest of everything and not the history of it.
  virtual bool idle() const = 0;
  // The next order, if one has come.
  virtual std::optional<v1::NodeOrder> Receive() = 0;
  // Why the call is over, once it is and every order that came before was received.
  virtual std::optional<std::string> broken() const = 0;
};

class AttachChannel {
 public:
  virtual ~AttachChannel() = default;
  // `notify` is called on gRPC's threads when idle(), Receive() or broken() may answer anew. It may
  // only signal.
  virtual std::unique_ptr<AttachCall> Attach(std::function<void()> notify) = 0;
};

// `target`: "host:port" of the control plane. Nothing connects before the first Attach.
std::unique_ptr<AttachChannel> MakeAttachChannel(const std::string& target);

}  // namespace millrace::rpc
