#pragma once
// The router's end of the media bus: one ZeroMQ ROUTER socket, used by one thread. A connection is
// the routing id that ZeroMQ gave it, so nothing is kept for it here.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "router/outbox.h"

namespace millrace::router {

class BusSocket : public Outbox {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnControl(ConnectionId from, const v1::Envelope& envelope) = 0;
    virtual void OnMedia(ConnectionId from, const SharedBatch& batch) = 0;
    // Not a message of the contract.
    virtual void OnGarbage() = 0;
  };

  // Binds `endpoint`, "tcp://host:port"; port 0 or * takes a free one. InvalidArgument: ZeroMQ does
  // not understand it. Unavailable: the address is taken.
  static absl::StatusOr<std::unique_ptr<BusSocket>> Bind(const std::string& endpoint);
  ~BusSocket() override;  // what has not left yet is dropped
  BusSocket(const BusSocket&) = delete;
  BusSocket& operator=(const BusSocket&) = delete;

  int port() const;

  // Until a message may have come, `wake` (a file descriptor) is readable, or the time is over.
  // Returns at once where something was sent since Receive found nothing.
  void Wait(int wake, int64_t timeout_ms);
  // Hands out what has come, at most `limit` messages; how many there were.
  size_t Receive(size_t limit, Handler& handler);
  // Connections to which nothing could be sent since the last call.
  std::vector<ConnectionId> TakeUnreachable();

  void SendControl(ConnectionId connection, const v1::Envelope& envelope) override;
  void SendMedia(ConnectionId connection, const SharedBatch& batch) override;

 private:
  class Impl;
  explicit BusSocket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::router
